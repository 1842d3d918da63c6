"""Opening files that somebody else put there: only files, never pipes, devices or sockets.

Opening a named pipe waits for somebody who writes to it, and reading from some devices never ends.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from pytest_pixipack.errors import InvalidInput

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)  # fmt: skip
_REMEDY = "Put a file into its place, or save what comes through it to a file first."


def open_regular(path: Path) -> BinaryIO:
    """Opens a file, or the one that a symbolic link leads to, for reading.

    Raises `InvalidInput` where it is something else, and `OSError`, also for a directory.
    """
    _refuse_other(path.stat().st_mode, path)
    # It may have become something else in between: this neither waits nor takes it for a terminal.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    number = os.open(path, flags | getattr(os, "O_BINARY", 0))
    try:
        _refuse_other(os.fstat(number).st_mode, path)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_regular(path: Path, most: int = -1) -> bytes:
    """The content of such a file, at most so many bytes of it. Raises as `open_regular` does."""
    with open_regular(path) as stream:
        return stream.read(most)


def kind_of(mode: int) -> str | None:
    """What there is instead of a file, by its mode; None for files, directories and links."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        return None
    return next((words for test, words in _KINDS if test(mode)), "no file")


def _refuse_other(mode: int, path: Path) -> None:
    if (kind := kind_of(mode)) is not None:
        raise InvalidInput(f"{path.name} is {kind}, not a file.", file=path, remedy=_REMEDY)
