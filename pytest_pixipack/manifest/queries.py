"""What applies to an environment on a platform: features, targets and solve groups put together.

Follows pixi_manifest/src/features_ext.rs and target.rs of pixi 0.77.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_pixipack.channel_urls import same_channel_key
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest.model import (
    Activation,
    ChannelRef,
    Environment,
    Feature,
    FeatureTarget,
    Platform,
    PypiSpec,
    Workspace,
)
from pytest_pixipack.manifest.platforms import selector_matches
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.manifest.workspace import composed_platform, features_of


def find_environment(workspace: Workspace, name: str) -> Environment:
    """An environment by name. Raises `InvalidInput` with a suggestion."""
    from pytest_pixipack.toml_positions import did_you_mean

    if name in workspace.environments:
        return workspace.environments[name]
    known = ", ".join(workspace.environments)
    raise InvalidInput(
        f"The workspace has no environment `{name}`.",
        file=workspace.position.file,
        remedy=did_you_mean(name, workspace.environments) or f"It has: {known}.",
    )


def own_features(workspace: Workspace, environment: Environment) -> tuple[Feature, ...]:
    """The features of one environment, the default one last."""
    return features_of(environment, workspace.features)


def solved_features(workspace: Workspace, environment: Environment) -> tuple[Feature, ...]:
    """The features that are solved together: those of the solve group, or the own ones."""
    if environment.solve_group is None:
        return own_features(workspace, environment)
    found: dict[int, Feature] = {}
    for member in group_members(workspace, environment.solve_group):
        for feature in own_features(workspace, member):
            found.setdefault(id(feature), feature)
    return tuple(found.values())


def group_members(workspace: Workspace, group: str) -> tuple[Environment, ...]:
    """The environments of a solve group, in order."""
    return tuple(e for e in workspace.environments.values() if e.solve_group == group)


def channels(workspace: Workspace, features: Iterable[Feature]) -> tuple[ChannelRef, ...]:
    """By priority, then by order; the first mention of a channel counts."""
    listed = [
        channel
        for feature in features
        for channel in (workspace.channels if feature.channels is None else feature.channels)
    ]
    found: dict[str, ChannelRef] = {}
    for channel in sorted(listed, key=lambda channel: -(channel.priority or 0)):
        found.setdefault(same_channel_key(channel.name), channel)
    return tuple(found.values())


def platforms(workspace: Workspace, features: tuple[Feature, ...]) -> tuple[Platform, ...]:
    """The platforms of these features, in the order of the workspace."""
    if workspace.composes_platforms:
        subdirs = dict.fromkeys(platform.subdir for platform in workspace.platforms)
        composed = [composed_platform(features, s, workspace.platforms) for s in subdirs]
        names = {platform.name for platform in composed if platform is not None}
        return tuple(platform for platform in workspace.platforms if platform.name in names)
    pinned = {name for feature in features for name in feature.platforms or ()}
    pinned_subdirs = {p.subdir for p in workspace.platforms if p.name in pinned}
    return tuple(
        platform
        for platform in workspace.platforms
        if all(supports(workspace, feature, platform) for feature in features)
        and (platform.name in pinned or platform.subdir not in pinned_subdirs)
    )


def supports(workspace: Workspace, feature: Feature, platform: Platform) -> bool:
    """Whether a feature contributes on a platform."""
    if feature.platforms is None:
        return True
    if workspace.composes_platforms:
        by_name = {known.name: known.subdir for known in workspace.platforms}
        return any(by_name.get(name) == platform.subdir for name in feature.platforms)
    return any(name in (platform.name, platform.subdir) for name in feature.platforms)


def matching_targets(feature: Feature, platform: Platform) -> tuple[FeatureTarget, ...]:
    """The targets that apply, the default one first; what is declared later goes before it."""
    return tuple(
        target
        for selector, target in feature.targets.items()
        if selector is None or selector_matches(selector, platform)
    )


def dependencies(
    workspace: Workspace, features: Iterable[Feature], platform: Platform
) -> tuple[Spec, ...]:
    """The conda dependencies: within a feature a later target and `build` over `host` over run
    replace, between features all requirements stay."""

    def of(target: FeatureTarget) -> Mapping[str, Spec]:
        return {**target.dependencies, **target.host_dependencies, **target.build_dependencies}

    return _merged(workspace, features, platform, of)


def constraints(
    workspace: Workspace, features: Iterable[Feature], platform: Platform
) -> tuple[Spec, ...]:
    """The version constraints on packages that something else brings in."""
    return _merged(workspace, features, platform, lambda target: target.constraints)


def dev_dependencies(
    workspace: Workspace, features: Iterable[Feature], platform: Platform
) -> tuple[Spec, ...]:
    """Source packages whose dependencies are wanted, but not they themselves."""
    return _merged(workspace, features, platform, lambda target: target.dev)


def pypi_dependencies(
    workspace: Workspace, features: Iterable[Feature], platform: Platform
) -> tuple[PypiSpec, ...]:
    """The PyPI dependencies, put together as the conda ones."""
    found: list[PypiSpec] = []
    for feature in features:
        if not supports(workspace, feature, platform):
            continue
        own: dict[str, tuple[PypiSpec, ...]] = {}
        for target in matching_targets(feature, platform):
            own.update(target.pypi_dependencies)
        found += [spec for specs in own.values() for spec in specs]
    return _grouped(found)


def activation(workspace: Workspace, features: Iterable[Feature], platform: Platform) -> Activation:
    """Scripts of each feature's most specific target; variables of an earlier feature win."""
    scripts: list[str] = []
    env: dict[str, str] = {}
    for feature in features:
        if not supports(workspace, feature, platform):
            continue
        own_env: dict[str, str] = {}
        own_scripts: tuple[str, ...] = ()
        for target in matching_targets(feature, platform):
            own_scripts = target.activation.scripts or own_scripts
            own_env.update(target.activation.env)
        scripts += own_scripts
        env = {**own_env, **env}
    return Activation(tuple(scripts), env)


def build_variants(workspace: Workspace, platform: Platform) -> dict[str, tuple[str, ...]]:
    """For each key the list of the last declared target that matches, else the general one."""
    variants: dict[str, tuple[str, ...]] = {}
    for selector, values in workspace.build_variants.items():
        if selector is None or selector_matches(selector, platform):
            variants.update(values)
    return variants


def _merged(
    workspace: Workspace,
    features: Iterable[Feature],
    platform: Platform,
    of: Callable[[FeatureTarget], Mapping[str, Spec]],
) -> tuple[Spec, ...]:
    found: list[Spec] = []
    for feature in features:
        if not supports(workspace, feature, platform):
            continue
        own: dict[str, Spec] = {}
        for target in matching_targets(feature, platform):
            own.update(of(target))
        found += own.values()
    return _grouped(found)


def _grouped(specs: Iterable[Any]) -> tuple[Any, ...]:
    """Requirements by name in order of first mention, without repetitions."""
    names: dict[str, list[Any]] = {}
    for spec in specs:
        group = names.setdefault(spec.name, [])
        if spec not in group:
            group.append(spec)
    return tuple(spec for group in names.values() for spec in group)
