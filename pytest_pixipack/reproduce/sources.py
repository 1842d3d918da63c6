"""The workspace that is built again and again: one pristine copy, copied anew for every build."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_pixipack.cache.scratch import IN_MEMORY, Scratch
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.lock import read_lock, write_lock
from pytest_pixipack.manifest import Manifest, load_manifest

LOCK_NAME = "pixi.lock"
# What the directory of the copy is called, and what is added for another name.
CHECKOUT, _ANOTHER = "checkout", "-renamed"
# Where source packages are named by their paths.
_NAMING = (LOCK_NAME, "pixi.toml", "pyproject.toml", "recipe.yaml")
_MOST_IN_MEMORY = 256 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Pristine:
    """The copy: `directory` holds the workspace at `relative` and source packages beside it; it was
    made from `source`.

    `options` have all stand-ins named by absolute paths; `relocked` is whether the lock was made
    anew, because there was none or it was not made from the stand-ins.
    """

    directory: Path
    relative: Path
    source: Path
    manifest: Manifest
    options: EngineOptions
    relocked: bool

    @property
    def root(self) -> Path:
        """The workspace in the copy."""
        return self.directory / self.relative

    @property
    def lock_path(self) -> Path:
        """The lock that everything is built from."""
        return self.root / LOCK_NAME


def pristine_copy(root: Path, options: EngineOptions, directory: Path, engine: str) -> Pristine:
    """Copies a workspace and its source packages into `directory`, locked.

    Raises as `load_manifest`, `read_lock`, an engine's `lock` and `copy_beside` do.
    """
    from pytest_pixipack.engine.choice import make_engine
    from pytest_pixipack.engine.reachable import reachable_packages
    from pytest_pixipack.workspace.copying import copy_beside
    from pytest_pixipack.workspace.relock import made_from_stand_ins

    manifest = load_manifest(root)
    options = _with_channels(options, manifest).with_stand_ins(manifest)
    lock_path = manifest.root / LOCK_NAME
    lock = read_lock(lock_path) if lock_path.is_file() else None
    sources = [
        Path(os.path.normpath(manifest.root / package.location))
        for package in (lock.packages if lock else ())
        if package.is_source and "://" not in package.location
    ]
    if lock is None:
        sources = [each.directory for each in reachable_packages(manifest)]
    copied = copy_beside(manifest.root, sources, directory)
    inner = load_manifest(copied / manifest.path.name)
    relocked = lock is None or not made_from_stand_ins(lock, options, copied)
    if relocked:
        target = copied / LOCK_NAME
        target.unlink(missing_ok=True)
        write_lock(make_engine(engine, options).lock(copied), target)
    relative = copied.relative_to(directory)
    return Pristine(directory, relative, manifest.root, inner, options, relocked)


def require_packages(names: Iterable[str], pristine: Pristine) -> None:
    """Raises `InvalidInput` for a name that no locked source package has."""
    known = sorted({each.name for each in read_lock(pristine.lock_path).packages if each.is_source})
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise InvalidInput(
                f"No source package {name} is locked.",
                file=pristine.source / LOCK_NAME,
                remedy=f"There are: {listed}.",
            )


def _with_channels(options: EngineOptions, manifest: Manifest) -> EngineOptions:
    """With the local channels of the workspace where they are, not where the copy is."""
    from pytest_pixipack.engine.channels import canonical_url
    from pytest_pixipack.file_urls import path_of_url

    local: dict[str, Path] = {}
    for environment in manifest.environment_names():
        for name in manifest.channels(environment):
            path = path_of_url(canonical_url(name, manifest.root))
            if path is not None and name not in manifest.stand_ins.channels:
                local[name] = path
    return replace(options, channels={**local, **options.channels})


def scratch_for_sources(directory: Path, pristine: Path) -> Scratch | None:
    """A directory in memory for copies of the sources, where the order in which files are made can
    matter; None where `directory` will do, or there is none. It has to be closed.
    """
    if lists_as_made(directory) or sys.platform != "linux" or not os.access(IN_MEMORY, os.W_OK):
        return None
    facts = os.statvfs(IN_MEMORY)
    size = sum(path.lstat().st_size for path in pristine.rglob("*") if not path.is_dir())
    room = facts.f_bavail * facts.f_frsize
    if facts.f_flag & os.ST_NOEXEC or size > min(_MOST_IN_MEMORY, room // 4):
        return None
    place = Scratch(directory=IN_MEMORY)
    if not lists_as_made(place.path):
        place.close()
        return None
    return place


def lists_as_made(directory: Path) -> bool:
    """Whether a file system lists files in the order in which they were made, or its reverse."""
    names = [f"n{number}" for number in range(9)]
    with tempfile.TemporaryDirectory(prefix="pixipack-", dir=directory) as scratch:
        orders = []
        for side, made in (("a", names), ("b", names[::-1])):
            folder = Path(scratch, side)
            folder.mkdir()
            for name in made:
                (folder / name).touch()
            orders.append(os.listdir(folder))  # noqa: PTH208
    return orders[0] != orders[1]


def copied_sources(
    pristine: Pristine,
    target: Path,
    *,
    renamed: bool = False,
    reverse: bool = False,
    later: int = 0,
) -> Path:
    """A copy of everything below `target`, made as by `copy_in_order`; returns the workspace in it.

    `renamed` gives the workspace's own directory another name. Raises `Infrastructure`.
    """
    alone = pristine.relative == Path()
    copy = target / (CHECKOUT + _ANOTHER if alone and renamed else CHECKOUT)
    copy_in_order(pristine.directory, copy, reverse=reverse, later=later)
    root = copy / pristine.relative
    if alone or not renamed:
        return root
    return root.rename(root.with_name(root.name + _ANOTHER))


def is_named_from_beside(pristine: Pristine) -> bool:
    """Whether what lies beside the workspace leads to it by the name of its directory."""
    if pristine.relative == Path():
        return False
    wanted = f"../{pristine.root.name}"
    return any(
        wanted in path.read_text(encoding="utf-8", errors="replace")
        for name in _NAMING
        for path in pristine.directory.rglob(name)
        if path.is_file()
    )


def copy_in_order(source: Path, target: Path, *, reverse: bool = False, later: int = 0) -> None:
    """Copies a directory, making its entries in the order of their names or in the reverse one.

    `later` are seconds by which files seem to have been changed later. Raises `Infrastructure`.
    """
    try:
        _copy(source, target, reverse, later)
    except (OSError, shutil.Error) as error:
        raise Infrastructure(
            f"The sources cannot be copied: {getattr(error, 'strerror', None) or error}.",
            file=target,
            remedy="Choose a directory that can be written, with enough room (TMPDIR).",
        ) from error


def _copy(source: Path, target: Path, reverse: bool, later: int) -> None:
    target.mkdir(parents=True)
    for entry in sorted(os.scandir(source), key=lambda each: each.name, reverse=reverse):
        place = target / entry.name
        if entry.is_symlink():
            place.symlink_to(Path(entry.path).readlink(), target_is_directory=entry.is_dir())
        elif entry.is_dir():
            _copy(Path(entry.path), place, reverse, later)
        else:
            shutil.copy2(entry.path, place)
            if later:
                facts = place.stat()
                os.utime(place, (facts.st_atime + later, facts.st_mtime + later))
    shutil.copystat(source, target)


def remove(directory: Path) -> None:
    """Removes a directory, also with read-only files in it; what stays is no error."""

    def writable(function: object, path: str, _error: object) -> None:
        try:
            for each in (Path(path).parent, Path(path)):
                if not each.is_symlink():
                    each.chmod(0o700)
            function(path)  # type: ignore[operator]
        except OSError:
            pass

    if sys.version_info >= (3, 12):
        shutil.rmtree(directory, onexc=writable)
    else:
        shutil.rmtree(directory, onerror=writable)


__all__ = [
    "CHECKOUT", "LOCK_NAME", "Pristine", "copied_sources", "copy_in_order", "lists_as_made",
    "pristine_copy", "remove", "scratch_for_sources",
]  # fmt: skip
