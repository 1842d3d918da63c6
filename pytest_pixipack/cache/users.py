"""Which processes use a cache now.

Each has a file in `users/` that it keeps locked, named by when it began. The operating system frees
the lock of a process that is killed; its file is removed by the next one that looks. Times are
those of the file system that the cache is on, for clocks of machines differ.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = "users"
_PROBES = "now.*.tmp"


@contextmanager
def using(root: Path) -> Iterator[int]:
    """Nothing that is used within this context is removed by another process.

    The value is when it began, in nanoseconds. A cache that cannot be written is used without a
    sign: nobody can remove anything there.
    """
    from filelock import FileLock

    began = 0
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            folder = root / _FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f"{_FOLDER}.lock"):
                began = _now(folder)
                sign = folder / f"{began}-{os.urandom(4).hex()}.lock"
                lock = FileLock(sign)
                lock.acquire()
            stack.callback(_end, sign)
            stack.callback(lock.release)
        yield began


def oldest_user(root: Path) -> int | None:
    """When the oldest of those began that use the cache now, in nanoseconds; None without any.

    Raises `OSError` where the cache cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = root / _FOLDER
    if not folder.is_dir():
        return None
    began = []
    with FileLock(root / f"{_FOLDER}.lock"):
        for probe in folder.glob(_PROBES):
            _end(probe)
        for sign in folder.glob("*-*.lock"):
            lock = FileLock(sign)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                began.append(int(sign.name.partition("-")[0]))
                continue
            lock.release()
            _end(sign)
    return min(began, default=None)


def users_of(root: Path) -> frozenset[str]:
    """The signs that are there, also of processes that were killed: another one, and somebody has
    begun or ended."""
    try:
        return frozenset(os.listdir(str(root / _FOLDER)))  # noqa: PTH208 - names alone, and often
    except OSError:
        return frozenset()


def now_of(root: Path) -> int:
    """The time of the file system that a cache is on, in nanoseconds. Raises `OSError`."""
    from filelock import FileLock

    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{_FOLDER}.lock"):
        return _now(folder)


def _now(folder: Path) -> int:
    """To be called under the lock: whoever holds it removes what a process that was killed left."""
    probe = folder / _PROBES.replace("*", os.urandom(4).hex())
    try:
        probe.touch()
        return probe.stat().st_mtime_ns
    finally:
        probe.unlink(missing_ok=True)


def _end(sign: Path) -> None:
    with contextlib.suppress(OSError):
        sign.unlink(missing_ok=True)
