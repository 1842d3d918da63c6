"""What is in a cache, and how much."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.cache.made_once import LOCK, TEMPORARY, thing_of

# Directories with one entry for each thing, and those that another program keeps in order.
KINDS = ("archives", "backends", "built", "channels", "git", "packages")
WHOLE = ("pixi", "repodata")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a cache: `used` in nanoseconds since the epoch, `size` in bytes."""

    kind: str
    path: Path
    used: int
    size: int


def entries(root: Path) -> list[Entry]:
    """All things in a cache, the one that was used least recently first.

    Only what this package keeps there: a directory may have been named that holds other things.
    """
    found = [each for kind in KINDS for each in _things(root / kind, kind)]
    for name in WHOLE:
        found += _entry(root / name, name)
    return sorted(found, key=lambda each: (each.used, each.path))


def check_readable(root: Path) -> None:
    """Raises `OSError` where a cache is there and cannot be looked into, or is no directory."""
    with contextlib.suppress(FileNotFoundError), os.scandir(str(root)):
        pass
    for name in (*KINDS, *WHOLE):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.scandir(str(root / name)).close()


def left_overs(root: Path) -> list[Path]:
    """What processes that were killed have left under temporary names, or are making just now."""
    folders = [*(root / kind for kind in KINDS), *_shared_rooms(root)]
    return [path for folder in folders for path in _paths(folder) if path.name.endswith(TEMPORARY)]


def locked_by(root: Path, left_over: Path) -> Path:
    """The thing whose lock those hold who make what is under a temporary name."""
    folder = left_over.parent
    return folder if folder in _shared_rooms(root) else thing_of(left_over)


def size_of(path: Path) -> int:
    """The bytes of all files in a directory, or of one file; 0 for what is gone."""
    try:
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        with os.scandir(path) as found:
            return sum(
                size_of(Path(each.path))
                if each.is_dir(follow_symlinks=False)
                else each.stat(follow_symlinks=False).st_size
                for each in found
            )
    except OSError:
        return 0


def _shared_rooms(root: Path) -> list[Path]:
    """Things that grow, within which there are temporary names, too."""
    rooms = [*_paths(root / "git"), root / "repodata"]
    return [room for room in rooms if room.is_dir() and not room.is_symlink()]


def _things(folder: Path, kind: str) -> Iterator[Entry]:
    for path in _paths(folder):
        if not path.name.startswith(".") and not path.name.endswith((LOCK, TEMPORARY)):
            yield from _entry(path, kind)


def _entry(path: Path, kind: str) -> list[Entry]:
    try:
        return [Entry(kind, path, path.stat().st_mtime_ns, size_of(path))]
    except OSError:
        return []


def _paths(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
