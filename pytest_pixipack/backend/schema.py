"""The objects of the pixi-build API, version 7: their fields, and what is not among them.

One table, spelled as on the wire, called as in pixi (crates/pixi_build_types/src). The kind of a
field is `text`, `integer`, `boolean`, `any`, `object` (any keys), the name of another object, a
list of one (`[text]`) or a map of one (`{Target}`). A `!` at the end: it has to be there and not
null; `@5`: since that version of the API (default: the first). Everything else may be absent or
null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend.reading import bad
from pytest_pixipack.backend.versions import CURRENT, OLDEST_SUPPORTED

_SPEC = {
    "version": "text", "build": "text", "buildNumber": "text", "extras": "[text]",
    "flags": "[text]", "subdir": "text", "license": "text", "condition": "any",
}  # fmt: skip
_PIN = {"lowerBound": "PinBound", "upperBound": "PinBound", "exact": "boolean", "build": "text"}
_ASKED = "[CondaBuildV1Dependency]!"
_SPECS = "{PackageSpec}"

OBJECTS: Mapping[str, Mapping[str, str]] = {
    # negotiateCapabilities
    "NegotiateCapabilitiesParams": {"capabilities": "FrontendCapabilities!"},
    "FrontendCapabilities": {},
    "NegotiateCapabilitiesResult": {"capabilities": "BackendCapabilities!"},
    "BackendCapabilities": {"providesCondaOutputs": "boolean", "providesCondaBuildV1": "boolean"},
    # initialize
    "InitializeParams": {
        "manifestPath": "text!", "sourceDirectory": "text", "workspaceDirectory": "text",
        "checkoutRoot": "text", "cacheDirectory": "text", "workspaceScratchDirectory": "text",
        "projectModel": "ProjectModel", "configuration": "any", "targetConfiguration": "{any}",
    },
    "InitializeResult": {},
    "ProjectModel": {
        "name": "text", "buildStringPrefix": "text", "buildNumber": "integer", "version": "text",
        "description": "text", "buildFlags": "[text]", "authors": "[text]", "license": "text",
        "licenseFile": "text", "readme": "text", "homepage": "text", "repository": "text",
        "documentation": "text", "targets": "Targets", "secrets": "[text]",
    },
    "Targets": {"defaultTarget": "Target", "conditional": "{Target}@5"},
    "Target": {
        "hostDependencies": _SPECS, "buildDependencies": _SPECS, "runDependencies": _SPECS,
        "runConstraints": _SPECS, "extraDependencies": "{{PackageSpec}}@5",
        "runExports": "RunExports@6",
    },
    "RunExports": {
        "noarch": _SPECS, "strong": _SPECS, "weak": _SPECS, "strongConstraints": _SPECS,
        "weakConstraints": _SPECS,
    },
    # dependencies as they travel
    "PackageSpec": {
        "binary": "BinaryPackageSpec", "source": "SourcePackageSpec",
        "pinCompatible": "PinCompatibleSpec@7", "pinSubpackage": "PinSubpackageSpec@7",
    },
    "NamedSpec": {
        "name": "text!", "binary": "BinaryPackageSpec", "source": "SourcePackageSpec",
        "pinCompatible": "PinCompatibleSpec@7", "pinSubpackage": "PinSubpackageSpec@7",
    },
    "BinaryPackageSpec": {
        **_SPEC, "fileName": "text", "channel": "text", "md5": "text", "sha256": "text",
        "url": "text",
    },
    "SourcePackageSpec": {**_SPEC, "path": "PathSpec", "git": "GitSpec", "url": "UrlSpec"},
    "PathSpec": {"path": "text!"},
    "GitSpec": {"git": "text!", "rev": "any", "subdirectory": "text", "lfs": "boolean"},
    "UrlSpec": {"url": "text!", "md5": "text", "sha256": "text", "subdirectory": "text"},
    "PinCompatibleSpec": _PIN,
    "PinSubpackageSpec": _PIN,
    "PinBound": {"expression": "text", "version": "text"},
    # conda/outputs
    "CondaOutputsParams": {
        "channels": "[text]!", "hostPlatform": "text!", "buildPlatform": "text!",
        "variantConfiguration": "{[VariantValue]}", "variantFiles": "[text]",
        "workDirectory": "text!",
    },
    "CondaOutputsResult": {
        "outputs": "[CondaOutput]!", "inputGlobs": "[text]!", "inputGlobSets": "[InputGlobSet]",
    },
    "CondaOutput": {
        "metadata": "CondaOutputMetadata!", "buildDependencies": "CondaOutputDependencies",
        "hostDependencies": "CondaOutputDependencies",
        "runDependencies": "CondaOutputDependencies!", "extraDependencies": "{[NamedSpec]}@5",
        "ignoreRunExports": "CondaOutputIgnoreRunExports!",
        "runExports": "CondaOutputRunExports!", "inputGlobs": "[text]",
        "inputGlobSets": "[InputGlobSet]",
    },
    "CondaOutputMetadata": {
        "name": "text!", "version": "text!", "build": "text!", "buildNumber": "integer!",
        "subdir": "text!", "license": "text", "licenseFamily": "text", "flags": "[text]",
        "trackFeatures": "[text]", "noarch": "any", "purls": "[text]",
        "pythonSitePackagesPath": "text", "variant": "{VariantValue}!",
    },
    "CondaOutputDependencies": {"depends": "[NamedSpec]!", "constraints": "[NamedSpec]!"},
    "CondaOutputIgnoreRunExports": {"byName": "[text]!", "fromPackage": "[text]!"},
    "CondaOutputRunExports": {
        "weak": "[NamedSpec]!", "strong": "[NamedSpec]!", "noarch": "[NamedSpec]!",
        "weakConstrains": "[NamedSpec]!", "strongConstrains": "[NamedSpec]!",
    },
    "InputGlobSet": {
        "patterns": "[text]!", "markers": "[text]", "excludeHidden": "boolean", "root": "text",
    },
    # conda/build_v1
    "CondaBuildV1Params": {
        "channels": "[text]", "buildPrefix": "CondaBuildV1Prefix",
        "hostPrefix": "CondaBuildV1Prefix", "runDependencies": "[CondaBuildV1Dependency]",
        "runConstraints": "[CondaBuildV1Dependency]", "runExports": "CondaBuildV1RunExports",
        "extraDependencies": "{[CondaBuildV1Dependency]}@5", "output": "CondaBuildV1Output!",
        "workDirectory": "text!", "outputDirectory": "text", "editable": "boolean",
        "packageFormat": "CondaPackageFormat",
    },
    "CondaBuildV1Prefix": {
        "prefix": "text!", "platform": "text!", "dependencies": "[CondaBuildV1Dependency]",
        "constraints": "[CondaBuildV1Dependency]", "packages": "[object]",
    },
    "CondaBuildV1Dependency": {
        "spec": "MatchSpec!", "source": "CondaBuildV1DependencyRunExportSource",
    },
    "CondaBuildV1DependencyRunExportSource": {
        "type": "text!", "from": "text!", "runExport": "text!",
    },
    "CondaBuildV1RunExports": {
        "weak": _ASKED, "strong": _ASKED, "noarch": _ASKED, "weakConstrains": _ASKED,
        "strongConstrains": _ASKED,
    },
    "CondaBuildV1Output": {
        "name": "text!", "version": "text", "build": "text", "subdir": "text!",
        "variant": "{VariantValue}!",
    },
    "CondaPackageFormat": {"archiveType": "text!", "compressionLevel": "any"},
    "CondaBuildV1Result": {
        "output_file": "text!", "input_globs": "[text]!", "input_glob_sets": "[InputGlobSet]",
        "name": "text!", "version": "text!", "build": "text!", "subdir": "text!",
    },
}  # fmt: skip

METHODS: Mapping[str, tuple[str, str]] = {
    "negotiateCapabilities": ("NegotiateCapabilitiesParams", "NegotiateCapabilitiesResult"),
    "initialize": ("InitializeParams", "InitializeResult"),
    "conda/outputs": ("CondaOutputsParams", "CondaOutputsResult"),
    "conda/build_v1": ("CondaBuildV1Params", "CondaBuildV1Result"),
}

# Match specs of rattler serialise with these keys; a text is what versions before 5 sent.
_MATCH_SPEC = frozenset({
    "name", "version", "build", "build_number", "file_name", "extras", "flags", "channel",
    "subdir", "namespace", "md5", "sha256", "url", "license", "license_family", "condition",
    "track_features",
})  # fmt: skip
_SCALARS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "a string"),
    "integer": ((int,), "a natural number"),
    "boolean": ((bool,), "true or false"),
    "object": ((Mapping,), "an object"),
    "VariantValue": ((str, int, bool), "a string, an integer or a boolean"),
}
_KIND = re.compile(r"(?P<kind>[^!@]+)(?P<required>!)?(?:@(?P<since>\d+))?")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is odd about one place of a message: `unknown` key, `missing` key, or wrong `type`."""

    place: str
    kind: str
    text: str


