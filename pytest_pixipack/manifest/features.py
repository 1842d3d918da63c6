"""Features and environments: the tables at the root, `[feature.*]` and `[environments]`.

Follows pixi_manifest/src/toml/{target,feature,environment}.rs of pixi 0.77.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_pixipack.manifest.channels import read_channels
from pytest_pixipack.manifest.dependencies import (
    Rules,
    read_dependencies,
    read_inline_packages,
    read_locations,
)
from pytest_pixipack.manifest.model import (
    Activation,
    Environment,
    Feature,
    FeatureTarget,
    Platform,
)
from pytest_pixipack.manifest.names import environment_name_remedy
from pytest_pixipack.manifest.platforms import (
    check_selector,
    libc_families,
    read_system_requirements,
    selector_matches,
)
from pytest_pixipack.manifest.pypi import (
    contradiction,
    read_pypi_dependencies,
    read_pypi_options,
)
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.tasks import read_tasks
from pytest_pixipack.toml_positions import did_you_mean

TARGET_KEYS = (
    "dependencies", "host-dependencies", "build-dependencies", "constraints", "pypi-dependencies",
    "dev", "activation", "tasks",
)  # fmt: skip
_INLINE_KEYS = (
    "platforms", "channels", "channel-priority", "solve-strategy", "target", "dependencies",
    "pypi-dependencies", "dev", "constraints", "activation", "tasks", "pypi-options",
)  # fmt: skip
FEATURE_KEYS = (*_INLINE_KEYS, "host-dependencies", "build-dependencies", "system-requirements")
_ENVIRONMENT_KEYS = ("features", "solve-group", "no-default-feature", *_INLINE_KEYS)

PRIORITIES = ("strict", "flexible", "disabled")
STRATEGIES = ("highest", "lowest", "lowest-direct")


@dataclass(frozen=True, slots=True)
class FeatureRules:
    """What features need to know of their workspace."""

    rules: Rules
    platforms: tuple[Platform, ...]


def read_feature(table: Table, name: str, context: FeatureRules) -> Feature:
    """A feature: its own tables and those of its targets. Raises `InvalidInput`.

    The keys of `table` are checked by the caller, for the root has more of them than a feature.
    """
    for key in ("host-dependencies", "build-dependencies"):
        if key in table and not context.rules.pixi_build:
            table.warn(f"`{key}` is deprecated here.", key, remedy="Write `dependencies`.")
    targets: dict[str | None, FeatureTarget] = {None: _read_target(table, context)}
    outer = table.table("target")
    for key, target in table.tables("target", "the target `{}`"):
        assert outer is not None
        selector = check_selector(outer, key)
        target.allow(*TARGET_KEYS)
        _warn_of_unmatched(outer, key, selector, context.platforms, table.strings("platforms"))
        targets[selector] = _read_target(target, context)
    return Feature(
        name=name,
        channels=read_channels(table),
        platforms=table.strings("platforms"),
        channel_priority=table.choice("channel-priority", PRIORITIES),
        solve_strategy=table.choice("solve-strategy", STRATEGIES),
        targets=targets,
        system_requirements=_system_requirements(table),
        archspec_requirement=_archspec(table),
        pypi_options=read_pypi_options(table),
        position=table.at(),
    )


def _warn_of_unmatched(
    outer: Table,
    key: str,
    selector: str,
    platforms: tuple[Platform, ...],
    own: tuple[str, ...] | None,
) -> None:
    """Warns of a target that applies nowhere; `own` are the platforms that the feature lists."""
    names = [platform.name for platform in platforms if selector_matches(selector, platform)]
    if names and (own is None or any(name in own for name in names)):
        return
    where = "feature" if names else "workspace"
    known = own or () if names else [platform.name for platform in platforms]
    outer.warn(
        f"The target `{key}` matches no platform of the {where}.",
        key,
        remedy=did_you_mean(key, known)
        or f"Add `{key}` to the platforms of the {where}, or remove the table.",
    )


def read_named_features(root: Table, context: FeatureRules) -> dict[str, Feature]:
    """`[feature.*]`. Raises `InvalidInput`."""
    features = {}
    outer = root.table("feature")
    for name, table in root.tables("feature", "the feature `{}`"):
        assert outer is not None
        if name == "default":
            raise outer.key_error(
                "The feature `default` cannot be defined again.",
                name,
                remedy="The tables at the root of the manifest are the default feature.",
            )
        table.allow(*FEATURE_KEYS)
        features[name] = read_feature(table, name, context)
    return features


def read_environments(
    root: Table, features: dict[str, Feature], context: FeatureRules
) -> dict[str, Environment]:
    """`[environments]`; adds to `features` what environments define inline.

    The default environment comes first unless the table lists it. Raises `InvalidInput`.
    """
    outer = root.table("environments")
    environments = {}
    if outer is None or "default" not in outer:
        environments["default"] = Environment(name="default", position=root.at("environments"))
    for name in outer or ():
        assert outer is not None
        if remedy := environment_name_remedy(name):
            raise outer.key_error(
                f"`{name}` cannot be the name of an environment.", name, remedy=remedy
            )
        environments[name] = _read_environment(outer, name, features, context)
    _warn_of_unused(root, features, environments)
    return environments


def _read_environment(
    outer: Table, name: str, features: dict[str, Feature], context: FeatureRules
) -> Environment:
    if isinstance(outer.data[name], list):
        names = outer.strings(name) or ()
        _check_features(outer, (name,), names, features)
        _check_agreement(outer, (name,), names, features, default=True)
        return Environment(name=name, features=names, position=outer.at(name))
    table = outer.table(name, f"the environment `{name}`")
    assert table is not None
    table.allow(*_ENVIRONMENT_KEYS)
    inline = [key for key in table if key in _INLINE_KEYS]
    if not inline and "features" not in table and "solve-group" not in table:
        raise table.error(
            f"The environment `{name}` has no `features`.",
            remedy="List its features, or write its dependencies here.",
        )
    names = table.strings("features") or ()
    _check_features(table, ("features",), names, features)
    if inline:
        key = f"environment:{name}"
        features[key] = read_feature(table, name, context)
        names = (key, *names)
    no_default = bool(table.boolean("no-default-feature"))
    _check_agreement(table, ("features",), names, features, default=not no_default)
    return Environment(
        name=name,
        features=names,
        no_default_feature=no_default,
        solve_group=table.string("solve-group"),
        position=outer.at(name),
    )


def _check_agreement(
    table: Table,
    keys: tuple[str, ...],
    names: tuple[str, ...],
    features: Mapping[str, Feature],
    *,
    default: bool,
) -> None:
    """What the features of an environment say once for all of it has to be the same."""
    used = [features[name] for name in (*names, *(("default",) if default else ()))]
    problem = contradiction([feature.pypi_options for feature in used])
    remedy = "Say it once, or use the features in different environments."
    if problem is None:
        archspecs = {f.archspec_requirement for f in used if f.archspec_requirement is not None}
        libcs = {libc for feature in used for libc in libc_families(feature.system_requirements)}
        for what, values in (("processors", archspecs), ("C libraries", libcs)):
            if len(values) > 1:
                listed = " and ".join(f"`{value}`" for value in sorted(values))
                problem = f"The features of this environment require different {what}, {listed}."
    if problem is not None:
        raise table.error(problem, *keys, remedy=remedy)


def _check_features(
    table: Table, keys: tuple[str, ...], names: tuple[str, ...], features: Mapping[str, Feature]
) -> None:
    for index, name in enumerate(names):
        if name not in features:
            known = [key for key in features if not key.startswith("environment:")]
            raise table.error(
                f"The feature `{name}` is not defined in the manifest.",
                *keys,
                index,
                remedy=did_you_mean(name, known)
                or f"Add for example `[feature.{name}.dependencies]`, or remove `{name}`.",
            )
        if name in names[:index]:
            raise table.error(
                f"The feature `{name}` is listed twice.",
                *keys,
                index,
                remedy="The order of features matters; keep one.",
            )


def _warn_of_unused(
    root: Table, features: Mapping[str, Feature], environments: Mapping[str, Environment]
) -> None:
    outer = root.table("feature")
    used = {name for environment in environments.values() for name in environment.features}
    for name in outer or ():
        assert outer is not None
        if name in features and name not in used:
            outer.warn(
                f"No environment uses the feature `{name}`, so nothing of it is checked.",
                name,
                remedy="Add it to an environment, or remove it.",
            )


def _read_target(table: Table, context: FeatureRules) -> FeatureTarget:
    rules = context.rules
    for key in ("host-dependencies", "build-dependencies"):
        if key in table and rules.pixi_build:
            raise table.error(
                f"`{key}` belongs to a package where `pixi-build` is enabled.",
                key,
                remedy=f"Write `[package.{key}]`, or `dependencies` for the environment.",
            )
    constraints = replace(rules, source=False, inline=None)
    return FeatureTarget(
        dependencies=read_dependencies(table.table("dependencies"), rules),
        host_dependencies=read_dependencies(table.table("host-dependencies"), rules),
        build_dependencies=read_dependencies(table.table("build-dependencies"), rules),
        pypi_dependencies=read_pypi_dependencies(table),
        constraints=read_dependencies(table.table("constraints"), constraints),
        dev=read_locations(table.table("dev")),
        inline_packages=read_inline_packages(table.table("dependencies"), rules),
        activation=_activation(table),
        tasks=read_tasks(table),
    )


def _activation(table: Table) -> Activation:
    inner = table.table("activation", "`activation`")
    if inner is None:
        return Activation()
    inner.allow("scripts", "env")
    env = inner.table("env", "`activation.env`")
    values = {key: env.need_string(key) for key in env} if env is not None else {}
    return Activation(inner.strings("scripts") or (), values)


def _archspec(table: Table) -> str | None:
    inner = table.table("system-requirements")
    return inner.string("archspec") if inner is not None else None


def _system_requirements(table: Table) -> tuple[str, ...]:
    inner = table.table("system-requirements", "`system-requirements`")
    requirements = read_system_requirements(inner) if inner is not None else ()
    if requirements or (inner is not None and "archspec" in inner):
        table.warn(
            "`system-requirements` is deprecated in favor of platforms with virtual packages.",
            "system-requirements",
            remedy='Write for example platforms = [{ platform = "linux-64", glibc = "2.28" }].',
        )
    return requirements
