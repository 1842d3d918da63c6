"""Texts in the columns of a terminal: nothing gives it orders, and nothing is wider than it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_WIDE = ("W", "F")
_ELLIPSIS = "…"
# A label leaves so many columns for what is behind it, however narrow the terminal is.
_NARROWEST = 20
# Lines that one name may take.
_MOST_LINES = 4
_HANGING = "  "


def printable(text: str) -> str:
    """The text with escapes for all that cannot be seen, or would turn what is around it.

    Line ends, control characters, directions of writing, halves of characters, ...
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def columns(text: str) -> int:
    """How many columns a printable text takes; wide East Asian characters take two (UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(each) in _WIDE else 1 for each in text)


def cut(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis in so many columns, at least one."""
    if len(text) <= most and columns(text) <= most:
        return text
    return f"{_first(text, max(most - 1, 0))}{_ELLIPSIS}"


def padded(text: str, size: int) -> str:
    """The text with spaces behind it up to so many columns."""
    return text + " " * (size - columns(text))


def wrapped(label: str, content: str, width: int) -> list[str]:
    """A text behind its label, its further lines below its first."""
    label = printable(label)
    room = max(width - columns(label), _NARROWEST)
    lines: list[str] = []
    for space, word in _words(content):
        if lines and columns(lines[-1]) + len(space) + columns(word) <= room:
            lines[-1] += space + word
        else:
            lines += _pieces(word, room)
    heads = (label, " " * columns(label))
    return [f"{heads[bool(number)]}{line}" for number, line in enumerate(lines)]


def broken(name: str, room: int) -> list[str]:
    """A path in lines of so many columns, at its slashes where that can be done."""
    if len(name) > room * _MOST_LINES:  # what is in the middle says the least
        half = room * (_MOST_LINES - 1) // 2
        name = f"{name[:half]}{_ELLIPSIS}{name[-half:]}"
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+", name):
        left = room - (len(_HANGING) if len(lines) > 1 else 0)
        if columns(lines[-1]) + columns(part) <= left:
            lines[-1] += part
            continue
        if not lines[-1]:
            lines.pop()
        lines += _pieces(part, room - len(_HANGING))
    return [lines[0], *(f"{_HANGING}{line}" for line in lines[1:])]


def _words(text: str) -> Iterator[tuple[str, str]]:
    """The words of a text, each with the spaces in front of it."""
    for found in re.finditer(r"(\s*)(\S+)", text.rstrip()):
        yield " " * len(found[1]), printable(found[2])


def _pieces(text: str, room: int) -> Iterator[str]:
    """The text in pieces of so many columns."""
    while columns(text) > room:
        first = _first(text, room)
        yield first
        text = text[len(first) :]
    yield text


def _first(text: str, most: int) -> str:
    """As much of the beginning as fits into so many columns."""
    taken = text[:most]
    while columns(taken) > most:
        taken = taken[: -max((columns(taken) - most) // 2, 1)]
    return taken
