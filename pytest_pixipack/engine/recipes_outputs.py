"""What `conda/outputs` says of a rendered recipe.

Follows prefix-dev/pixi, `crates/pixi_build_rattler_build/src/protocol.rs` and
`crates/pixi_build_backend/src/dependencies.rs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_pixipack.backend.matchspec import parse_match_spec
from pytest_pixipack.backend.pins import pin_fields
from pytest_pixipack.engine.recipes_render import Recipe, Rendered
from pytest_pixipack.errors import BackendError

Json = dict[str, Any]

_BINARY = (
    "version", "build", "buildNumber", "fileName", "extras", "flags", "channel", "subdir", "md5",
    "sha256", "url", "license", "condition",
)  # fmt: skip
_SOURCE = ("version", "build", "buildNumber", "subdir", "license")
_SOURCE_OPTIONAL = ("extras", "flags", "condition")
_HERE: Json = {"path": {"path": "."}}
_RUN_EXPORTS = {
    "weak": "weak",
    "strong": "strong",
    "noarch": "noarch",
    "weak_constraints": "weakConstrains",
    "strong_constraints": "strongConstrains",
}


def outputs_json(recipe: Recipe, rendered: Sequence[Rendered]) -> list[Json]:
    """The `outputs` of a recipe; skipped ones are left out.

    Raises `BackendError` for a pin on an output that does not come before.
    """
    # Outputs of a recipe need each other from source.
    sources = {each.name: _HERE for each in rendered} | dict(recipe.sources)
    known: dict[str, tuple[str, str]] = {}
    found = []
    for each in rendered:
        if not each.skipped:
            known[each.name] = (each.version, each.build)
            found.append(_Output(each, known, sources).to_json())
    return found


class _Output:
    """`known` are the outputs so far: name -> version and build."""

    def __init__(
        self,
        rendered: Rendered,
        known: Mapping[str, tuple[str, str]],
        sources: Mapping[str, Json],
    ) -> None:
        self._rendered = rendered
        self._known = known
        self._sources = sources
        # As rattler-build looks a name up among the variants.
        self._variant = {_normalised(k): v for k, v in rendered.variant.items()}

    def to_json(self) -> Json:
        needs = self._rendered.recipe.get("requirements") or {}
        ignore = needs.get("ignore_run_exports") or {}
        exports = needs.get("run_exports") or {}
        return {
            "metadata": self._metadata(),
            "buildDependencies": _section(self._specs(needs.get("build"), variant=True)),
            "hostDependencies": _section(self._specs(needs.get("host"), variant=True)),
            "runDependencies": _section(
                self._specs(needs.get("run")), self._constraints(needs.get("run_constraints"))
            ),
            **self._extras(needs.get("extras") or {}),
            "ignoreRunExports": {
                "byName": _texts(ignore.get("by_name")),
                "fromPackage": _texts(ignore.get("from_package")),
            },
            "runExports": {
                wire: self._constraints(exports.get(key), variant=True)
                if key.endswith("constraints")
                else self._specs(exports.get(key), variant=True)
                for key, wire in _RUN_EXPORTS.items()
            },
            "inputGlobs": None,
        }

    def _metadata(self) -> Json:
        rendered = self._rendered
        build, about = rendered.recipe["build"], rendered.recipe.get("about") or {}
        priority = (build.get("variant") or {}).get("down_prioritize_variant")
        features = [f"{rendered.name}-p-{index}" for index in range(abs(priority or 0))]
        return {
            "name": rendered.name,
            "version": rendered.version,
            "build": rendered.build,
            "buildNumber": build.get("number") or 0,
            "subdir": rendered.subdir,
            "license": about.get("license"),
            "licenseFamily": about.get("license_family"),
            **({"flags": _texts(build["flags"])} if build.get("flags") else {}),
            **({"trackFeatures": features} if features else {}),
            "noarch": rendered.noarch or False,
            "purls": None,
            "pythonSitePackagesPath": (build.get("python") or {}).get("site_packages_path"),
            "variant": {key: rendered.variant[key] for key in sorted(rendered.variant)},
        }

    def _extras(self, groups: Mapping[str, Any]) -> Json:
        if not groups:
            return {}
        return {"extraDependencies": {g: self._specs(groups[g]) for g in sorted(groups)}}

    def _specs(self, entries: object, *, variant: bool = False) -> list[Json]:
        return [self._spec(each, variant=variant) for each in _list(entries)]

    def _constraints(self, entries: object, *, variant: bool = False) -> list[Json]:
        return [self._spec(each, variant=variant, plain=True) for each in _list(entries)]

    def _spec(self, entry: object, *, variant: bool, plain: bool = False) -> Json:
        """One requirement: a match spec or a pin; `plain` ones are never built from source."""
        if isinstance(entry, Mapping):
            name, pin = _pin(entry)
            if "pin_compatible" in entry:
                return {"name": name, "pinCompatible": pin}
            if name not in self._known:
                raise BackendError(
                    "could not apply pin. The following subpackage is not available: " + name
                )
            fields = pin_fields(pin, *self._known[name])
        else:
            name, fields = _match_spec(str(entry))
            if variant and not fields and _normalised(name) in self._variant:
                return _binary(name, _variant_fields(name, self._variant[_normalised(name)]))
        if name in self._sources and not plain:
            return {"name": name, "source": _source_fields(self._sources[name], fields)}
        return _binary(name, fields)


def _section(depends: list[Json], constraints: list[Json] | None = None) -> Json:
    return {"depends": depends, "constraints": constraints or []}


def _binary(name: str, fields: Mapping[str, Any]) -> Json:
    return {"name": name, "binary": {key: fields.get(key) for key in _BINARY}}


def _source_fields(source: Mapping[str, Any], fields: Mapping[str, Any]) -> Json:
    location = {key: source[key] for key in ("path", "git", "url") if source.get(key)}
    chosen = {
        key: source.get(key) if fields.get(key) is None else fields[key]
        for key in (*_SOURCE, *_SOURCE_OPTIONAL)
    }
    present = {key: chosen[key] for key in _SOURCE_OPTIONAL if chosen[key] is not None}
    return {**location, **{key: chosen[key] for key in _SOURCE}, **present}


def _match_spec(text: str) -> tuple[str, Json]:
    parsed = parse_match_spec(text)
    if parsed is None:
        raise BackendError(f"`{text}` is not a match spec.")
    fields = dict(parsed.fields)
    if parsed.name == text.strip():
        fields = {}
    return parsed.name, fields


def _variant_fields(name: str, value: object) -> Json:
    """What a variant means for a requirement without a version: `1.3` is `1.3.*`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if all(char.isalnum() or char == "." for char in text):
        text = f"={text}"
    return _match_spec(f"{name} {text}")[1]


def _pin(entry: Mapping[str, Any]) -> tuple[str, Json]:
    (pin,) = entry.values()
    found: Json = {}
    for key, wire in (("lower_bound", "lowerBound"), ("upper_bound", "upperBound")):
        bound = pin.get(key)
        if bound is not None:
            kind = "expression" if re.fullmatch(r"x(\.x)*", str(bound)) else "version"
            found[wire] = {kind: str(bound)}
    if pin.get("exact"):
        found["exact"] = True
    if pin.get("build"):
        found["build"] = str(pin["build"])
    return str(pin["name"]), found


def _normalised(key: str) -> str:
    return re.sub(r"[-_.]", "_", key)


def _texts(values: object) -> list[str]:
    return [str(each) for each in _list(values)]


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else () if value is None else (value,)
