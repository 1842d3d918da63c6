"""Compares what this project knows of the pixi-build API with a checkout of pixi.

    python tools/check_build_api.py ~/src/pixi

Versions (`pytest_pixipack/backend/versions.py`) and the fields of every object
(`pytest_pixipack/backend/schema.py`) against `crates/pixi_build_types/src`. Prints what differs,
one thing per line; exit code 0 where nothing does, 1 where something does, 2 where there is no
checkout. For people who raise the version of pixi; no part of the tests.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_pixipack.backend.schema import METHODS, OBJECTS
from pytest_pixipack.backend.versions import API_VERSIONS, CURRENT

_STRUCT = re.compile(
    r"((?:^\s*#\[(?:[^\[\]]|\[[^\]]*\])*\]\n|^\s*//[^\n]*\n)*)"
    r"^pub (struct|enum) (\w+)(?:<[^>]*>)? \{(\}|.*?^\})",
    flags=re.M | re.S,
)
_FIELD = re.compile(r"^    pub (\w+):", flags=re.M)
_VARIANT = re.compile(r"^    (\w+)\(", flags=re.M)
# Described otherwise in the table, and why.
_ELSEWHERE = {
    "GitReference": "`rev` is of any kind",
    "CondaBuildV1PrefixPackage": "a repodata record",
    "ChannelConfiguration": "not sent",
    "CondaPackageMetadata": "not sent",
    "PlatformAndVirtualPackages": "not sent",
    "ConstraintSpec": "a PackageSpec that is no source",
    "CondaBuildV1DependencySource": "its only form is CondaBuildV1DependencyRunExportSource",
    "SourcePackageLocationSpec": "flattened into SourcePackageSpec",
    "InvalidExtraGroupName": "an error",
    "TargetSelector": "a text",
    "NamedCompressionLevel": "a text",
    "CondaCompressionLevel": "a text or a number",
    "VariantValue": "a scalar",
}
_FLATTENED = {
    "NamedSpec": ("binary", "source", "pinCompatible", "pinSubpackage"),
    "SourcePackageSpec": ("path", "git", "url"),
}
_TAGGED = {"CondaBuildV1DependencyRunExportSource": ("type",)}


def main(arguments: list[str]) -> int:
    """Prints the differences and returns the exit code."""
    root = Path(arguments[0] if arguments else ".") / "crates" / "pixi_build_types" / "src"
    if not (root / "lib.rs").is_file():
        print(f"{root} is not there; name a checkout of pixi", file=sys.stderr)
        return 2
    found = [*_versions((root / "lib.rs").read_text(encoding="utf-8")), *_objects(root)]
    print("\n".join(found) if found else f"version {CURRENT}: nothing differs")
    return 1 if found else 0


def _versions(text: str) -> Iterator[str]:
    current = int(re.findall(r"PIXI_BUILD_API_VERSION_CURRENT: u64 = (\d+)", text)[0])
    if current != CURRENT:
        yield f"pixi speaks version {current}, the table ends with {CURRENT}"
    known = {version.number: version.breaking for version in API_VERSIONS}
    told = {
        int(number): "(BREAKING)" in more
        for number, more in re.findall(r"^// Version (\d+):([^\n]*)", text, flags=re.M)
        if int(number) > 0
    }
    for number in sorted(known.keys() | told.keys()):
        if known.get(number) != told.get(number):
            there, here = told.get(number), known.get(number)
            yield f"version {number}: breaking is {there} in pixi, {here} here"


def _objects(root: Path) -> Iterator[str]:
    there: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.rs")):
        text = path.read_text(encoding="utf-8").partition("#[cfg(test)]\nmod tests")[0]
        for attributes, kind, name, body in _STRUCT.findall(text):
            if "Serialize" in attributes or "Deserialize" in attributes:
                there[name] = set(_fields(name, attributes, kind, body))
    used = {name for pair in METHODS.values() for name in pair}
    for name in sorted((used | OBJECTS.keys()) - there.keys()):
        yield f"{name}: not in pixi"
    for name in sorted(there):
        if name in _ELSEWHERE:
            continue
        here = set(OBJECTS.get(name, ()))
        if name not in OBJECTS:
            yield f"{name}: not in the table ({', '.join(sorted(there[name]))})"
            continue
        for field in sorted(there[name] - here):
            yield f"{name}.{field}: only in pixi"
        for field in sorted(here - there[name]):
            yield f"{name}.{field}: only in the table"


def _fields(name: str, attributes: str, kind: str, body: str) -> Iterator[str]:
    camel = 'rename_all = "camelCase"' in attributes
    if kind == "enum":
        for variant in _VARIANT.findall(body):
            yield variant[0].lower() + variant[1:]
        return
    yield from _FLATTENED.get(name, ())
    yield from _TAGGED.get(name, ())
    before = 0
    for match in _FIELD.finditer(body):
        own = body[before : match.start()]
        before = match.end()
        renamed = re.search(r'serde\(rename = "(\w+)"\)', own)
        if "serde(flatten)" in own:
            continue
        yield renamed[1] if renamed else _camel(match[1]) if camel else match[1]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
