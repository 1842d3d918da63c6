"""Differences as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from pytest_pixipack.difference.model import Difference

_GAP = "   "
_MOST_LINES_PER_TEXT = 3


def render_difference(
    differences: Iterable[Difference], *, width: int = 80, limit: int = 20
) -> list[str]:
    """At most `limit` differences, in columns; one too long for `width` gets lines of its own.

    >>> for line in render_difference([
    ...     Difference(("openssl", "version"), ">=3", "1.1.1w"),
    ...     Difference(("openssl", "build"), "h…", "0", "not a hash"),
    ...     Difference(("zlib",), "a package", "nothing", "there is libzlib"),
    ... ]):
    ...     print(line)
    openssl   version   expected >=3   found 1.1.1w
              build     expected h…   found 0   not a hash
    zlib                expected a package   found nothing   there is libzlib
    """
    every = list(differences)
    shown = every[:limit]
    places = _places(shown)
    lines: list[str] = []
    for place, each in zip(places, shown, strict=True):
        lines += _one(place, each, width)
    if len(every) > limit:
        lines.append(f"… and {len(every) - limit} more")
    return lines


def _places(differences: Sequence[Difference]) -> list[str]:
    """The two columns of the path, padded; the first is not repeated from line to line."""
    columns = [each.columns for each in differences]
    first = max((len(column[0]) for column in columns), default=0)
    second = max((len(column[1]) for column in columns), default=0)
    places, before = [], None
    for subject, field in columns:
        start = "" if subject == before else subject
        parts = [start.ljust(first), field.ljust(second)]
        places.append(_GAP.join(part for part in parts if part))
        before = subject
    return places


def _one(place: str, each: Difference, width: int) -> list[str]:
    texts = [f"expected {each.expected}", f"found {each.actual}", each.note or ""]
    line = _GAP.join(part for part in [place, *texts] if part)
    if len(line) <= width:
        return [line]
    # The name of the place has to be readable alone, where the line above is far away.
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
