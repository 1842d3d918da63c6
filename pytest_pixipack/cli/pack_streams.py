"""Packs on standard input and output: `-`, as with pixi-pack and pixi-unpack."""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path

from pytest_pixipack.errors import Infrastructure, InvalidInput

_STREAM = Path("-")
_CHUNK = 1 << 20


def is_stream(path: Path | None) -> bool:
    """Whether a path stands for standard input or output."""
    return path == _STREAM


def given_pack(path: Path, at_end: contextlib.ExitStack) -> Path:
    """The pack to read: `path`, or a copy of standard input that `at_end` removes.

    Raises `InvalidInput` where standard input is a terminal, and `Infrastructure` where there is no
    room for the copy.
    """
    if not is_stream(path):
        return path
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidInput(
            "There is no pack on standard input.", remedy="Give a file, or send a pack in a pipe."
        )
    copy = scratch(at_end) / "standard-input.tar"
    try:
        with copy.open("xb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target, _CHUNK)
    except OSError as error:
        raise Infrastructure(
            f"The pack on standard input cannot be read: {error.strerror or error}.",
            remedy="Check the room for temporary files.",
        ) from None
    return copy


def to_stdout(pack: Path) -> None:
    """Writes a pack to standard output. Raises `OSError` where it cannot be written."""
    with pack.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer, _CHUNK)
    sys.stdout.buffer.flush()


def scratch(at_end: contextlib.ExitStack) -> Path:
    """A directory that `at_end` removes."""
    from pytest_pixipack.cache.scratch import scratch_directory

    try:
        return at_end.enter_context(scratch_directory())
    except OSError as error:
        raise Infrastructure(
            f"There is no room for temporary files: {error.strerror or error}."
        ) from None
