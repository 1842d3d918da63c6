"""Made once under a lock, renamed into place, and sealed.

Whoever comes first makes a thing, under a temporary name beside its place, and renames it when it
is complete; all others wait for the lock and take what is there. The operating system frees the
lock of a process that is killed, and what that one left under a temporary name is removed by the
next. What is no longer what was made (`seals`) is made anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_pixipack.cache.seals import MADE, is_whole, remove_seal, seal_of, write_seal

if TYPE_CHECKING:
    from filelock import BaseFileLock

T = TypeVar("T")

TEMPORARY, LOCK = ".tmp", ".lock"
_ONLY_READ = (errno.EACCES, errno.EPERM, errno.EROFS)


def made_once(home: Path, load: Callable[[Path], T | None], make: Callable[[Path], object]) -> T:
    """What `load` finds at `home`, a file or a directory; where that is None, it is made first.

    `make` writes it to the path that it is given. What was damaged since is made anew: `load` does
    not see it. In a cache that can only be read, what is there is taken. Raises `OSError` where it
    cannot be written, and what `load` and `make` raise.
    """
    # What is read now need not be read under the lock, where others wait.
    is_whole(home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_of(home)
        lock.acquire()
    except OSError:
        found = _loaded(home, load)
        if found is None:
            raise
        return found
    try:
        found = _loaded(home, load)
        if found is None:
            _make(home, make)
            found = load(home)
            if found is None:
                raise OSError(f"{home.name} is not there although it was just made")
        used(home)
        return found
    finally:
        lock.release()


def taken(home: Path, load: Callable[[Path], T | None], *, sealed: bool = True) -> T | None:
    """What `load` finds at `home`, which counts as used then; None where there is nothing, or
    something else than was made.

    Where things are not `sealed`, `load` is what looks at their content.
    """
    look = _loaded if sealed else _found
    if look(home, load) is None:
        return None
    try:
        with lock_of(home):
            found = look(home, load)
            if found is not None:
                used(home)
            return found
    except OSError:  # a cache that can only be read: nothing is removed from it
        return look(home, load)


def is_there(home: Path) -> Path | None:
    """The plainest `load`: the path itself, if something is there."""
    return home if home.exists() else None


def used(home: Path) -> None:
    """Notes that a thing is used now. What is used least goes first when room is short."""
    with contextlib.suppress(OSError):
        os.utime(home)


def was_made(home: Path) -> None:
    """Notes that a cache has grown; for what is not made by `made_once`."""
    used(home)
    with contextlib.suppress(OSError):
        (home.parent / MADE).mkdir(exist_ok=True)
    used(home.parent / MADE)


def lock_of(home: Path) -> BaseFileLock:
    """The lock of a thing. The file stays: whoever removed it would let two in."""
    from filelock import FileLock

    place = home.with_name(f"{home.name}{LOCK}")
    # Older versions of filelock would empty the file that a link leads to.
    if place.is_symlink():
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)
    return FileLock(place)


def discard(home: Path) -> None:
    """Removes a thing; only called under its lock. It is gone at once, its files are in time.

    Raises `OSError` where it stays.
    """
    _put_away(home)
    remove_seal(home)


def remove(path: Path) -> None:
    """Removes what has no name that anyone looks for; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            _remove_tree(path)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def left_overs(home: Path) -> list[Path]:
    """What processes that were killed have left of a thing."""
    start = f"{home.name}."
    return [
        path
        for path in _entries(home.parent)
        if path.name.startswith(start) and path.name.endswith(TEMPORARY)
    ]


def thing_of(left_over: Path) -> Path:
    """The thing that a temporary name stands for: `<name>.<random>.tmp`."""
    return left_over.with_name(left_over.name.rsplit(".", 2)[0])


def can_be_written(room: Path) -> bool:
    """False where a directory of a cache can only be read.

    Raises `OSError` where it is full, or no directory.
    """
    probe = temporary_name(room / "probe")
    try:
        room.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in _ONLY_READ:
            return False
        raise
    return True


def temporary_name(home: Path) -> Path:
    """A name for what is to become a thing, which nobody takes for the thing."""
    return home.with_name(f"{home.name}.{os.urandom(4).hex()}{TEMPORARY}")


def _loaded(home: Path, load: Callable[[Path], T | None]) -> T | None:
    return load(home) if is_whole(home) else None


def _found(home: Path, load: Callable[[Path], T | None]) -> T | None:
    return load(home)


def _make(home: Path, make: Callable[[Path], object]) -> None:
    for path in left_overs(home):
        remove(path)
    fresh = temporary_name(home)
    try:
        make(fresh)
        if seal_of(home).is_dir():
            remove(seal_of(home))
        write_seal(home, fresh, temporary_name(home))
        # As late as can be: someone may be using what looks damaged from here.
        if home.exists() or home.is_symlink():
            _put_away(home)
        fresh.replace(home)
    finally:
        remove(fresh)
    was_made(home)


def _put_away(home: Path) -> None:
    grave = temporary_name(home)
    home.replace(grave)
    remove(grave)


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _remove_tree(directory: Path) -> None:
    # Git makes its objects read-only, which Windows would keep; others such directories.
    for place, folders, files in os.walk(directory):
        with contextlib.suppress(OSError):
            if not os.access(place, os.W_OK):
                Path(place).chmod(0o700)
        if os.name == "nt":
            for name in (*folders, *files):
                with contextlib.suppress(OSError):
                    Path(place, name).chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
