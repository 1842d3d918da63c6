"""Writing files that others may read: whole or not at all.

Imports next to nothing: the stub backend's executable starts with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def write_file(target: Path, data: bytes) -> None:
    """Puts `data` in the place of a file. Raises `OSError`; then the file stays as it was."""
    with _beside(target) as temporary:
        temporary.write_bytes(data)
        temporary.replace(target)


def copy_file(source: Path, target: Path) -> None:
    """Puts the content of `source` in the place of a file; raises as `write_file` does."""
    import shutil

    with _beside(target) as temporary:
        shutil.copyfile(source, temporary)
        temporary.replace(target)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    # Short, because the target's name may be as long as names can be; of its own for every
    # process and thread, because directories are shared.
    temporary = target.with_name(f".pixipack-{os.urandom(8).hex()}.tmp")
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
