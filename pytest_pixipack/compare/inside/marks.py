"""The fields of two programs that have no meaning, and where they are."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_pixipack.compare.inside.divided import Mark, Names


def labelled(marks: Sequence[Mark]) -> dict[str, Mark]:
    """Marks by labels that occur once."""
    names = Names()
    found: dict[str, Mark] = {}
    for mark in marks:
        label = names.free(mark.label)
        found[label] = replace(mark, label=label)
    return found


class Ranges:
    """The places of marks, to be found by the parts that they are in."""

    def __init__(self, marks: Mapping[str, Mark]) -> None:
        self._ranges = sorted((mark.start, mark.start + mark.size) for mark in marks.values())
        self._starts = [start for start, _ in self._ranges]
        self._longest = max((end - start for start, end in self._ranges), default=0)

    def within(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Those that are in a part, where they begin and end, counted from its start."""
        first = bisect.bisect_left(self._starts, start - self._longest)
        last = bisect.bisect_left(self._starts, end)
        for at, behind in self._ranges[first:last]:
            if behind > start:
                yield max(at, start) - start, min(behind, end) - start


def in_both(left: dict[str, Mark], right: dict[str, Mark]) -> tuple[dict[str, Mark], ...]:
    """The marks of both sides, without what only one of them repeats truly."""
    return tuple(
        {label: mark for label, mark in old.items() if label in new or not mark.repeats}
        for old, new in ((left, right), (right, left))
    )