def field_kind(spelled: str) -> tuple[str, bool, int]:
    """Kind, whether it is required, and the API version it came with."""
    match = _KIND.fullmatch(spelled)
    assert match is not None
    return match["kind"], bool(match["required"]), int(match["since"] or 1)


def remarks(value: object, kind: str, place: str = "") -> Iterator[Remark]:
    """All that is odd about a value of this kind, in the order of its keys."""
    if kind == "any":
        return
    if kind in _SCALARS:
        types, text = _SCALARS[kind]
        right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if not right or (kind == "integer" and isinstance(value, int) and value < 0):
            yield Remark(place, "type", f"has to be {text}")
    elif kind.startswith("["):
        if not isinstance(value, list):
            yield Remark(place, "type", "has to be a list")
            return
        for number, entry in enumerate(value):
            yield from remarks(entry, kind[1:-1], f"{place}[{number}]")
    elif not isinstance(value, Mapping):
        if not (kind == "MatchSpec" and isinstance(value, str)):
            yield Remark(place, "type", "has to be an object")
    elif kind.startswith("{"):
        for key, entry in value.items():
            yield from remarks(entry, kind[1:-1], _below(place, key))
    elif kind == "MatchSpec":
        for key in value.keys() - _MATCH_SPEC:
            yield Remark(_below(place, key), "unknown", "is not known")
    else:
        yield from _of_object(value, kind, place)


