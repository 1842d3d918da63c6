"""`Manifest`: one manifest as a whole, with the questions that other layers ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import queries
from pytest_pixipack.manifest.model import (
    Activation,
    ChannelPriority,
    ChannelRef,
    Environment,
    Feature,
    ManifestWarning,
    Package,
    Platform,
    Position,
    PypiSpec,
    SolveStrategy,
    StandIns,
    Workspace,
)
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.toml_positions import Positions, TomlPath, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A `pixi.toml`, or a `pyproject.toml` with `[tool.pixi]`: a workspace, a package, or both.

    Methods that take an environment or a platform take names (an environment also itself) and
    raise `InvalidInput` for what the workspace does not have. `platform` may be a platform's name
    or a subdir of which the environment has one platform.
    """

    path: Path
    workspace: Workspace | None = None
    package: Package | None = None
    stand_ins: StandIns = field(default_factory=StandIns)
    warnings: tuple[ManifestWarning, ...] = ()
    prefix: TomlPath = ()
    positions: Positions | None = field(default=None, compare=False, repr=False)

    @property
    def root(self) -> Path:
        """The directory of the manifest."""
        return self.path.parent

    def position(self, *keys: str | int) -> Position:
        """Where a key is, as in `pixi.toml`: `position("workspace", "channels")`."""
        return Position(self.path, (*self.prefix, *keys), self.positions)

    def need_workspace(self) -> Workspace:
        """The workspace. Raises `InvalidInput` for a manifest that has only a package."""
        if self.workspace is None:
            raise InvalidInput(
                "This manifest has no `[workspace]`.",
                file=self.path,
                remedy="Name the manifest of the workspace that uses the package.",
            )
        return self.workspace

    def need_package(self) -> Package:
        """The package. Raises `InvalidInput` for a manifest that has only a workspace."""
        if self.package is None:
            raise InvalidInput(
                "This manifest has no `[package]`.",
                file=self.path,
                remedy="Name the manifest of the package.",
            )
        return self.package

    def environment_names(self) -> tuple[str, ...]:
        """The environments in order; the default one first unless it is listed elsewhere."""
        return tuple(self.need_workspace().environments)

    def environment(self, name: str | Environment) -> Environment:
        """An environment by name."""
        if isinstance(name, Environment):
            return name
        return queries.find_environment(self.need_workspace(), name)

    def group_members(self, environment: str | Environment) -> tuple[Environment, ...]:
        """The environments that are solved together with this one, itself included."""
        found = self.environment(environment)
        if found.solve_group is None:
            return (found,)
        return queries.group_members(self.need_workspace(), found.solve_group)

    def platforms(self, environment: str | Environment = "default") -> tuple[Platform, ...]:
        """The platforms of an environment, in the order of the workspace."""
        workspace = self.need_workspace()
        features = queries.own_features(workspace, self.environment(environment))
        return queries.platforms(workspace, features)

    def platform(self, environment: str | Environment, name: str | Platform) -> Platform:
        """A platform of an environment, by its name, or by a subdir that only one of them has."""
        if isinstance(name, Platform):
            return name
        known = self.platforms(environment)
        for platform in known:
            if platform.name == name:
                return platform
        same_subdir = [platform for platform in known if platform.subdir == name]
        if len(same_subdir) == 1:
            return same_subdir[0]
        names = [platform.name for platform in known]
        raise InvalidInput(
            f"The environment `{self.environment(environment).name}` has no platform `{name}`.",
            file=self.path,
            line=self.position("workspace", "platforms").line,
            remedy=did_you_mean(name, names) or f"It has: {', '.join(names) or 'none'}.",
        )

    def virtual_packages(
        self, environment: str | Environment, platform: str | Platform
    ) -> tuple[str, ...]:
        """What the machine is assumed to have, spelled as in a lock: `__glibc=2.28`."""
        return self.platform(environment, platform).virtual_packages

    def lock_platform_names(self) -> Mapping[str, str]:
        """The name of each platform in a lock: its own if plain, else `p1`, `p2`, ..., by order.

        Source: pixi_core/src/lock_file/platform_rename.rs, shorten_platform_names.
        """
        names: dict[str, str] = {}
        count = 0
        for platform in self.need_workspace().platforms:
            count += not platform.is_plain
            names[platform.name] = platform.name if platform.is_plain else f"p{count}"
        return names

    def channels(self, environment: str | Environment = "default") -> tuple[str, ...]:
        """The channels with which an environment is solved (so those of its solve group), as
        written, by priority and then by order."""
        return tuple(channel.name for channel in self.channel_refs(environment))

    def channel_refs(self, environment: str | Environment = "default") -> tuple[ChannelRef, ...]:
        """The same with priority and cut-off date."""
        workspace = self.need_workspace()
        features = queries.solved_features(workspace, self.environment(environment))
        return queries.channels(workspace, features)

    def channel_priority(self, environment: str | Environment = "default") -> ChannelPriority:
        """How channels are ordered. Raises `InvalidInput` where features contradict each other."""
        found: ChannelPriority | None = None
        workspace = self.need_workspace()
        for feature in queries.solved_features(workspace, self.environment(environment)):
            if feature.channel_priority is None:
                continue
            if found not in (None, feature.channel_priority):
                raise InvalidInput(
                    "The features of an environment ask for different channel priorities.",
                    file=self.path,
                    line=feature.position.line,
                    remedy="Set `channel-priority` once.",
                )
            found = feature.channel_priority
        return found or "strict"

    def solve_strategy(self, environment: str | Environment = "default") -> SolveStrategy:
        """Which version is preferred: what the first feature that says so says."""
        workspace = self.need_workspace()
        for feature in queries.solved_features(workspace, self.environment(environment)):
            if feature.solve_strategy is not None:
                return feature.solve_strategy
        return "highest"

    def dependencies(
        self, environment: str | Environment, platform: str | Platform, *, group: bool = False
    ) -> tuple[Spec, ...]:
        """The conda dependencies, grouped by name; two features can both require one package.

        `group`: those of the whole solve group, with which the environment is solved.
        """
        workspace, found = self.need_workspace(), self.environment(environment)
        features = self._features(found, group)
        return queries.dependencies(workspace, features, self.platform(found, platform))

    def constraints(
        self, environment: str | Environment, platform: str | Platform, *, group: bool = False
    ) -> tuple[Spec, ...]:
        """`[constraints]`: what holds for packages that something else brings in."""
        workspace, found = self.need_workspace(), self.environment(environment)
        features = self._features(found, group)
        return queries.constraints(workspace, features, self.platform(found, platform))

    def dev_dependencies(
        self, environment: str | Environment, platform: str | Platform, *, group: bool = False
    ) -> tuple[Spec, ...]:
        """`[dev]`: source packages of which only the dependencies are wanted."""
        workspace, found = self.need_workspace(), self.environment(environment)
        features = self._features(found, group)
        return queries.dev_dependencies(workspace, features, self.platform(found, platform))

    def pypi_dependencies(
        self, environment: str | Environment, platform: str | Platform, *, group: bool = False
    ) -> tuple[PypiSpec, ...]:
        """The PyPI dependencies, grouped by name."""
        workspace, found = self.need_workspace(), self.environment(environment)
        features = self._features(found, group)
        return queries.pypi_dependencies(workspace, features, self.platform(found, platform))

    def activation(self, environment: str | Environment, platform: str | Platform) -> Activation:
        """Scripts and variables of `[activation]`."""
        workspace, found = self.need_workspace(), self.environment(environment)
        features = self._features(found, group=False)
        return queries.activation(workspace, features, self.platform(found, platform))

    def build_variants(self, platform: Platform) -> dict[str, tuple[str, ...]]:
        """The build variants for a platform."""
        return queries.build_variants(self.need_workspace(), platform)

    def _features(self, environment: Environment, group: bool) -> tuple[Feature, ...]:
        of = queries.solved_features if group else queries.own_features
        return of(self.need_workspace(), environment)
