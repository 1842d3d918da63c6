"""One line on a terminal that says what is being downloaded; nothing in a pipe."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

# Seconds between two states of the line: what changes faster cannot be read.
_PACE = 0.1
_BAR = 20


class ProgressLine:
    """Draws `name [#####     ] 12.3 of 45.6 MB`, and wipes it when the download is complete."""

    def __init__(
        self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, width: int = 80
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._width = width
        self._drawn: float | None = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Shows that `done` of `total` bytes of `what` have arrived."""
        if total is not None and done >= total:
            self._wipe()
            return
        now = self._clock()
        if self._drawn is not None and now - self._drawn < _PACE:
            return
        self._drawn = now
        self._stream.write("\r" + self._line(what, done, total).ljust(self._width - 1))
        self._stream.flush()

    def _line(self, what: str, done: int, total: int | None) -> str:
        known = f" of {total / 1e6:.1f}" if total else ""
        size = f"{done / 1e6:.1f}{known} MB"
        bar = ""
        if total:
            filled = _BAR * done // total
            bar = f"[{'#' * filled}{' ' * (_BAR - filled)}] "
        room = self._width - 2 - len(bar) - len(size)
        return f"{what[: max(room, 0)]} {bar}{size}"

    def _wipe(self) -> None:
        if self._drawn is not None:
            self._stream.write("\r" + " " * (self._width - 1) + "\r")
            self._stream.flush()
            self._drawn = None


def progress_line() -> ProgressLine | None:
    """The line for this process's standard error, None where that is no terminal."""
    stream = sys.stderr
    if stream is None or not stream.isatty():
        return None
    return ProgressLine(stream, width=shutil.get_terminal_size((80, 24)).columns)
