"""Directories for work files, which the next process removes where their owner was killed."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_pixipack.cache.made_once import remove

_PREFIX, _HIDDEN, _SIGN = "pixipack-", ".pixipack-", ".alive"
# Where Linux has a file system in memory.
IN_MEMORY = Path("/dev/shm")


class Scratch:
    """A new directory among the temporary files, this user's alone, until it is closed.

    A file beside it is locked for as long. `directory` is another place for both; what is left in
    `IN_MEMORY` is swept, too. Raises `OSError`.
    """

    def __init__(self, prefix: str = _PREFIX, directory: Path | None = None) -> None:
        from filelock import FileLock

        place = Path(tempfile.gettempdir()) if directory is None else directory
        self.path = place / f"{prefix}{os.urandom(5).hex()}"
        self._sign = self.path.with_name(f"{self.path.name}{_SIGN}")
        # Closed by whichever thread is there when it is over.
        self._lock = FileLock(self._sign, thread_local=False)
        # First the sign: a directory without one would stay.
        self._lock.acquire()
        try:
            self.path.mkdir(mode=0o700)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Removes the directory."""
        remove(self.path)
        self._lock.release()
        with contextlib.suppress(OSError):
            self._sign.unlink(missing_ok=True)


@contextmanager
def scratch_directory(prefix: str = _PREFIX) -> Iterator[Path]:
    """A directory for work files that is removed at the end. Raises `OSError`."""
    scratch = Scratch(prefix)
    try:
        yield scratch.path
    finally:
        scratch.close()


@contextmanager
def scratch_in(directory: Path) -> Iterator[Path]:
    """The same in a directory of the user's, for what is moved into its place there in the end.

    What processes that were killed have left there is removed first. Raises `OSError`.
    """
    _sweep(directory.glob(f"{_HIDDEN}*{_SIGN}"))
    scratch = Scratch(_HIDDEN, directory)
    try:
        yield scratch.path
    finally:
        scratch.close()


def sweep_scratch() -> int:
    """Removes the work files of processes of this user that were killed; returns how many."""
    places = {Path(tempfile.gettempdir()), *([IN_MEMORY] if sys.platform == "linux" else [])}
    return _sweep(sign for place in places for sign in place.glob(f"{_PREFIX}*{_SIGN}"))


def _sweep(signs: Iterable[Path]) -> int:
    from filelock import FileLock, Timeout

    removed = 0
    for sign in list(signs):
        with contextlib.suppress(OSError, Timeout):
            if not _is_mine(sign):
                continue
            with FileLock(sign).acquire(timeout=0):
                folder = sign.with_name(sign.name.removesuffix(_SIGN))
                if _is_mine(folder) or not folder.exists():
                    remove(folder)
                    removed += 1
                    sign.unlink(missing_ok=True)
    return removed


def _is_mine(path: Path) -> bool:
    if path.is_symlink():
        return False
    if sys.platform == "win32":
        return True  # the directory for temporary files is the user's own there
    try:
        return path.lstat().st_uid == os.getuid()
    except OSError:
        return False
