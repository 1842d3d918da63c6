"""Writing files that others may read: whole or not at all.

Imports next to nothing: the stub backend's executable starts with it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# Open files under names of their own: what they are now may be a file.
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def write_file(target: Path, data: bytes) -> None:
    """Puts `data` in the place of a file. Raises `OSError`; then the file stays as it was."""
    with _beside(target) as temporary:
        temporary.write_bytes(data)
        temporary.replace(target)


def write_named(target: Path, data: bytes) -> None:
    """Puts `data` where the user has said: in the place of a file, which keeps its mode.

    What a link leads to is written, not the link. Into a pipe, a device, or standard output under a
    name, `data` is written as it is: nothing takes their place. Raises `OSError`.
    """
    file = Path(os.path.realpath(target))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        write_file(file, data)
        return
    if not stat.S_ISREG(mode) or str(target).startswith(_STREAMS):
        with target.open("ab") as stream:
            stream.write(data)
        return
    with _beside(file) as temporary:
        temporary.write_bytes(data)
        temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(file)


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
