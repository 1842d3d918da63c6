"""`[workspace]`, and the platforms that its environments end up with.

Follows pixi_manifest/src/toml/{workspace,manifest}.rs of pixi 0.77.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Unsupported
from pytest_pixipack.manifest.channels import read_channels
from pytest_pixipack.manifest.dependencies import check_fields, check_name
from pytest_pixipack.manifest.features import PRIORITIES, STRATEGIES
from pytest_pixipack.manifest.licenses import check_license
from pytest_pixipack.manifest.model import Environment, Feature, Platform, Workspace
from pytest_pixipack.manifest.options import read_conda_pypi_map, read_s3_options
from pytest_pixipack.manifest.platforms import (
    applies_to,
    check_selector,
    combine,
    plain,
    read_platforms,
    rich,
)
from pytest_pixipack.manifest.pypi import read_pypi_options
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.platforms import SUBDIRS
from pytest_pixipack.toml_positions import did_you_mean

_KEYS = (
    "name", "version", "description", "authors", "channels", "channel-priority", "solve-strategy",
    "platforms", "license", "license-file", "readme", "homepage", "repository", "documentation",
    "conda-pypi-map", "pypi-options", "s3-options", "preview", "target", "build-variants-files",
    "build-variants", "requires-pixi", "exclude-newer", "dependencies",
)  # fmt: skip
# Whose manifests these are: what a newer pixi reads may mean something else.
READS_AS = "0.77.0"
PREVIEWS = ("pixi-build",)


def read_workspace(table: Table, defaults: Mapping[str, Any]) -> Workspace:
    """The workspace table alone, without features. Raises `InvalidInput`.

    `defaults` are name, version, description and authors from elsewhere in the manifest.
    """
    table.allow(*_KEYS, need="channels")
    if "channels" not in table:
        raise table.error(
            "The workspace names no `channels`.", remedy='Add channels = ["conda-forge"].'
        )
    platforms = read_platforms(table)
    preview = _preview(table)
    return Workspace(
        name=_own(table.string("name"), defaults.get("name")),
        version=_own(table.version("version"), defaults.get("version")),
        description=_own(table.string("description"), defaults.get("description")),
        authors=_own(table.strings("authors"), defaults.get("authors")),
        license=check_license(table),
        license_file=_existing_file(table, "license-file"),
        readme=_existing_file(table, "readme"),
        homepage=table.url("homepage"),
        repository=table.url("repository"),
        documentation=table.url("documentation"),
        channels=read_channels(table) or (),
        platforms=platforms,
        declared_platforms=platforms,
        channel_priority=table.choice("channel-priority", PRIORITIES),
        solve_strategy=table.choice("solve-strategy", STRATEGIES),
        exclude_newer=table.cutoff("exclude-newer"),
        build_variants=_variants(table),
        build_variant_files=_variant_files(table),
        requires_pixi=table.version_spec("requires-pixi"),
        preview=preview,
        pypi_options=read_pypi_options(table),
        conda_pypi_map=read_conda_pypi_map(table),
        s3_options=read_s3_options(table),
        dependencies=_pool(table, building="pixi-build" in preview),
        position=table.at(),
    )


def _own(value: Any, default: Any) -> Any:
    # An empty text is a text.
    return default if value is None else value


def check_requires_pixi(table: Table) -> None:
    """Refuses a workspace for another pixi before its unknown keys are complained of.

    Raises `InvalidInput` for what is no constraint, `Unsupported` where it excludes the pixi whose
    manifests are read here.
    """
    text = table.data.get("requires-pixi")
    if not isinstance(text, str):
        return
    if table.version_spec("requires-pixi", strict=True) is None:
        return
    from rattler import Version, VersionSpec

    if not VersionSpec(text).matches(Version(READS_AS)):
        at = table.document.positions.value_of(*table.path, "requires-pixi")
        raise Unsupported(
            f'The workspace requires pixi "{text}", but manifests are read as pixi {READS_AS} '
            "reads them.",
            file=table.document.file,
            line=at[0],
            column=at[1],
            remedy="Use a version of pytest-pixipack for that pixi, or widen `requires-pixi`.",
        )


def settle_platforms(
    workspace: Workspace,
    features: Mapping[str, Feature],
    environments: Mapping[str, Environment],
    table: Table,
) -> tuple[tuple[Platform, ...], dict[str, Feature], bool]:
    """The platforms that environments use, the features that name them, whether they compose.

    A workspace of plain subdirs may still use `[system-requirements]`: pixi turns them into
    platforms and gives an environment one platform for each subdir. Raises `InvalidInput`.
    """
    declared = {platform.name: platform for platform in workspace.declared_platforms}
    composes = all(platform.is_plain for platform in declared.values())
    if composes:
        for name in (name for feature in features.values() for name in feature.platforms or ()):
            if name not in declared and name in SUBDIRS:
                declared[name] = plain(name)
    for feature in features.values():
        _check_names(feature, declared, table)
    settled = dict(features)
    if any(feature.system_requirements for feature in features.values()):
        declared = _migrate(declared, settled, composes, table)
    found = dict(declared)
    if composes:
        for platform in _composed(list(declared.values()), settled, environments):
            found.setdefault(platform.name, platform)
    return tuple(found.values()), settled, composes


def features_of(environment: Environment, features: Mapping[str, Feature]) -> tuple[Feature, ...]:
    """The features of an environment in order of precedence, the default one last."""
    names = environment.features
    if not environment.no_default_feature:
        names = (*names, "default")
    return tuple(features[name] for name in names)


def composed_platform(
    features: Sequence[Feature], subdir: str, platforms: Iterable[Platform]
) -> Platform | None:
    """The platform that features share on a subdir; None where one of them excludes it."""
    by_name = {platform.name: platform for platform in platforms}
    pinned: dict[str, Platform] = {}
    for feature in features:
        if feature.platforms is None:
            continue
        here = [by_name[name] for name in feature.platforms if name in by_name]
        here = [platform for platform in here if platform.subdir == subdir]
        if not here:
            return None
        pinned.update((platform.name, platform) for platform in here)
    return combine(list(pinned.values()), subdir)


def _composed(
    declared: Sequence[Platform],
    features: Mapping[str, Feature],
    environments: Mapping[str, Environment],
) -> Iterable[Platform]:
    subdirs = dict.fromkeys(platform.subdir for platform in declared)
    groups: dict[str, dict[str, Feature]] = {}
    sets: list[Sequence[Feature]] = []
    for environment in environments.values():
        own = features_of(environment, features)
        sets.append(own)
        if environment.solve_group is not None:
            group = groups.setdefault(environment.solve_group, {})
            group.update((id_of(feature, features), feature) for feature in own)
    sets += [list(group.values()) for group in groups.values()]
    for members in sets:
        for subdir in subdirs:
            if platform := composed_platform(members, subdir, declared):
                yield platform


def id_of(feature: Feature, features: Mapping[str, Feature]) -> str:
    """The key of a feature, which tells a feature from an environment's inline one."""
    return next(key for key, value in features.items() if value is feature)


