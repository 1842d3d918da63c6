"""Packages that have a `recipe.yaml` and no manifest of pixi's.

Follows prefix-dev/pixi, `crates/pixi_build_discovery/src/discovery.rs`: such a directory is a
package whose backend is pixi-build-rattler-build, any version, from the workspace's channels. The
backend is told of no project model, and that the directory is its own workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.engine.backends_finding import RECIPES
from pytest_pixipack.manifest import Manifest, Spec, find_manifest
from pytest_pixipack.manifest.model import BackendRef, BuildSection, Package, Position

_NAMES = ("recipe.yaml", "recipe.yml", "recipe/recipe.yaml", "recipe/recipe.yml")


def recipe_manifest(directory: Path) -> Manifest | None:
    """What stands for the manifest of a package that is described by a recipe alone.

    None for other directories. The name and the version of the package are not known.
    """
    if not directory.is_dir() or find_manifest(directory) is not None:
        return None
    file = next((directory / name for name in _NAMES if (directory / name).is_file()), None)
    if file is None:
        return None
    position = Position(file)
    spec = Spec(name=RECIPES, version="*", position=position)
    build = BuildSection(backend=BackendRef(name=RECIPES, spec=spec), position=position)
    package = Package(name=None, build=build, tables={}, root=directory, position=position)
    return Manifest(path=file, package=package)


def without_model(params: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The parameters of `initialize` as pixi has them for such a package."""
    place = str(directory)
    return {
        **params,
        "sourceDirectory": place,
        "workspaceDirectory": place,
        "projectModel": None,
    }
