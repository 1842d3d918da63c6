"""The processes that come from one process: which there are, and their end.

Imports from the standard library only, for processes that are started without anything else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
# Seconds that killed processes have to be gone, and between two looks.
_PATIENCE, _STEP = 5.0, 0.01


def adopt_orphans() -> None:
    """Makes this process the parent of what its descendants leave behind (prctl(2); Linux)."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """The processes below one that still run, those started first before their own (Linux)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = _children(waiting.pop(0))
        found += below
        waiting += below
    return [each for each in found if not _is_gone(each)]


def end_descendants(pid: int | None = None) -> None:
    """Kills all processes below one, this one by default, and waits until they are gone (Linux).

    Those that are started meanwhile are killed, too.
    """
    if sys.platform != "linux":
        return
    own = os.getpid() if pid is None else pid
    end = time.monotonic() + _PATIENCE
    while (alive := descendants(own)) and time.monotonic() < end:
        for each in alive:
            with contextlib.suppress(OSError):
                os.kill(each, signal.SIGKILL)
        time.sleep(_STEP)


def end_groups(leaders: Iterator[int]) -> None:
    """Kills what is left of process groups; on Linux, `end_descendants` has done more."""
    if sys.platform != "linux" and sys.platform != "win32":
        for each in leaders:
            with contextlib.suppress(OSError):
                os.killpg(each, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    """As proc_pid_task(5) has them, else from all processes."""
    try:
        threads = list((_PROC / str(pid) / "task").iterdir())
        texts = [(thread / "children").read_text(encoding="ascii") for thread in threads]
    except ProcessLookupError:
        return []
    except OSError:
        return [each for each in _everyone() if _facts(each)[1] == pid]
    return [int(word) for text in texts for word in text.split()]


def _everyone() -> Iterator[int]:
    return (int(each.name) for each in _PROC.iterdir() if each.name.isdigit())


def _is_gone(pid: int) -> bool:
    return _facts(pid)[0] in ("Z", "X", "")


def _facts(pid: int) -> tuple[str, int]:
    """State and parent (proc_pid_stat(5)); nothing where the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    words = text.rpartition(")")[2].split()
    return words[0], int(words[1])
