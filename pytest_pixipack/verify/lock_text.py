"""The text of a lock: whether it is the one that pixi would write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import Lock
from pytest_pixipack.lock.limits import MAX_RATTLER_VALUES, check_values
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_END = "the end of the file"
_NO_CHANNEL = "  channel: null\n"


def check_canonical(subject: Subject) -> Iterator[Problem]:
    """The lock's bytes are those that pixi would write; else the first line that differs."""
    lock = subject.lock
    if lock is None or lock.text is None:
        return
    if lock.version != 7:
        yield Problem(
            message=f"The lock has version {lock.version}; `pixi lock --check` refuses it, and "
            "`pixi lock` upgrades it to version 7. Other commands of pixi accept it.",
            severity="error",
            field="version",
            expected=7,
            actual=lock.version,
            file=subject.lock_file,
            line=1,
            remedy="Run `pixi lock`",
        )
        return
    written = _canonical(lock, lock.text)
    if lock.text == written:
        return
    message, cause = _manner(lock.text, written)
    line, expected, actual = _first_difference(written, lock.text)
    yield Problem(
        message=message,
        expected=None if cause else expected,
        actual=None if cause else actual,
        file=subject.lock_file,
        line=line,
        cause=cause,
        remedy="Write it with LF, and keep tools from changing line ends (`pixi.lock -text` in "
        ".gitattributes)"
        if cause
        else None,
    )


def _canonical(lock: Lock, text: str) -> str:
    # rattler_lock has the last word: it drops what it does not know. Where it refuses what this
    # version of pytest-pixipack reads, or where the lock is huge, our own writer has it.
    from pytest_pixipack.lock.rattler_text import RattlerRefusesError, rattler_text

    try:
        check_values(text, None, MAX_RATTLER_VALUES)
        written = rattler_text(text)
    except (RattlerRefusesError, InvalidInput):
        return lock.to_text()
    if _NO_CHANNEL in text:
        # pixi writes this for what was asked for by URL; read and written again, it is gone.
        ours = lock.to_text()
        return ours if ours.replace(_NO_CHANNEL, "") == written else written
    return written


def _manner(text: str, written: str) -> tuple[str, str | None]:
    """What sets the whole text apart, and the cause where that explains all of it."""
    if text.replace("\r\n", "\n") == written:
        return "The lines of the lock end in CR LF; pixi writes LF.", "line-endings"
    if any(line.lstrip().startswith("#") for line in text.splitlines()):
        return "The lock has comments, which pixi drops when it writes the lock again.", None
    return "The bytes of the lock are not those that pixi writes.", None


def _first_difference(expected: str, actual: str) -> tuple[int, str, str]:
    left, right = _lines(expected), _lines(actual)
    for number, (one, other) in enumerate(zip_longest(left, right), 1):
        if one != other:
            return number, _shown(one, other), _shown(other, one)
    return len(left), "a line end", _END


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _shown(line: str | None, other: str | None) -> str:
    if line is None:
        return _END
    if other is not None and line.strip() == other.strip():
        return repr(line)  # white space, or what cannot be seen
    return line.strip() or "an empty line"
