"""Removing directories, on every system."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Removes a directory with read-only files in it; what cannot be removed stays, silently."""
    if sys.version_info >= (3, 12):
        shutil.rmtree(directory, onexc=_try_writable)
    else:
        shutil.rmtree(directory, onerror=_try_writable)


def _try_writable(function: Callable[..., object], path: str, _error: object) -> None:
    # Windows does not remove read-only files, other systems nothing from a read-only directory.
    with contextlib.suppress(OSError):
        for each in (Path(path).parent, Path(path)):
            if not each.is_symlink():
                each.chmod(0o700)
        function(path)
