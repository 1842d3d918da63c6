"""What a front end asks, as types: the parameters of the four methods (pixi-build API 5 to 7).

Every type reads JSON with `from_json` and writes it with `to_json`; keys that are not known here
are kept in `raw` and written again, and null stays null, absent stays absent. Parameters of another
shape raise `BackendError`, which names the place. The answers are in `protocol`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_pixipack.backend.protocol import NamedSpec
from pytest_pixipack.backend.reading import written
from pytest_pixipack.backend.schema import checked
from pytest_pixipack.facts import VariantValue

Json = dict[str, Any]
Raw = Mapping[str, Any]
Specs = Mapping[str, NamedSpec]

# pixi writes nothing at all for these where they have no value.
_OMITTED = frozenset({
    "buildFlags", "checkoutRoot", "conditional", "extraDependencies", "runExports", "secrets",
})  # fmt: skip


def _written(raw: Raw, **known: Any) -> Json:
    return written(raw, known, omitted=_OMITTED)


def _optional(value: Any, read: Callable[[Any], Any]) -> Any:
    return None if value is None else read(value)


def _texts(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _list(value: tuple[Any, ...] | None) -> list[Any] | None:
    return None if value is None else list(value)


def _json(value: Any) -> Any:
    return None if value is None else value.to_json()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do (`BackendCapabilities`); None is not said, and counts as no."""

    provides_conda_outputs: bool | None = None
    provides_conda_build_v1: bool | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> Capabilities:
        """Reads the object `capabilities`."""
        table = checked(value, "BackendCapabilities", "capabilities")
        return cls(table.get("providesCondaOutputs"), table.get("providesCondaBuildV1"), table)

    def to_json(self) -> Json:
        """The object as a backend writes it; what is not said, and was not read, is left out."""
        known = {
            "providesCondaOutputs": self.provides_conda_outputs,
            "providesCondaBuildV1": self.provides_conda_build_v1,
        }
        said = {key: v for key, v in known.items() if v is not None or key in self.raw}
        return _written(self.raw, **said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The dependencies of a package, of all platforms or under one condition.

    None is null on the wire, which means the same as nothing. `run_exports` are by bucket
    (`noarch`, `strong`, `weak`, `strongConstraints`, `weakConstraints`; since version 6), `extra`
    by group (since version 5).
    """

    host: Specs | None = None
    build: Specs | None = None
    run: Specs | None = None
    constraints: Specs | None = None
    extra: Mapping[str, Specs] | None = None
    run_exports: Mapping[str, Specs | None] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> Target:
        """Reads one target of a project model."""
        table = checked(value, "Target")
        return cls(
            host=_specs(table.get("hostDependencies")),
            build=_specs(table.get("buildDependencies")),
            run=_specs(table.get("runDependencies")),
            constraints=_specs(table.get("runConstraints")),
            extra=_optional(table.get("extraDependencies"), _groups),
            run_exports=_optional(table.get("runExports"), _buckets),
            raw=table,
        )

    def to_json(self) -> Json:
        """The target as a front end writes it."""
        return _written(
            self.raw,
            hostDependencies=_from_specs(self.host),
            buildDependencies=_from_specs(self.build),
            runDependencies=_from_specs(self.run),
            runConstraints=_from_specs(self.constraints),
            extraDependencies=_from_groups(self.extra),
            runExports=_from_groups(self.run_exports, self.raw.get("runExports")),
        )


def _specs(table: Any) -> Specs | None:
    if table is None:
        return None
    return {name: NamedSpec.from_json({"name": name, **spec}, name) for name, spec in table.items()}


def _groups(table: Any) -> dict[str, Specs]:
    return {group: _specs(specs) or {} for group, specs in table.items()}


def _buckets(table: Any) -> dict[str, Specs | None]:
    known = ("noarch", "strong", "weak", "strongConstraints", "weakConstraints")
    return {bucket: _specs(table[bucket]) for bucket in known if bucket in table}


def _from_specs(specs: Specs | None) -> Json | None:
    if specs is None:
        return None
    found = {name: spec.to_json() for name, spec in specs.items()}
    return {
        name: {key: value for key, value in spec.items() if key != "name"}
        for name, spec in found.items()
    }


def _from_groups(groups: Mapping[str, Specs | None] | None, raw: Raw | None = None) -> Json | None:
    if groups is None:
        return None
    return {**(raw or {}), **{group: _from_specs(specs) for group, specs in groups.items()}}


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a package: the one that always applies, and those under conditions.

    Conditions are the bare text inside of `if(...)`, in the order of the manifest.
    """

    default: Target | None = None
    conditional: Mapping[str, Target] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> Targets:
        """Reads `targets` of a project model."""
        table = checked(value, "Targets")
        conditional = table.get("conditional")
        return cls(
            _optional(table.get("defaultTarget"), Target.from_json),
            None
            if conditional is None
            else {text: Target.from_json(target) for text, target in conditional.items()},
            table,
        )

    def to_json(self) -> Json:
        """`targets` as a front end writes it."""
        conditional = self.conditional
        return _written(
            self.raw,
            defaultTarget=_json(self.default),
            conditional=None
            if conditional is None
            else {text: target.to_json() for text, target in conditional.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectModel:
    """The package of a manifest, as a front end describes it to a backend."""

    name: str | None = None
    build_string_prefix: str | None = None
    build_number: int | None = None
    version: str | None = None
    description: str | None = None
    build_flags: tuple[str, ...] | None = None
    authors: tuple[str, ...] | None = None
    license: str | None = None
    license_file: str | None = None
    readme: str | None = None
    homepage: str | None = None
    repository: str | None = None
    documentation: str | None = None
    targets: Targets | None = None
    secrets: tuple[str, ...] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> ProjectModel:
        """Reads `projectModel`."""
        table = checked(value, "ProjectModel", "projectModel")
        return cls(
            name=table.get("name"),
            build_string_prefix=table.get("buildStringPrefix"),
            build_number=table.get("buildNumber"),
            version=table.get("version"),
            description=table.get("description"),
            build_flags=_texts(table.get("buildFlags")),
            authors=_texts(table.get("authors")),
            license=table.get("license"),
            license_file=table.get("licenseFile"),
            readme=table.get("readme"),
            homepage=table.get("homepage"),
            repository=table.get("repository"),
            documentation=table.get("documentation"),
            targets=_optional(table.get("targets"), Targets.from_json),
            secrets=_texts(table.get("secrets")),
            raw=table,
        )

    def to_json(self) -> Json:
        """`projectModel` as a front end writes it."""
        return _written(
            self.raw,
            name=self.name,
            buildStringPrefix=self.build_string_prefix,
            buildNumber=self.build_number,
            version=self.version,
            description=self.description,
            buildFlags=_list(self.build_flags),
            authors=_list(self.authors),
            license=self.license,
            licenseFile=self.license_file,
            readme=self.readme,
            homepage=self.homepage,
            repository=self.repository,
            documentation=self.documentation,
            targets=_json(self.targets),
            secrets=_list(self.secrets),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InitializeParams:
    """The parameters of `initialize`; paths are absolute, as the front end's system writes them."""

    manifest_path: str
    source_directory: str | None = None
    workspace_directory: str | None = None
    checkout_root: str | None = None
    cache_directory: str | None = None
    workspace_scratch_directory: str | None = None
    project_model: ProjectModel | None = None
    configuration: Any = None
    target_configuration: Mapping[str, Any] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> InitializeParams:
        """Reads the parameters."""
        table = checked(value, "InitializeParams", "initialize")
        return cls(
            manifest_path=table["manifestPath"],
            source_directory=table.get("sourceDirectory"),
            workspace_directory=table.get("workspaceDirectory"),
            checkout_root=table.get("checkoutRoot"),
            cache_directory=table.get("cacheDirectory"),
            workspace_scratch_directory=table.get("workspaceScratchDirectory"),
            project_model=_optional(table.get("projectModel"), ProjectModel.from_json),
            configuration=table.get("configuration"),
            target_configuration=table.get("targetConfiguration"),
            raw=table,
        )

    def to_json(self) -> Json:
        """The parameters as a front end writes them."""
        return _written(
            self.raw,
            manifestPath=self.manifest_path,
            sourceDirectory=self.source_directory,
            workspaceDirectory=self.workspace_directory,
            checkoutRoot=self.checkout_root,
            cacheDirectory=self.cache_directory,
            workspaceScratchDirectory=self.workspace_scratch_directory,
            projectModel=_json(self.project_model),
            configuration=self.configuration,
            targetConfiguration=self.target_configuration,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsParams:
    """The parameters of `conda/outputs`; channels are URLs."""

    channels: tuple[str, ...]
    host_platform: str
    build_platform: str
    work_directory: str
    variant_configuration: Mapping[str, tuple[VariantValue, ...]] | None = None
    variant_files: tuple[str, ...] | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> OutputsParams:
        """Reads the parameters."""
        table = checked(value, "CondaOutputsParams", "conda/outputs")
        variants = table.get("variantConfiguration")
        return cls(
            channels=tuple(table["channels"]),
            host_platform=table["hostPlatform"],
            build_platform=table["buildPlatform"],
            work_directory=table["workDirectory"],
            variant_configuration=None
            if variants is None
            else {key: tuple(values) for key, values in variants.items()},
            variant_files=_texts(table.get("variantFiles")),
            raw=table,
        )

    def to_json(self) -> Json:
        """The parameters as a front end writes them."""
        variants = self.variant_configuration
        return _written(
            self.raw,
            channels=list(self.channels),
            hostPlatform=self.host_platform,
            buildPlatform=self.build_platform,
            variantConfiguration=None
            if variants is None
            else {key: list(values) for key, values in variants.items()},
            variantFiles=_list(self.variant_files),
            workDirectory=self.work_directory,
        )
