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
from typing import Any

from pytest_pixipack.backend import reading as read
from pytest_pixipack.backend.dependencies import (
    NOTHING,
    Dependencies,
    NamedSpec,
    specs_from_json,
    specs_to_json,
)
from pytest_pixipack.errors import BackendError
from pytest_pixipack.facts import RUN_EXPORT_KINDS, VariantValue

__all__ = [
    "WIRE_RUN_EXPORTS",
    "BuildResult",
    "Dependencies",
    "NamedSpec",
    "Output",
    "OutputsResult",
]

# The outputs spell the five kinds in camelCase, and say `Constrains`.
WIRE_RUN_EXPORTS = {
    "weak": "weak",
    "strong": "strong",
    "noarch": "noarch",
    "weak_constrains": "weakConstrains",
    "strong_constrains": "strongConstrains",
}


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
    build_dependencies: Dependencies = NOTHING
    host_dependencies: Dependencies = NOTHING
    run_dependencies: Dependencies = NOTHING
    extra_dependencies: Mapping[str, tuple[NamedSpec, ...]] = field(default_factory=dict)
    ignore_by_name: tuple[str, ...] = ()
    ignore_from_package: tuple[str, ...] = ()
    run_exports: Mapping[str, tuple[NamedSpec, ...]] = field(default_factory=dict)
    input_globs: tuple[str, ...] | None = None
    input_glob_sets: tuple[Mapping[str, Any], ...] | None = None
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
                group: specs_from_json(specs, f"{where}.extraDependencies.{group}")
                for group, specs in extras.items()
            },
            ignore_by_name=read.texts(ignore.get("byName") or [], f"{where}.ignoreRunExports"),
            ignore_from_package=read.texts(
                ignore.get("fromPackage") or [], f"{where}.ignoreRunExports"
            ),
            run_exports={
                kind: specs_from_json(exports.get(wire) or [], f"{where}.runExports.{wire}")
                for kind, wire in WIRE_RUN_EXPORTS.items()
            },
            input_globs=_globs(table.get("inputGlobs"), f"{where}.inputGlobs"),
            input_glob_sets=_sets(table.get("inputGlobSets"), f"{where}.inputGlobSets"),
            raw=dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The output as a backend writes it."""
        return read.written(
            self.raw,
            {
                "metadata": self._metadata(),
                "buildDependencies": self._table("buildDependencies", self.build_dependencies),
                "hostDependencies": self._table("hostDependencies", self.host_dependencies),
                "runDependencies": self.run_dependencies.to_json(),
                "extraDependencies": {
                    g: specs_to_json(specs) for g, specs in self.extra_dependencies.items()
                },
                "ignoreRunExports": {
                    **(self.raw.get("ignoreRunExports") or {}),
                    "byName": list(self.ignore_by_name),
                    "fromPackage": list(self.ignore_from_package),
                },
                "runExports": {
                    **(self.raw.get("runExports") or {}),
                    **{
                        WIRE_RUN_EXPORTS[kind]: specs_to_json(self.run_exports.get(kind, ()))
                        for kind in RUN_EXPORT_KINDS
                    },
                },
                "inputGlobs": None if self.input_globs is None else list(self.input_globs),
                "inputGlobSets": _from_sets(self.input_glob_sets),
            },
            omitted=("inputGlobSets",),
        )

    def _metadata(self) -> dict[str, Any]:
        return read.written(
            self.raw.get("metadata") or {},
            {
                "name": self.written_name,
                "version": self.version,
                "build": self.build,
                "buildNumber": self.build_number,
                "subdir": self.subdir,
                "license": self.license,
                "licenseFamily": self.license_family,
                "flags": list(self.flags) or None,
                "trackFeatures": list(self.track_features) or None,
                "noarch": self.noarch or False,
                "purls": None if self.purls is None else list(self.purls),
                "pythonSitePackagesPath": self.python_site_packages_path,
                "variant": dict(self.variant),
            },
            omitted=("flags", "trackFeatures"),
        )

    def _table(self, key: str, dependencies: Dependencies) -> dict[str, Any] | None:
        # Null says the same as no dependencies, and stays null.
        if self.raw and self.raw.get(key) is None and not dependencies:
            return None
        return dependencies.to_json()

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
        return cls(
            tuple(Output.from_json(v, f"outputs[{i}]") for i, v in enumerate(outputs)),
            _globs(table.get("inputGlobs"), "inputGlobs") or (),
            _sets(table.get("inputGlobSets"), "inputGlobSets"),
            dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The result as a backend writes it."""
        return read.written(
            self.raw,
            {
                "outputs": [output.to_json() for output in self.outputs],
                "inputGlobs": list(self.input_globs),
                "inputGlobSets": _from_sets(self.input_glob_sets),
            },
            omitted=("inputGlobSets",),
        )

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
    input_glob_sets: tuple[Mapping[str, Any], ...] | None = None

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
            _sets(table.get("input_glob_sets"), f"{where}.input_glob_sets"),
        )

    def to_json(self) -> dict[str, Any]:
        """The result as a backend writes it."""
        return read.written(
            self.raw,
            {
                "output_file": str(self.output_file),
                "input_globs": list(self.input_globs),
                "input_glob_sets": _from_sets(self.input_glob_sets),
                "name": self.raw.get("name") or self.name,
                "version": self.version,
                "build": self.build,
                "subdir": self.subdir,
            },
            omitted=("input_glob_sets",),
        )

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


def _sets(value: object, where: str) -> tuple[Mapping[str, Any], ...] | None:
    if value is None:
        return None
    return tuple(read.table(v, f"{where}[{i}]") for i, v in enumerate(read.items(value, where)))


def _from_sets(sets: tuple[Mapping[str, Any], ...] | None) -> list[dict[str, Any]] | None:
    return None if sets is None else [dict(entry) for entry in sets]
