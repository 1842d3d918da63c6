"""The outputs that the stub backend offers: the package of the manifest, and those it is told of.

Build and host dependencies without a version, and names that conditions use, are expanded into
variants where the variant configuration has values for them. Only the output that is called like
the package has the manifest's dependencies; tables of the stub's own are added to them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.errors import BackendError

Json = dict[str, Any]

# Of a target in the project model, and of the stub's own tables.
_SECTIONS = {
    "buildDependencies": "build-dependencies",
    "hostDependencies": "host-dependencies",
    "runDependencies": "run-dependencies",
    "runConstraints": "run-constraints",
}
_BUCKETS = {
    "weak": "weak",
    "strong": "strong",
    "noarch": "noarch",
    "weakConstraints": "weak-constraints",
    "strongConstraints": "strong-constraints",
}


class OutputMaker:
    """Makes one output, in all its variants.

    `table` has the keys of `stub_orders.OUTPUT_KEYS` with `name` and `version`; `keys` are further
    keys of the variant configuration that get one output per value.
    """

    def __init__(self, model: Json, table: Json, keys: list[str]) -> None:
        self._model = model
        self._table = table
        self._keys = keys
        targets = model.get("targets") or {}
        inherits = table["name"] == model["name"]
        self._default = (targets.get("defaultTarget") or {}) if inherits else {}
        self._conditional = (targets.get("conditional") or {}) if inherits else {}
        self._own, self._own_conditional = _own_targets(table)

    def outputs(self, host: str, build: str, configuration: Json) -> list[Json]:
        """All variants for these platforms. Raises `BackendError` for a bad condition."""
        return [
            self._output(host, build, variant)
            for variant in self._variants(host, build, configuration)
        ]

    def _variants(self, host: str, build: str, configuration: Json) -> Iterator[Json]:
        keys = set(self._keys)
        in_conditions = self._names_in_conditions() & set(configuration)
        for variant in _combinations(in_conditions, configuration):
            targets = list(self._targets(host, build, variant))
            specs = self._specs("buildDependencies", targets)
            specs += self._specs("hostDependencies", targets)
            keys |= {spec["name"] for spec in specs if _version(spec) == "*"}
        used = (keys | in_conditions) & set(configuration)
        fixed = self._table.get("variant") or {}
        seen = []
        for values in _combinations(used, configuration):
            variant = {"target_platform": host, **values, **fixed}
            if variant not in seen:  # where a fixed value takes the place of several
                seen.append(variant)
                yield variant

    def _names_in_conditions(self) -> set[str]:
        expressions = [*self._conditional, *self._own_conditional]
        if not expressions:
            return set()
        from pytest_pixipack.backend.conditions import names_in

        return {name for expression in expressions for name in names_in(expression)}

    def _targets(self, host: str, build: str, variant: Json) -> Iterator[Json]:
        yield self._default
        yield from _applying(self._conditional, host, build, variant)
        yield self._own
        yield from _applying(self._own_conditional, host, build, variant)

    def _specs(self, key: str, targets: list[Json], bucket: str | None = None) -> list[Json]:
        found: list[Json] = []
        for target in targets:
            table = target.get(key) or {}
            if bucket is not None:
                table = table.get(bucket) or {}
            found += [{"name": name, **_prune(spec)} for name, spec in table.items()]
        return found

    def _output(self, host: str, build: str, variant: Json) -> Json:
        targets = list(self._targets(host, build, variant))
        metadata = self._metadata(host, variant)

        def resolved(specs: list[Json]) -> list[Json]:
            return [_resolved(_with_variant(spec, variant), metadata) for spec in specs]

        def section(key: str, constraints: list[Json] | None = None) -> Json:
            specs = resolved(self._specs(key, targets))
            return {"depends": specs, "constraints": resolved(constraints or [])}

        extras: dict[str, list[Json]] = {}
        for target in targets:
            for group, table in (target.get("extraDependencies") or {}).items():
                specs = [{"name": name, **_prune(spec)} for name, spec in table.items()]
                extras.setdefault(group, []).extend(resolved(specs))
        ignore = self._table.get("ignore-run-exports") or {}
        return {
            "metadata": metadata,
            "buildDependencies": section("buildDependencies"),
            "hostDependencies": section("hostDependencies"),
            "runDependencies": section("runDependencies", self._specs("runConstraints", targets)),
            "extraDependencies": extras,
            "ignoreRunExports": {
                "byName": ignore.get("by-name", []),
                "fromPackage": ignore.get("from-package", []),
            },
            "runExports": {
                key.replace("Constraints", "Constrains"): resolved(
                    self._specs("runExports", targets, key)
                )
                for key in _BUCKETS
            },
            "inputGlobs": self._table.get("input-globs"),
        }

    def _metadata(self, host: str, variant: Json) -> Json:
        table, model = self._table, self._model
        number = model.get("buildNumber")
        number = table.get("build-number", 0) if number is None else number
        digest = hashlib.sha256(json.dumps(variant, sort_keys=True).encode()).hexdigest()[:7]
        prefix = model.get("buildStringPrefix")
        noarch = table.get("noarch")
        told = {"flags": table.get("flags"), "trackFeatures": table.get("track-features")}
        return {
            "name": table["name"],
            "version": str(table["version"]),
            "build": f"{prefix + '_' if prefix else ''}h{digest}_{number}",
            "buildNumber": number,
            "subdir": "noarch" if noarch else host,
            "license": table.get("license", model.get("license")),
            "licenseFamily": table.get("license-family"),
            **{key: value for key, value in told.items() if value},
            "noarch": noarch or False,
            "purls": table.get("purls"),
            "pythonSitePackagesPath": table.get("python-site-packages-path"),
            "variant": {**variant, "target_platform": "noarch"} if noarch else variant,
        }


def _own_targets(table: Json) -> tuple[Json, dict[str, Json]]:
    """The stub's own dependency tables as a target, and those below `if(...)` by condition."""
    default: Json = {}
    conditional: dict[str, Json] = {}

    def place(into: list[str], entries: Any, where: str) -> None:
        if not isinstance(entries, dict):
            raise BackendError(f"{where} has to be a table")
        for name, spec in entries.items():
            if name.startswith("if(") and name.endswith(")"):
                _put(conditional.setdefault(name[3:-1].strip(), {}), into, _wired(spec, where))
            else:
                _put(default, into, {name: wire_spec(spec, f"{where}.{name}")})

    for wire, key in _SECTIONS.items():
        place([wire], table.get(key) or {}, key)
    for wire, key in _BUCKETS.items():
        place(["runExports", wire], (table.get("run-exports") or {}).get(key) or {}, key)
    for group, entries in (table.get("extra-dependencies") or {}).items():
        place(["extraDependencies", group], entries, f"extra-dependencies.{group}")
    return default, conditional


