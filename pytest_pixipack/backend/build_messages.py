"""The parameters of `conda/build_v1`, as types; read and written as those of `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_pixipack.backend.messages import (
    Capabilities,
    InitializeParams,
    Json,
    OutputsParams,
    Raw,
    _json,
    _list,
    _optional,
    _written,
)
from pytest_pixipack.backend.protocol import BuildResult, OutputsResult
from pytest_pixipack.backend.schema import METHODS, checked
from pytest_pixipack.errors import BackendError
from pytest_pixipack.facts import VariantValue


@dataclass(frozen=True, slots=True)
class AskedDependency:
    """A dependency that the built package gets: a snake_case match spec, and who brought it in.

    `spec` is an object, or a text where an API older than 5 sent it; `exporter` of the environment
    `exported_from` (`build`, `host`) is None for what was declared.
    """

    spec: Mapping[str, Any] | str
    exported_from: str | None = None
    exporter: str | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> AskedDependency:
        """Reads one entry of a list of dependencies."""
        table = checked(value, "CondaBuildV1Dependency", "dependency")
        source = table.get("source") or {}
        return cls(table["spec"], source.get("from"), source.get("runExport"), table)

    def to_json(self) -> Json:
        """The entry as a front end writes it."""
        source = None
        if self.exporter is not None:
            source = {
                **((self.raw.get("source")) or {}),
                "type": "runExport",
                "from": self.exported_from,
                "runExport": self.exporter,
            }
        return _written(self.raw, spec=self.spec, source=source)


Asked = tuple[AskedDependency, ...]


def _asked(value: Any) -> Asked | None:
    return None if value is None else tuple(AskedDependency.from_json(entry) for entry in value)


def _from_asked(value: Asked | None) -> list[Json] | None:
    return None if value is None else [entry.to_json() for entry in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPrefix:
    """One of the two environments that are installed before a build.

    `packages` are repodata records with `fn`, `url` and `channel`, as they came.
    """

    prefix: str
    platform: str
    dependencies: Asked | None = None
    constraints: Asked | None = None
    packages: tuple[Mapping[str, Any], ...] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> BuildPrefix:
        """Reads `buildPrefix` or `hostPrefix`."""
        table = checked(value, "CondaBuildV1Prefix", "prefix")
        packages = table.get("packages")
        return cls(
            prefix=table["prefix"],
            platform=table["platform"],
            dependencies=_asked(table.get("dependencies")),
            constraints=_asked(table.get("constraints")),
            packages=None if packages is None else tuple(packages),
            raw=table,
        )

    def to_json(self) -> Json:
        """The environment as a front end writes it."""
        return _written(
            self.raw,
            prefix=self.prefix,
            platform=self.platform,
            dependencies=_from_asked(self.dependencies),
            constraints=_from_asked(self.constraints),
            packages=_list(self.packages),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOutput:
    """Which output is to be built; version and build are None where they are not known before."""

    name: str
    version: str | None
    build: str | None
    subdir: str
    variant: Mapping[str, VariantValue] = field(default_factory=dict)
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> BuildOutput:
        """Reads `output`."""
        table = checked(value, "CondaBuildV1Output", "output")
        return cls(
            name=table["name"],
            version=table.get("version"),
            build=table.get("build"),
            subdir=table["subdir"],
            variant=table["variant"],
            raw=table,
        )

    def to_json(self) -> Json:
        """`output` as a front end writes it."""
        return _written(
            self.raw,
            name=self.name,
            version=self.version,
            build=self.build,
            subdir=self.subdir,
            variant=dict(self.variant),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildParams:
    """The parameters of `conda/build_v1`. `run_exports` are by kind, spelled as on the wire."""

    output: BuildOutput
    work_directory: str
    channels: tuple[str, ...] | None = None
    build_prefix: BuildPrefix | None = None
    host_prefix: BuildPrefix | None = None
    run_dependencies: Asked | None = None
    run_constraints: Asked | None = None
    run_exports: Mapping[str, Asked] | None = None
    extra_dependencies: Mapping[str, Asked] | None = None
    output_directory: str | None = None
    editable: bool | None = None
    package_format: Mapping[str, Any] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> BuildParams:
        """Reads the parameters."""
        table = checked(value, "CondaBuildV1Params", "conda/build_v1")
        channels = table.get("channels")
        return cls(
            output=BuildOutput.from_json(table["output"]),
            work_directory=table["workDirectory"],
            channels=None if channels is None else tuple(channels),
            build_prefix=_optional(table.get("buildPrefix"), BuildPrefix.from_json),
            host_prefix=_optional(table.get("hostPrefix"), BuildPrefix.from_json),
            run_dependencies=_asked(table.get("runDependencies")),
            run_constraints=_asked(table.get("runConstraints")),
            run_exports=_optional(table.get("runExports"), _exports),
            extra_dependencies=_optional(table.get("extraDependencies"), _groups),
            output_directory=table.get("outputDirectory"),
            editable=table.get("editable"),
            package_format=table.get("packageFormat"),
            raw=table,
        )

    def to_json(self) -> Json:
        """The parameters as a front end writes them."""
        exports = self.raw.get("runExports")
        return _written(
            self.raw,
            channels=_list(self.channels),
            buildPrefix=_json(self.build_prefix),
            hostPrefix=_json(self.host_prefix),
            runDependencies=_from_asked(self.run_dependencies),
            runConstraints=_from_asked(self.run_constraints),
            runExports=_from_groups(self.run_exports, exports),
            extraDependencies=_from_groups(self.extra_dependencies),
            output=self.output.to_json(),
            workDirectory=self.work_directory,
            outputDirectory=self.output_directory,
            editable=self.editable,
            packageFormat=self.package_format,
        )


def _exports(table: Any) -> dict[str, Asked]:
    known = ("weak", "strong", "noarch", "weakConstrains", "strongConstrains")
    return {kind: _asked(table[kind]) or () for kind in known if table.get(kind) is not None}


def _groups(table: Any) -> dict[str, Asked]:
    return {group: _asked(entries) or () for group, entries in table.items()}


def _from_groups(groups: Mapping[str, Asked] | None, raw: Raw | None = None) -> Json | None:
    if groups is None:
        return None
    return {**(raw or {}), **{key: _from_asked(entries) for key, entries in groups.items()}}


def rewritten_params(method: str, params: object) -> Json:
    """Parameters read into their types and written again: the same, where nothing is lost.

    Raises `BackendError` for a method that is not known, and for parameters of another shape.
    """
    if method == "initialize":
        return InitializeParams.from_json(params).to_json()
    if method == "conda/outputs":
        return OutputsParams.from_json(params).to_json()
    if method == "conda/build_v1":
        return BuildParams.from_json(params).to_json()
    return dict(checked(params, _objects(method)[0], method))


def rewritten_result(method: str, result: object) -> Json:
    """A result read into its type and written again. Raises as `rewritten_params` does."""
    if method == "conda/outputs":
        return OutputsResult.from_json(result).to_json()
    if method == "conda/build_v1":
        return BuildResult.from_json(result).to_json()
    table = checked(result, _objects(method)[1], method)
    if method == "negotiateCapabilities":
        capabilities = Capabilities.from_json(table["capabilities"]).to_json()
        return {**table, "capabilities": capabilities}
    return dict(table)


def _objects(method: str) -> tuple[str, str]:
    if method not in METHODS:
        raise BackendError(
            f"The pixi-build API has no method '{method}'.",
            remedy=f"It has {', '.join(METHODS)}.",
        )
    return METHODS[method]
