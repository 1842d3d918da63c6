"""What a build backend answers, as types (pixi, crates/pixi_build_types/src/procedures).

Every type reads JSON with `from_json` and writes it with `to_json`; keys that are not known here
are kept in `raw` and written again. An answer of another shape raises `BackendError`, which names
the place in the answer (`outputs[0].metadata.name`); values that later become parts of paths
(names, versions, build strings, subdirs) are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_pixipack.backend import reading as read
from pytest_pixipack.errors import BackendError
from pytest_pixipack.facts import RUN_EXPORT_KINDS, VariantValue

SpecKind = Literal["binary", "source", "pinCompatible", "pinSubpackage"]
SPEC_KINDS: tuple[SpecKind, ...] = ("binary", "source", "pinCompatible", "pinSubpackage")

# The outputs spell the five kinds in camelCase, and say `Constrains`.
WIRE_RUN_EXPORTS = {
    "weak": "weak",
    "strong": "strong",
    "noarch": "noarch",
    "weak_constrains": "weakConstrains",
    "strong_constrains": "strongConstrains",
}


@dataclass(frozen=True, slots=True)
class NamedSpec:
    """A dependency as it travels: `{"name": ..., <kind>: {<fields>}}`, field names in camelCase."""

    name: str
    kind: SpecKind = "binary"
    fields: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def written_name(self) -> str:
        """The name as it came, capitals included; a lock keeps them for source packages."""
        return str(self.raw.get("name") or self.name)

    @property
    def version(self) -> str | None:
        """The version spec of a binary or source dependency, where it has one."""
        return self.fields.get("version")

    @property
    def is_source(self) -> bool:
        """Whether this names a package that is built from source."""
        return self.kind == "source"

    @property
    def location(self) -> Mapping[str, Any] | None:
        """Of a source dependency: `{"path": {...}}`, `{"git": {...}}` or `{"url": {...}}`."""
        for key in ("path", "git", "url"):
            if self.is_source and isinstance(self.fields.get(key), Mapping):
                return {key: self.fields[key]}
        return None

    @classmethod
    def from_json(cls, value: object, where: str = "dependency") -> NamedSpec:
        """Reads one entry of a list of dependencies."""
        table = read.table(value, where)
        kinds = [kind for kind in SPEC_KINDS if table.get(kind) is not None]
        if len(kinds) != 1:
            raise read.bad(where, f"needs exactly one of {', '.join(SPEC_KINDS)}")
        name = read.name(table, "name", where)
        fields = read.table(table[kinds[0]], f"{where}.{kinds[0]}")
        version = fields.get("version")
        if version is not None and not isinstance(version, str):
            raise read.bad(f"{where}.{kinds[0]}.version", "has to be a string")
        if kinds[0] == "source" and not any(fields.get(k) for k in ("path", "git", "url")):
            raise read.bad(f"{where}.source", "needs a path, git or url")
        return cls(name, kinds[0], dict(fields), dict(table))

    def to_json(self) -> dict[str, Any]:
        """The entry as a backend writes it."""
        return {**self.raw, "name": self.name, self.kind: dict(self.fields)}


def _specs(value: object, where: str) -> tuple[NamedSpec, ...]:
    items = read.items(value, where)
    return tuple(NamedSpec.from_json(v, f"{where}[{i}]") for i, v in enumerate(items))


def _json(specs: tuple[NamedSpec, ...]) -> list[dict[str, Any]]:
    return [spec.to_json() for spec in specs]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies and constraints of one environment."""

    depends: tuple[NamedSpec, ...] = ()
    constraints: tuple[NamedSpec, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object, where: str = "dependencies") -> Dependencies:
        """Reads the object; null, which the protocol allows, is no dependencies at all."""
        if value is None:
            return cls()
        table = read.table(value, where)
        return cls(
            _specs(table.get("depends") or [], f"{where}.depends"),
            _specs(table.get("constraints") or [], f"{where}.constraints"),
            dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as a backend writes it."""
        return {**self.raw, "depends": _json(self.depends), "constraints": _json(self.constraints)}

    def __bool__(self) -> bool:
        return bool(self.depends or self.constraints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One package that a backend can build (`CondaOutput`)."""

    name: str
    version: str
    build: str
    build_number: int = 0
    subdir: str
    noarch: str | None = None
    license: str | None = None
    license_family: str | None = None
    flags: tuple[str, ...] = ()
    track_features: tuple[str, ...] = ()
    purls: tuple[str, ...] | None = None
    python_site_packages_path: str | None = None
    variant: Mapping[str, VariantValue] = field(default_factory=dict)
    build_dependencies: Dependencies = Dependencies()
    host_dependencies: Dependencies = Dependencies()
    run_dependencies: Dependencies = Dependencies()
    extra_dependencies: Mapping[str, tuple[NamedSpec, ...]] = field(default_factory=dict)
    ignore_by_name: tuple[str, ...] = ()
    ignore_from_package: tuple[str, ...] = ()
    run_exports: Mapping[str, tuple[NamedSpec, ...]] = field(default_factory=dict)
    input_globs: tuple[str, ...] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def written_name(self) -> str:
        """The name as it came, capitals included."""
        return str(self.raw.get("metadata", {}).get("name") or self.name)

    @classmethod
    def from_json(cls, value: object, where: str = "output") -> Output:
        """Reads one element of `outputs`."""
        table = read.table(value, where)
        meta = read.table(table.get("metadata"), f"{where}.metadata")
        at = f"{where}.metadata"
        ignore = read.table(table.get("ignoreRunExports") or {}, f"{where}.ignoreRunExports")
        exports = read.table(table.get("runExports") or {}, f"{where}.runExports")
        extras = read.table(table.get("extraDependencies") or {}, f"{where}.extraDependencies")
        return cls(
            name=read.name(meta, "name", at),
            version=read.version(meta, "version", at),
            build=read.build(meta, "build", at),
            build_number=read.number(meta, "buildNumber", at),
            subdir=read.subdir(meta, "subdir", at),
            noarch=_noarch(meta.get("noarch"), f"{at}.noarch"),
            license=read.optional_text(meta, "license", at),
            license_family=read.optional_text(meta, "licenseFamily", at),
            flags=read.texts(meta.get("flags") or [], f"{at}.flags"),
            track_features=read.texts(meta.get("trackFeatures") or [], f"{at}.trackFeatures"),
            purls=None if meta.get("purls") is None else read.texts(meta["purls"], f"{at}.purls"),
            python_site_packages_path=read.optional_text(meta, "pythonSitePackagesPath", at),
            variant=_variant(meta.get("variant"), f"{at}.variant"),
            build_dependencies=_dependencies(table, "buildDependencies", where),
            host_dependencies=_dependencies(table, "hostDependencies", where),
            run_dependencies=_dependencies(table, "runDependencies", where, required=True),
            extra_dependencies={
                group: _specs(specs, f"{where}.extraDependencies.{group}")
                for group, specs in extras.items()
            },
            ignore_by_name=read.texts(ignore.get("byName") or [], f"{where}.ignoreRunExports"),
            ignore_from_package=read.texts(
                ignore.get("fromPackage") or [], f"{where}.ignoreRunExports"
            ),
            run_exports={
                kind: _specs(exports.get(wire) or [], f"{where}.runExports.{wire}")
                for kind, wire in WIRE_RUN_EXPORTS.items()
            },
            input_globs=_globs(table.get("inputGlobs"), f"{where}.inputGlobs"),
            raw=dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The output as a backend writes it."""
        metadata = {
            **(self.raw.get("metadata") or {}),
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "buildNumber": self.build_number,
            "subdir": self.subdir,
            "license": self.license,
            "licenseFamily": self.license_family,
            **({"flags": list(self.flags)} if self.flags else {}),
            **({"trackFeatures": list(self.track_features)} if self.track_features else {}),
            "noarch": self.noarch or False,
            "purls": None if self.purls is None else list(self.purls),
            "pythonSitePackagesPath": self.python_site_packages_path,
            "variant": dict(self.variant),
        }
        return {
            **self.raw,
            "metadata": metadata,
            "buildDependencies": self.build_dependencies.to_json(),
            "hostDependencies": self.host_dependencies.to_json(),
            "runDependencies": self.run_dependencies.to_json(),
            "extraDependencies": {g: _json(s) for g, s in self.extra_dependencies.items()},
            "ignoreRunExports": {
                "byName": list(self.ignore_by_name),
                "fromPackage": list(self.ignore_from_package),
            },
            "runExports": {
                WIRE_RUN_EXPORTS[kind]: _json(self.run_exports.get(kind, ()))
                for kind in RUN_EXPORT_KINDS
            },
            "inputGlobs": None if self.input_globs is None else list(self.input_globs),
        }

    @property
    def dist(self) -> str:
        """`subdir/name=version=build`, as pixi names a package in its messages."""
        return f"{self.subdir}/{self.name}={self.version}={self.build}"


@dataclass(frozen=True, slots=True)
class OutputsResult:
    """The answer to `conda/outputs`."""

    outputs: tuple[Output, ...]
    input_globs: tuple[str, ...] = ()
    input_glob_sets: tuple[Mapping[str, Any], ...] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> OutputsResult:
        """Reads the result; raises `BackendError` where it is not one."""
        table = read.table(value, "conda/outputs")
        outputs = read.items(table.get("outputs"), "outputs")
        sets = table.get("inputGlobSets")
        return cls(
            tuple(Output.from_json(v, f"outputs[{i}]") for i, v in enumerate(outputs)),
            _globs(table.get("inputGlobs"), "inputGlobs") or (),
            None if sets is None else _tables(sets, "inputGlobSets"),
            dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The result as a backend writes it."""
        return {
            **self.raw,
            "outputs": [output.to_json() for output in self.outputs],
            "inputGlobs": list(self.input_globs),
        }

    def named(self, name: str, *, where: str | None = None) -> tuple[Output, ...]:
        """The outputs of this name (several where there are variants).

        Raises `BackendError` where there is none; `where` is the location to mention.
        """
        found = tuple(output for output in self.outputs if output.name == name)
        if found:
            return found
        names = ", ".join(sorted({output.name for output in self.outputs})) or "nothing"
        at = f" located at '{where}'" if where else ""
        raise BackendError(
            f"The package '{name}' is not provided by the project{at}: "
            f"its build backend offers {names}.",
            package=name,
            remedy="Give the dependency the name that the package has in its manifest.",
        )


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The answer to `conda/build_v1`, whose keys are in snake_case."""

    output_file: Path
    name: str
    version: str
    build: str
    subdir: str
    input_globs: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> BuildResult:
        """Reads the result; raises `BackendError` where it is not one."""
        where = "conda/build_v1"
        table = read.table(value, where)
        return cls(
            Path(read.text(table, "output_file", where)),
            read.name(table, "name", where),
            read.version(table, "version", where),
            read.build(table, "build", where),
            read.subdir(table, "subdir", where),
            _globs(table.get("input_globs"), f"{where}.input_globs") or (),
            dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The result as a backend writes it."""
        return {
            **self.raw,
            "output_file": str(self.output_file),
            "input_globs": list(self.input_globs),
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "subdir": self.subdir,
        }

    @property
    def dist(self) -> str:
        """`subdir/name=version=build`, as pixi names a package in its messages."""
        return f"{self.subdir}/{self.name}={self.version}={self.build}"


def _dependencies(
    table: Mapping[str, Any], key: str, where: str, *, required: bool = False
) -> Dependencies:
    if required and table.get(key) is None:
        raise read.bad(f"{where}.{key}", "is missing")
    return Dependencies.from_json(table.get(key), f"{where}.{key}")


def _noarch(value: object, where: str) -> str | None:
    if value is None or value is False:
        return None
    if value is True:  # old spelling of generic
        return "generic"
    if value in ("generic", "python"):
        return str(value)
    raise read.bad(where, 'has to be false, "generic" or "python"')


def _variant(value: object, where: str) -> dict[str, VariantValue]:
    table = read.table(value or {}, where)
    for key, entry in table.items():
        if not isinstance(entry, (str, int, bool)):
            raise read.bad(f"{where}.{key}", "has to be a string, an integer or a boolean")
    return dict(table)


def _globs(value: object, where: str) -> tuple[str, ...] | None:
    return None if value is None else read.texts(value, where)


def _tables(value: object, where: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(read.table(v, f"{where}[{i}]") for i, v in enumerate(read.items(value, where)))
