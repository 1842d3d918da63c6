"""Differences as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from pytest_pixipack.difference.model import Difference

_GAP = "   "
_MOST_LINES_PER_TEXT = 3
_WIDEST_EXPECTED = 24


def render_difference(
    differences: Iterable[Difference], *, width: int = 80, limit: int = 20
) -> list[str]:
    """At most `limit` differences, in columns; one too long for `width` gets lines of its own.

    >>> for line in render_difference([
    ...     Difference(("openssl", "version"), ">=3", "1.1.1w"),
    ...     Difference(("openssl", "build"), "h…", "0_g", "not a hash"),
    ...     Difference(("zlib",), "a package", "nothing", "there is libzlib"),
    ... ]):
    ...     print(line)
    openssl   version   expected >=3         found 1.1.1w
              build     expected h…          found 0_g   not a hash
    zlib                expected a package   found nothing   there is libzlib
    """
    every = list(differences)
    shown = every[:limit]
    lines: list[str] = []
    for row, each in zip(_rows(shown), shown, strict=True):
        lines += [row] if len(row) <= width else _one(each, width)
    if len(every) > limit:
        lines.append(f"… and {len(every) - limit} more")
    return lines


def _rows(differences: Sequence[Difference]) -> list[str]:
    """One line each, in columns; the first column is not repeated from line to line."""
    columns = [each.columns for each in differences]
    first = max((len(column[0]) for column in columns), default=0)
    second = max((len(column[1]) for column in columns), default=0)
    lengths = [len(each.expected) for each in differences]
    third = max((length for length in lengths if length <= _WIDEST_EXPECTED), default=0)
    rows, before = [], None
    for (subject, field), each in zip(columns, differences, strict=True):
        cells = [
            ("" if subject == before else subject).ljust(first),
            field.ljust(second),
            f"expected {each.expected.ljust(third)}",
            f"found {each.actual}",
            each.note or "",
        ]
        rows.append(_GAP.join(cell for cell in cells if cell))
        before = subject
    return rows


def _one(each: Difference, width: int) -> list[str]:
    """One line without columns if it fits, else one for each side."""
    words = [*each.columns, f"expected {each.expected}", f"found {each.actual}", each.note]
    line = _GAP.join(word for word in words if word)
    if len(line) <= width:
        return [line]
    heading = _GAP.join(part for part in each.columns if part)
    lines = _wrapped("", heading, width) if heading else []
    lines += _wrapped("  expected  ", each.expected, width)
    lines += _wrapped("  found     ", each.actual, width)
    return lines + (_wrapped("  ", each.note, width) if each.note else [])


def _wrapped(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(label) + 8),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        max_lines=_MOST_LINES_PER_TEXT,
        placeholder=" …",
        break_on_hyphens=False,
    )
