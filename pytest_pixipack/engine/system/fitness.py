"""Whether the tools that were found can do all that a workspace needs: the question of `auto`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_pixipack.backend.overrides import backend_override
from pytest_pixipack.engine.backends_finding import RECIPES
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.reachable import reachable_packages
from pytest_pixipack.engine.recipes_manifest import recipe_manifest
from pytest_pixipack.engine.system.mirrors import stand_in_channels
from pytest_pixipack.engine.system.packable import Packing
from pytest_pixipack.engine.system.support import newest_lock_version
from pytest_pixipack.engine.system.tools import Tools
from pytest_pixipack.errors import PixipackError, Unsupported
from pytest_pixipack.lock import Lock, read_lock
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.platforms import current_platform


def why_not(
    root: Path,
    options: EngineOptions,
    tools: Tools,
    targets: Iterable[tuple[str, str]] | None = None,
) -> str | None:
    """The first reason, a full sentence, why the system engine cannot do a workspace; else None.

    `targets` are the (environment, subdir) that will be packed; default: every environment that is
    locked for this machine. No tool is run: what only shows while packing is not foreseen. A
    workspace that cannot be read is no reason; the engine will say so itself.
    """
    if (problem := tools.problem()) is not None:
        return problem
    try:
        manifest = load_manifest(root)
        _usable_stand_ins(manifest, options)
        _recipes(manifest, options)
        path = manifest.root / "pixi.lock"
        lock = read_lock(path) if path.is_file() else None
        if lock is not None:
            _packable(manifest, lock, tools, targets)
    except Unsupported as error:
        return error.message
    except PixipackError:
        return None
    return None


def _usable_stand_ins(manifest: Manifest, options: EngineOptions) -> None:
    channels = {**manifest.stand_ins.channels, **options.channels}
    stand_in_channels(channels, manifest.root)


def _recipes(manifest: Manifest, options: EngineOptions) -> None:
    """Raises `Unsupported` where pixi would have to fetch the backend of a recipe."""
    if options.network:
        return
    named = {**manifest.stand_ins.backends, **options.backends}
    if RECIPES in named or backend_override(RECIPES, options.environ) is not None:
        return
    packages = reachable_packages(manifest)
    if any(each.backend == RECIPES or recipe_manifest(each.directory) for each in packages):
        raise Unsupported(
            f"Without network, pixi has no {RECIPES}; the embedded engine builds recipes itself."
        )


def _packable(
    manifest: Manifest, lock: Lock, tools: Tools, targets: Iterable[tuple[str, str]] | None
) -> None:
    pixi, pixi_pack = tools.require("pixi"), tools.require("pixi-pack")
    assert pixi.version is not None
    if lock.version > newest_lock_version("pixi", pixi.version):
        raise Unsupported(f"{pixi} cannot read a pixi.lock of version {lock.version}.")
    if targets is None:
        here = current_platform()
        targets = [(name, here) for name in lock.environments if lock.platforms_of(name, here)]
    for environment, subdir in targets:
        Packing(manifest, lock, environment, subdir, pixi_pack, pixi).refuse()