def _put(target: Json, into: list[str], specs: Json) -> None:
    for key in into:
        target = target.setdefault(key, {})
    target.update(specs)


def _wired(entries: Any, where: str) -> Json:
    if not isinstance(entries, dict):
        raise BackendError(f"{where} has to be a table of dependencies below `if(...)`")
    return {name: wire_spec(spec, f"{where}.{name}") for name, spec in entries.items()}


def wire_spec(spec: Any, where: str) -> Json:
    """A dependency as users write it (`">=1"`, `{ path = ... }`, `{ pin-subpackage = {} }`)."""
    if isinstance(spec, str):
        return {"binary": {"version": spec}}
    if not isinstance(spec, dict):
        raise BackendError(f"{where} has to be a version or a table")
    for key, kind in (("pin-compatible", "pinCompatible"), ("pin-subpackage", "pinSubpackage")):
        if key in spec:
            return {kind: _pin(spec[key])}
    fields = {_camel(key): value for key, value in spec.items()}
    for kind in ("path", "git"):
        if kind in fields:
            place = {key: fields.pop(key) for key in (kind, "rev", "subdirectory") if key in fields}
            return {"source": {kind: place, **fields}}
    return {"binary": fields}


def _pin(table: Any) -> Json:
    fields: Json = {}
    for key, value in (table if isinstance(table, dict) else {}).items():
        if key in ("lower-bound", "upper-bound"):
            kind = "expression" if set(value) <= {"x", "."} else "version"
            fields[_camel(key)] = {kind: value}
        else:
            fields[key] = value
    return fields


def _camel(key: str) -> str:
    head, *rest = key.split("-")
    return head + "".join(part.capitalize() for part in rest)


def _applying(
    conditional: Mapping[str, Json], host: str, build: str, variant: Json
) -> Iterator[Json]:
    if not conditional:
        return
    from pytest_pixipack.backend.conditions import evaluate

    for expression, target in sorted(conditional.items()):
        if evaluate(expression, host, build, variant):
            yield target


def _resolved(spec: Json, metadata: Json) -> Json:
    """A pin on the output itself becomes a bound: pixi leaves that to the backend."""
    pin = spec.get("pinSubpackage")
    if pin is None or spec["name"] != metadata["name"]:
        return spec
    from pytest_pixipack.backend.pins import pin_fields

    fields = pin_fields(pin, metadata["version"], metadata["build"])
    return {"name": spec["name"], "binary": fields}


def _prune(value: Any) -> Any:
    """Drops nulls, which the output types do not need."""
    if isinstance(value, dict):
        return {k: _prune(v) for k, v in value.items() if v is not None}
    return value


def _version(spec: Json) -> str | None:
    """The version of a dependency that is not from source; `*` where it has none."""
    if "source" in spec:
        return None
    version: str = (spec.get("binary") or {}).get("version", "*")
    return version


def _with_variant(spec: Json, variant: Json) -> Json:
    if spec["name"] in variant and "binary" in spec and _version(spec) == "*":
        return {**spec, "binary": {"version": f"{variant[spec['name']]}.*"}}
    return spec


def _combinations(keys: set[str], configuration: Json) -> Iterator[Json]:
    ordered = sorted(keys)
    for values in itertools.product(*(configuration[key] for key in ordered)):
        yield dict(zip(ordered, values, strict=True))