def _of_object(value: Mapping[str, Any], kind: str, place: str) -> Iterator[Remark]:
    fields = OBJECTS[kind]
    for key, spelled in fields.items():
        inner, required, _ = field_kind(spelled)
        entry = value.get(key)
        if entry is not None:
            yield from remarks(entry, inner, _below(place, key))
        elif required:
            yield Remark(_below(place, key), "missing", "is missing")
    for key in value:
        if key not in fields:
            yield Remark(_below(place, key), "unknown", "is not known")


def unknown_fields(value: object, kind: str) -> tuple[str, ...]:
    """The places of keys that version 7 does not have (`projectModel.targets.future`), sorted."""
    return tuple(sorted({r.place for r in remarks(value, kind) if r.kind == "unknown"}))


def checked(value: object, kind: str, where: str | None = None) -> Mapping[str, Any]:
    """The object itself, where it has the shape of `kind`; keys that are not known are no matter.

    Raises `BackendError` that names the first place that is missing or of another type.
    """
    for remark in remarks(value, kind, kind if where is None else where):
        if remark.kind != "unknown":
            raise bad(remark.place, remark.text)
    assert isinstance(value, Mapping)
    return value


def needed_version(value: object, kind: str) -> int:
    """The oldest supported version of the API that has every field that is used here."""
    return max([OLDEST_SUPPORTED, *_since(value, kind)])


def _since(value: object, kind: str) -> Iterator[int]:
    if kind.startswith("[") and isinstance(value, list):
        for entry in value:
            yield from _since(entry, kind[1:-1])
    elif kind.startswith("{") and isinstance(value, Mapping):
        for entry in value.values():
            yield from _since(entry, kind[1:-1])
    elif kind in OBJECTS and isinstance(value, Mapping):
        for key, spelled in OBJECTS[kind].items():
            inner, _, since = field_kind(spelled)
            # An empty table says nothing that an older backend would miss.
            if value.get(key) not in (None, {}, []) or (since == CURRENT and key in value):
                yield since
                yield from _since(value[key], inner)


def _below(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)