def _check_names(feature: Feature, declared: Mapping[str, Platform], table: Table) -> None:
    for index, name in enumerate(feature.platforms or ()):
        if name not in declared:
            line = feature.position.keys
            raise table.document.positions.error(
                f"`{name}` is not a platform of the workspace.",
                *line,
                "platforms",
                index,
                remedy=did_you_mean(name, declared)
                or f"The workspace has: {', '.join(declared) or 'none'}.",
            )


def _migrate(
    declared: Mapping[str, Platform], features: dict[str, Feature], composes: bool, table: Table
) -> dict[str, Platform]:
    found: dict[str, Platform] = {}
    for key, feature in features.items():
        if not feature.system_requirements:
            found.update((name, declared[name]) for name in feature.platforms or ())
            continue
        if not composes:
            raise table.document.positions.error(
                "`system-requirements` cannot be used where platforms have virtual packages.",
                *feature.position.keys,
                "system-requirements",
                remedy="Write the requirements into the entries of `platforms`.",
            )
        names = []
        for platform in [declared[name] for name in feature.platforms or declared]:
            wanted = [p for p in feature.system_requirements if applies_to(p, platform.subdir)]
            made = rich(platform.subdir, wanted)
            found.setdefault(made.name, made)
            names.append(made.name)
        features[key] = replace(feature, platforms=tuple(dict.fromkeys(names)))
    covered = {platform.subdir for platform in found.values()}
    for name, platform in declared.items():
        if platform.subdir not in covered:
            found.setdefault(name, platform)
    return found


def _preview(table: Table) -> tuple[str, ...]:
    value = table.data.get("preview")
    if isinstance(value, bool):
        # pixi takes `false` for all of them as well (toml/preview.rs, is_enabled).
        return PREVIEWS
    flags = table.strings("preview") or ()
    for index, flag in enumerate(flags):
        if flag not in PREVIEWS:
            table.warn(
                f"The preview flag `{flag}` means nothing to pixi.",
                "preview",
                index,
                remedy=did_you_mean(flag, PREVIEWS),
            )
    return flags


def _variants(table: Table) -> dict[str | None, Mapping[str, tuple[str, ...]]]:
    variants: dict[str | None, Mapping[str, tuple[str, ...]]] = {None: _variant_table(table)}
    outer = table.table("target")
    for key, target in table.tables("target", "the target `{}` of the workspace"):
        assert outer is not None
        target.allow("build-variants")
        variants[check_selector(outer, key)] = _variant_table(target)
    return variants


def _variant_table(table: Table) -> dict[str, tuple[str, ...]]:
    inner = table.table("build-variants")
    return {key: inner.strings(key) or () for key in inner} if inner is not None else {}


def _variant_files(table: Table) -> tuple[Path, ...]:
    files = []
    for index, name in enumerate(table.strings("build-variants-files") or ()):
        path = table.document.root / name
        if not path.is_file():
            raise table.error(f"The file `{name}` does not exist.", "build-variants-files", index)
        files.append(path)
    return tuple(files)


def _existing_file(table: Table, key: str) -> Path | None:
    name = table.string(key)
    if name is None:
        return None
    path = table.document.root / name
    if not path.is_file():
        raise table.error(f"The file `{name}` does not exist.", key)
    return path


def _pool(table: Table, *, building: bool) -> dict[str, Mapping[str, Any]]:
    """`[workspace.dependencies]`, checked only for keys: members complete the entries."""
    pool: dict[str, Mapping[str, Any]] = {}
    inner = table.table("dependencies")
    for key in inner or ():
        assert inner is not None
        name = check_name(inner, key)
        if name in pool:
            raise inner.key_error(
                f"`{key}` is listed twice.",
                key,
                remedy="Package names are compared in lower case; keep one of them.",
            )
        if isinstance(inner.data[key], str):
            pool[name] = {"version": inner.version_spec(key)}
            continue
        entry = inner.table(key, f"the dependency `{key}`")
        assert entry is not None
        check_fields(entry)
        if not building and ("path" in entry or "git" in entry):
            raise entry.error(
                f"`{name}` is built from source, which this workspace has not enabled.",
                remedy='Add `preview = ["pixi-build"]` to `[workspace]`.',
            )
        pool[name] = entry.data
    return pool
