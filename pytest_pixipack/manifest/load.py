"""Finds and reads manifests: a workspace, or the package that a dependency points at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported
from pytest_pixipack.manifest import pyproject
from pytest_pixipack.manifest.dependencies import Rules, check_name
from pytest_pixipack.manifest.features import (
    FEATURE_KEYS,
    FeatureRules,
    read_environments,
    read_feature,
    read_named_features,
)
from pytest_pixipack.manifest.manifest import Manifest
from pytest_pixipack.manifest.model import Feature, Package, Workspace
from pytest_pixipack.manifest.package import Inherited, read_package
from pytest_pixipack.manifest.pypi import check_pypi_name
from pytest_pixipack.manifest.reader import Document, Table
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.manifest.stand_ins import read_stand_ins
from pytest_pixipack.manifest.workspace import check_requires_pixi, read_workspace, settle_platforms
from pytest_pixipack.toml_positions import load_toml

PIXI_TOML = "pixi.toml"
PYPROJECT_TOML = "pyproject.toml"

_ROOT_KEYS = (
    "workspace", "package", "target", "dependencies", "host-dependencies", "build-dependencies",
    "constraints", "exclude-newer", "pypi-dependencies", "pypi-exclude-newer", "dev", "activation",
    "tasks", "feature", "environments", "pypi-options", "system-requirements",
)  # fmt: skip
# Ignored by pixi, and not suggested.
_MORE_ROOT_KEYS = ("tool", "$schema")


def load_manifest(path: Path | str) -> Manifest:
    """The manifest in a file or a directory (`pixi.toml` goes before `pyproject.toml`).

    Raises `InvalidInput` with the line for what pixi would refuse; what it only warns of is in
    `Manifest.warnings`.
    """
    path = Path(path)
    file = find_manifest(path)
    if file is None:
        raise InvalidInput(
            f"There is no manifest in `{path}`."
            if path.is_dir()
            else f"The manifest `{path}` does not exist.",
            file=path,
            remedy="A workspace has a `pixi.toml`, or a `pyproject.toml` with `[tool.pixi]`.",
        )
    return _load(file, None)


def load_package(path: Path, workspace: Manifest, *, asked_by: Spec | None = None) -> Manifest:
    """The manifest of the source package in a directory, with `package` set.

    `workspace` is what it may inherit from, unless the manifest has a workspace of its own;
    `asked_by` is the dependency that led here, for errors. Raises `InvalidInput` for a missing or
    broken manifest, `Unsupported` for a `recipe.yaml` or `package.xml`.
    """
    file = path if path.is_file() and path.suffix == ".toml" else _package_file(path, asked_by)
    manifest = _load(file, workspace)
    if manifest.package is None:
        raise InvalidInput(
            f"`{file}` has no `[package]`.",
            package=asked_by.name if asked_by else None,
            remedy="Add `[package]` with a `[package.build]`.",
            **_asked(asked_by, file),
        )
    return manifest


def find_manifest(path: Path) -> Path | None:
    """The manifest that `path` (a file or a directory) stands for, or None."""
    if path.is_file():
        return _absolute(path)
    for name in (PIXI_TOML, PYPROJECT_TOML):
        file = path / name
        if file.is_file() and (name == PIXI_TOML or _has_pixi_table(file)):
            return _absolute(file)
    return None


def _absolute(path: Path) -> Path:
    # Not resolve(): a path through a link stays the path that the user knows.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _has_pixi_table(file: Path) -> bool:
    """A file that cannot be read or parsed counts if it could have the table, to be reported."""
    try:
        data, _ = load_toml(file)
    except (InvalidInput, Infrastructure):
        return may_mention_pixi(file)
    tool = data.get("tool")
    return isinstance(tool, dict) and "pixi" in tool


def may_mention_pixi(file: Path) -> bool:
    """Whether the bytes of a `pyproject.toml` leave room for a pixi table; true if unreadable."""
    try:
        return b"pixi" in file.read_bytes()
    except OSError:
        return True


def _package_file(path: Path, asked_by: Spec | None) -> Path:
    package = asked_by.name if asked_by else None
    if not path.exists():
        raise InvalidInput(
            f"The directory `{path}` of the source package `{package or path.name}` does not "
            "exist.",
            package=package,
            remedy="Correct the `path`, or create the package there.",
            **_asked(asked_by, path),
        )
    file = find_manifest(path)
    if file is not None:
        return file
    names = [path.name] if path.is_file() else ["recipe.yaml", "recipe.yml", "package.xml"]
    for name in names:
        found = path if path.is_file() else path / name
        if found.is_file():
            raise Unsupported(
                f"`{found}` describes the package by `{name}`, which cannot be read here.",
                package=package,
                remedy="Add a `pixi.toml` with `[package]` beside it, or use the system engine.",
                **_asked(asked_by, found),
            )
    raise InvalidInput(
        f"The directory `{path}` of the source package `{package or path.name}` has no manifest.",
        package=package,
        remedy="Add a `pixi.toml` with `[package]`.",
        **_asked(asked_by, path),
    )


def _asked(asked_by: Spec | None, file: Path) -> dict[str, Any]:
    if asked_by is None:
        return {"file": file}
    at = asked_by.position
    return {"file": at.file, "line": at.line, "column": at.column}


def _load(file: Path, outer: Manifest | None) -> Manifest:
    """Reads a manifest; `outer` is the workspace around a package."""
    data, positions = load_toml(file)
    document = Document(file, positions)
    document.refuse_what_pixi_refuses(data)
    prefix: tuple[str, ...] = ()
    root = Table(document, data, (), "the manifest")
    defaults: dict[str, Any] = {}
    if file.name == PYPROJECT_TOML:
        prefix = ("tool", "pixi")
        root = _pixi_table(root)
        defaults = pyproject.project_defaults(document, data)
    if isinstance(root.data.get("workspace"), dict):
        check_requires_pixi(Table(document, root.data["workspace"], (*prefix, "workspace"), ""))
    former = () if "workspace" in root else ("project",)
    root.allow(*_ROOT_KEYS, hidden=(*_MORE_ROOT_KEYS, *former))
    stand_ins = read_stand_ins(document, data)
    workspace = _read_workspace(root, data, defaults)
    package = _read_package(root, workspace, defaults, outer)
    if workspace is None and package is None:
        raise root.error(
            "The manifest has neither `[workspace]` nor `[package]`.",
            remedy='Add `[workspace]` with channels = ["conda-forge"] and `platforms`.',
        )
    return Manifest(
        path=file,
        workspace=workspace,
        package=package,
        stand_ins=stand_ins,
        warnings=tuple(document.warnings),
        prefix=prefix,
        positions=positions,
    )


def _pixi_table(whole: Table) -> Table:
    tool = whole.table("tool")
    table = tool.table("pixi", "`[tool.pixi]`") if tool is not None else None
    if table is None:
        raise whole.error(
            "This `pyproject.toml` has no `[tool.pixi]`.",
            remedy="Add `[tool.pixi.workspace]` with `channels` and `platforms`.",
        )
    return table


def _read_workspace(
    root: Table, data: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Workspace | None:
    table = root.table("workspace", "the workspace")
    if table is None:
        table = root.table("project", "the workspace")
        if table is None:
            return None
        root.warn("The `project` field is deprecated.", "project", remedy="Use `workspace`.")
    workspace = read_workspace(table, _named(root, defaults))
    is_pyproject = root.document.file.name == PYPROJECT_TOML
    context = _context(root, workspace, defaults)
    features: dict[str, Feature] = {"default": _default_feature(root, workspace, context)}
    features.update(read_named_features(root, context))
    if is_pyproject:
        for name, requirements in pyproject.implicit_features(root.document, data).items():
            own = features.get(name) or Feature(name=name, position=root.at())
            features[name] = pyproject.add_requirements(own, requirements)
        default = features["default"]
        features["default"] = pyproject.add_python(default, root.document, data)
    environments = read_environments(root, features, context)
    platforms, settled, composes = settle_platforms(workspace, features, environments, table)
    return replace(
        workspace,
        features=settled,
        environments=environments,
        platforms=platforms,
        composes_platforms=composes,
        exclude_newer_packages=_cutoffs(root, "exclude-newer"),
        pypi_exclude_newer_packages=_cutoffs(root, "pypi-exclude-newer"),
    )


def _named(root: Table, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What the workspace takes over if it does not say it: the package's name goes first."""
    package = root.table("package")
    name = package.data.get("name") if package is not None else None
    return {**defaults, "name": name if isinstance(name, str) else defaults.get("name")}


