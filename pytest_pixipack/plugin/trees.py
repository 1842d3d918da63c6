"""Removing directories and replacing files, on every system."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Removes a directory with read-only files in it; what cannot be removed stays, silently."""
    if sys.version_info >= (3, 12):
        shutil.rmtree(directory, onexc=_try_writable)
    else:
        shutil.rmtree(directory, onerror=_try_writable)


def write_atomically(path: Path, text: str) -> None:
    """Writes UTF-8 text with `\\n` line ends, under another name first, so that nobody sees half.

    Raises `OSError`.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
        # mkstemp makes files that only the owner can read; a snapshot is like any other file.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _try_writable(function: Callable[..., object], path: str, _error: object) -> None:
    # Windows does not remove read-only files, other systems nothing from a read-only directory.
    with contextlib.suppress(OSError):
        for each in (Path(path).parent, Path(path)):
            if not each.is_symlink():
                each.chmod(0o700)
        function(path)
