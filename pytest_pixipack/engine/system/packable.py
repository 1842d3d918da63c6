"""Whether pixi-pack can pack a locked environment: what is known before it tries.

It builds every source package with `pixi publish --path <dir>/pixi.toml --build-platform P` and
packs the first file that this leaves (Quantco/pixi-pack, src/pack.rs).
"""

from __future__ import annotations

from collections.abc import Sequence
from os.path import normpath
from pathlib import Path

from pytest_pixipack.engine.system.classify import refused
from pytest_pixipack.engine.system.support import first_release_reading, newest_lock_version
from pytest_pixipack.engine.system.tools import Tool
from pytest_pixipack.errors import PixipackError, Unsupported
from pytest_pixipack.lock import Lock, LockedPackage
from pytest_pixipack.platforms import current_platform


def refuse_unpackable(
    tool: Tool,
    pixi: Tool,
    root: Path,
    lock: Lock,
    environment: str,
    subdir: str,
    packages: Sequence[LockedPackage],
) -> None:
    """Raises `Unsupported` where pixi-pack would fail, or would pack something else unnoticed."""
    problem = why_unpackable(tool, pixi, root, lock, environment, subdir, packages)
    if problem is not None:
        raise problem


def why_unpackable(
    tool: Tool,
    pixi: Tool,
    root: Path,
    lock: Lock,
    environment: str,
    subdir: str,
    packages: Sequence[LockedPackage],
) -> PixipackError | None:
    """The first thing about a locked environment that pixi-pack cannot do; None if it can try."""
    assert tool.version is not None
    if lock.version > newest_lock_version("pixi-pack", tool.version):
        needed = first_release_reading("pixi-pack", lock.version)
        return Unsupported(
            f"{tool} cannot read a pixi.lock of version {lock.version}, which pixi-pack {needed} "
            "can.",
            file=lock.file,
            remedy="Upgrade pixi-pack, or use the embedded engine (--pixipack-engine=embedded).",
        )
    candidates = lock.platforms_of(environment, subdir)
    if len(candidates) > 1:
        names = ", ".join(platform.name for platform in candidates)
        return refused(tool, "several-platforms", names, subdir)
    sources = [package for package in packages if package.is_source]
    if sources and subdir != current_platform():
        return refused(tool, "cross-source", subdir, current_platform(), package=sources[0].name)
    for package in sources:
        problem = _source_problem(tool, pixi, root, package)
        if problem is not None:
            return problem
    return None


def _source_problem(
    tool: Tool, pixi: Tool, root: Path, package: LockedPackage
) -> PixipackError | None:
    location = package.location
    if "://" in location or location.startswith("git+"):
        return refused(tool, "remote-source", location, package=package.name)
    manifest = Path(normpath(root / location)) / "pixi.toml"
    if not manifest.is_file():
        return refused(tool, "only-pixi-toml", f"{location}/pixi.toml", package=package.name)
    if package.source is not None and (depends := sorted(package.source.source_depends)):
        run = [name for name in depends if _is_run_dependency(package, name)]
        if run:
            error = refused(
                tool,
                "source-run-dependencies",
                package.name,
                ", ".join(run),
                package=package.name,
            )
            return type(error)(
                error.message.replace("`pixi publish`", f"`pixi publish` ({pixi})"),
                package=package.name,
                remedy=error.remedy,
            )
    return None


def _is_run_dependency(package: LockedPackage, name: str) -> bool:
    return any(depend.split(" ")[0].split("[")[0] == name for depend in package.depends)