def _context(root: Table, workspace: Workspace, defaults: Mapping[str, Any]) -> FeatureRules:
    # Inline packages are read before the workspace is put together, so that what they can inherit
    # is what `[project]` says (pixi_manifest/src/toml/manifest.rs, inline_workspace_properties).
    inherited = replace(
        Inherited.of(workspace, root.document.root), workspace=defaults, inline=True
    )

    def inline(table: Table, name: str) -> Package:
        if "name" in table:
            raise table.error(
                "An inline package cannot have a `name`; the dependency's is used.", "name"
            )
        return read_package(table, replace(inherited, defaults={"name": name}))

    rules = Rules(pixi_build=workspace.has_pixi_build, pool=workspace.dependencies, inline=inline)
    return FeatureRules(rules, workspace.declared_platforms)


def _default_feature(root: Table, workspace: Workspace, context: FeatureRules) -> Feature:
    own = {key: value for key, value in root.data.items() if key in FEATURE_KEYS}
    table = Table(root.document, own, root.path, "the manifest")
    feature = read_feature(table, "default", context)
    return replace(
        feature,
        channel_priority=workspace.channel_priority,
        solve_strategy=workspace.solve_strategy,
    )


def _cutoffs(root: Table, key: str) -> dict[str, str]:
    inner = root.table(key)
    found = {}
    for name in inner or ():
        assert inner is not None
        (check_pypi_name if key.startswith("pypi") else check_name)(inner, name)
        inner.need_string(name)
        found[name] = str(inner.cutoff(name))
    return found


def _read_package(
    root: Table,
    workspace: Workspace | None,
    defaults: Mapping[str, Any],
    outer: Manifest | None,
) -> Package | None:
    table = root.table("package", "the package")
    if table is None:
        return None
    around, directory = workspace, root.document.root
    if around is None and outer is not None:
        around, directory = outer.workspace, outer.root
    if around is not None and not around.has_pixi_build:
        raise root.error(
            "`[package]` is used, but its workspace has not enabled building packages.",
            "package",
            remedy='Add preview = ["pixi-build"] to `[workspace]`.',
        )
    if around is None:
        return read_package(table, Inherited(defaults=defaults))
    return read_package(table, Inherited.of(around, directory, defaults))
