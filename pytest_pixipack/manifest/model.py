"""What a manifest says, as frozen facts. Tables keep their order of declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_pixipack.redaction import hidden_repr
from pytest_pixipack.toml_positions import Positions, TomlPath

if TYPE_CHECKING:
    from pytest_pixipack.manifest.spec import Spec

# The buckets of `[package.run-exports]`, in the order in which pixi reads them.
RUN_EXPORT_BUCKETS = ("noarch", "strong", "weak", "strong-constraints", "weak-constraints")

ChannelPriority = Literal["strict", "flexible", "disabled"]
SolveStrategy = Literal["highest", "lowest", "lowest-direct"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a manifest. Line and column count from 1 and are worked out on demand."""

    file: Path
    keys: TomlPath = ()
    positions: Positions | None = field(default=None, compare=False, repr=False)

    @property
    def line(self) -> int:
        """The line of the key or element, or of the nearest table around it."""
        return self.positions.of(*self.keys)[0] if self.positions else 1

    @property
    def column(self) -> int:
        """The column of the key or element, in characters."""
        return self.positions.of(*self.keys)[1] if self.positions else 1


@dataclass(frozen=True, slots=True)
class ManifestWarning:
    """Something that works but will not for ever, or has no effect. `message` is a sentence."""

    message: str
    position: Position
    remedy: str | None = None

    @property
    def file(self) -> Path:
        """The manifest."""
        return self.position.file

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self.position.line

    @property
    def column(self) -> int:
        """The column, counted from 1."""
        return self.position.column


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel as the manifest names it: a name, a URL or a path relative to the manifest."""

    name: str
    priority: int | None = None
    exclude_newer: str | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform of a workspace; `virtual_packages` are spelled as a lock spells them.

    A plain platform is named like its subdir; another one ("rich") is written to a lock as `p1`,
    `p2`, ... (see `Manifest.lock_platform_names`).
    """

    name: str
    subdir: str
    virtual_packages: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether this is a bare subdir with pixi's default virtual packages."""
        return self.name == self.subdir


@dataclass(frozen=True, slots=True)
class PypiSpec:
    """A PyPI dependency. `value` is as written: a version, a table, or a PEP 508 requirement."""

    name: str
    value: Any
    position: Position = field(compare=False)

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True)
class Activation:
    """`[activation]`: scripts relative to the manifest, and environment variables."""

    scripts: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTarget:
    """What a feature says for all platforms, or for those that one selector matches."""

    dependencies: Mapping[str, Spec] = field(default_factory=dict)
    host_dependencies: Mapping[str, Spec] = field(default_factory=dict)
    build_dependencies: Mapping[str, Spec] = field(default_factory=dict)
    pypi_dependencies: Mapping[str, tuple[PypiSpec, ...]] = field(default_factory=dict)
    constraints: Mapping[str, Spec] = field(default_factory=dict)
    dev: Mapping[str, Spec] = field(default_factory=dict)
    inline_packages: Mapping[str, Package] = field(default_factory=dict)
    activation: Activation = field(default_factory=Activation)
    tasks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature. `targets[None]` is for every platform; the other keys are target selectors."""

    name: str
    channels: tuple[ChannelRef, ...] | None = None
    platforms: tuple[str, ...] | None = None
    channel_priority: ChannelPriority | None = None
    solve_strategy: SolveStrategy | None = None
    targets: Mapping[str | None, FeatureTarget] = field(default_factory=dict)
    system_requirements: tuple[str, ...] = ()
    archspec_requirement: str | None = None
    pypi_options: Mapping[str, Any] | None = None
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment. `features` names keys of `Workspace.features`, without the default one."""

    name: str
    features: tuple[str, ...] = ()
    no_default_feature: bool = False
    solve_group: str | None = None
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The `[workspace]` table with features and environments.

    `platforms` are all that environments use, after `[system-requirements]` were turned into
    platforms as pixi does; `declared_platforms` are as written. Where `composes_platforms`, an
    environment has one platform for each subdir (pixi_manifest/src/platform_composition.rs).
    """

    name: str | None = None
    version: str | None = None
    description: str | None = None
    authors: tuple[str, ...] | None = None
    license: str | None = None
    license_file: Path | None = None
    readme: Path | None = None
    homepage: str | None = None
    repository: str | None = None
    documentation: str | None = None
    channels: tuple[ChannelRef, ...] = ()
    platforms: tuple[Platform, ...] = ()
    declared_platforms: tuple[Platform, ...] = ()
    composes_platforms: bool = True
    channel_priority: ChannelPriority | None = None
    solve_strategy: SolveStrategy | None = None
    exclude_newer: str | None = None
    exclude_newer_packages: Mapping[str, str] = field(default_factory=dict)
    pypi_exclude_newer_packages: Mapping[str, str] = field(default_factory=dict)
    build_variants: Mapping[str | None, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    build_variant_files: tuple[Path, ...] = ()
    requires_pixi: str | None = None
    preview: tuple[str, ...] = ()
    pypi_options: Mapping[str, Any] | None = None
    conda_pypi_map: Any = None
    s3_options: Mapping[str, Any] | None = None
    dependencies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    features: Mapping[str, Feature] = field(default_factory=dict)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    position: Position = field(compare=False)

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def has_pixi_build(self) -> bool:
        """Whether source packages may be used."""
        return "pixi-build" in self.preview


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRef:
    """The build backend of a package; `channels` is None where those of the workspace apply."""

    name: str
    version: str = "*"
    channels: tuple[str, ...] | None = None
    additional_dependencies: Mapping[str, Spec] = field(default_factory=dict)
    spec: Spec

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSource:
    """`[package.build] source`: where the sources are if not beside the manifest."""

    kind: Literal["path", "git", "url"]
    location: str
    branch: str | None = None
    tag: str | None = None
    rev: str | None = None
    subdirectory: str | None = None
    md5: str | None = None
    sha256: str | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSection:
    """`[package.build]`. Configurations are JSON values with sorted keys, as pixi sends them."""

    backend: BackendRef
    config: Any = None
    target_configs: Mapping[str, Any] = field(default_factory=dict)
    source: BuildSource | None = None
    build_string_prefix: str | None = None
    build_number: int | None = None
    flags: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyTables:
    """The dependency tables of a package under one condition."""

    build: Mapping[str, Spec] = field(default_factory=dict)
    host: Mapping[str, Spec] = field(default_factory=dict)
    run: Mapping[str, Spec] = field(default_factory=dict)
    run_constraints: Mapping[str, Spec] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Spec]] = field(default_factory=dict)
    run_exports: Mapping[str, Mapping[str, Spec]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The `[package]` section. `tables[None]` applies always; other keys are the expressions of
    `if(...)`, without the wrapper. Paths are relative to `root`, the manifest's directory."""

    name: str | None
    version: str | None = None
    description: str | None = None
    authors: tuple[str, ...] | None = None
    license: str | None = None
    license_file: str | None = None
    readme: str | None = None
    homepage: str | None = None
    repository: str | None = None
    documentation: str | None = None
    publish: bool = False
    build: BuildSection
    tables: Mapping[str | None, DependencyTables]
    root: Path
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class StandIns:
    """`[tool.pixipack]`: what takes the place of channels and backends in this workspace.

    `channels`: channel name or URL -> absolute path of a stub channel's specification or directory.
    `backends`: backend name -> `stub`, `replay:FILE`, or an executable's path, as written.
    """

    channels: Mapping[str, Path] = field(default_factory=dict)
    backends: Mapping[str, str] = field(default_factory=dict)
