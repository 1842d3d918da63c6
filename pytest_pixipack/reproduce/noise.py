"""What differs although nothing was changed, and what a condition makes beyond that.

A file that is another one each time may hold a difference that a condition makes, too. So what two
builds under the same conditions differ in is remembered piece by piece: a header field, a cause
among the lines of a text, how many lines that are, which part of a time it is. What differs under
a changed condition and is not among those comes from the condition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.rows import MORE
from pytest_pixipack.reproduce.agreement import OF_PASSING_TIME, VAGUE
from pytest_pixipack.reproduce.differences import Found, Place

_LINE = re.compile(r"lines? \d.*")
_DIGITS = re.compile(r"\d+")
# How bytes that are others each time look where they happen to be text, now and then.
_LOOKS = frozenset({"content", "unknown", "line-endings", "encoding"})
# The field of a file that is compared as bytes.
_BYTES = "content"
# A rank that no part of a time has.
_NONE = 1 << 30
_YEARS = range(1900, 2101)
# Seconds since 1970, or parts of them, and how much of their number passes between two builds.
_LEAST_SECONDS, _MOST_PASSED = 10**9, 1e-3
_LONGEST = 25  # digits


class Spot(NamedTuple):
    """One piece of what differs at a place."""

    place: Place
    where: tuple[str, ...]
    field: str
    cause: str | None


class Trace(NamedTuple):
    """How a spot looked: the line, how many more there were, and which part of a time differed.

    The parts of a time are counted from the year; a smaller `rank` is a longer time.
    """

    line: str
    more: str
    rank: int = _NONE


class Noise:
    """What is restless, learned from builds under the same conditions."""

    def __init__(self) -> None:
        self._traces: dict[Spot, set[tuple[str, str]]] = {}
        self._ranks: dict[Spot, int] = {}
        # By target and place, the fields in which anything may differ.
        self._opaque: dict[tuple[str, tuple[str, ...]], set[str]] = {}
        self.places: dict[Place, tuple[Difference, ...]] = {}

    def learn(self, found: Found) -> None:
        """Takes in what two builds under the same conditions differ in."""
        for place, differences in found.items():
            self.places.setdefault(place, differences)
            for spot, (trace, _) in _spots(place, differences).items():
                self._traces.setdefault(spot, set()).add((trace.line, trace.more))
                if spot.cause in VAGUE:
                    self._opaque.setdefault((place.target, spot.where), set()).add(spot.field)
                self._ranks[spot] = min(trace.rank, self._ranks.get(spot, trace.rank))

    def beyond(self, found: Found) -> dict[Place, tuple[Difference, ...]]:
        """What differs, without what differs anyway."""
        left: dict[Place, tuple[Difference, ...]] = {}
        for place, differences in found.items():
            own = self.new(place, differences)
            if own:
                left[place] = own
        return left

    def hides(self) -> tuple[Place, ...]:
        """The places where the same condition could change the same thing without being seen."""
        found = {
            spot.place
            for spot, traces in self._traces.items()
            if len(traces) > 1 or spot.cause in VAGUE
        }
        return tuple(sorted(found))

    def new(self, place: Place, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
        """What differs at one place, without what differs there anyway."""
        found: list[Difference] = []
        for spot, (trace, those) in _spots(place, differences).items():
            known = self._traces.get(spot)
            if known is None:
                found += () if self._only_looks_so(spot) else those
                continue
            # Where it looks otherwise each time, how it looks says nothing.
            moved = len(known) == 1 and (trace.line, trace.more) not in known
            if moved or trace.rank < self._ranks[spot]:
                found += those
        return tuple(found)

    def _only_looks_so(self, spot: Spot) -> bool:
        """Whether it may be what differs anyway, seen as bytes once and once as text."""
        if spot.cause not in _LOOKS:
            return False
        fields = self._opaque.get((spot.place.target, spot.where), set())
        return _BYTES in fields or (bool(fields) and spot.field == _BYTES)


def is_of_passing_time(difference: Difference) -> bool:
    """Whether two builds one after the other may differ in this because time has passed.

    Dates that are years apart are chance, and so are seconds that are fewer than before.
    """
    if difference.cause not in OF_PASSING_TIME:
        return False
    sides = [_DIGITS.findall(str(each)) for each in (difference.left, difference.right)]
    pairs = [(int(old), int(new)) for old, new in zip(*sides, strict=False) if len(old) < _LONGEST]
    years = [abs(old - new) for old, new in pairs if old in _YEARS and new in _YEARS]
    counts = [(old, new) for old, new in pairs if min(old, new) >= _LEAST_SECONDS]
    return all(years_apart <= 1 for years_apart in years) and all(
        0 <= new - old <= old * _MOST_PASSED for old, new in counts
    )


def _spots(
    place: Place, differences: tuple[Difference, ...]
) -> Mapping[Spot, tuple[Trace, list[Difference]]]:
    if place.what == "files":
        # Their names may be others each time.
        causes = [each.cause for each in differences]
        counts = " ".join(f"{causes.count(cause)}" for cause in ("file-added", "file-removed"))
        return {Spot(place, place.where, "", None): (Trace("", counts), list(differences))}
    found: dict[Spot, tuple[Trace, list[Difference]]] = {}
    for each in differences:
        of_line = _LINE.fullmatch(each.field) is not None
        spot = Spot(place, each.where, "" if of_line else each.field, each.cause)
        trace = Trace(each.field if of_line else "", _counted(each), _rank(each))
        if spot in found:  # several of one name: only their number is told
            trace = Trace("", str(len(found[spot][1]) + 1))
            found[spot] = (trace, [*found[spot][1], each])
        else:
            found[spot] = (trace, [each])
    return found


def _counted(difference: Difference) -> str:
    text = difference.evidence or ""
    return text if text.endswith(MORE) else ""


def _rank(difference: Difference) -> int:
    """Which number of two times differs first: that of the year, the month, ..."""
    if difference.cause not in OF_PASSING_TIME:
        return _NONE
    sides = [_DIGITS.findall(str(each)) for each in (difference.left, difference.right)]
    if len(sides[0]) != len(sides[1]):
        return _NONE
    pairs = enumerate(zip(*sides, strict=True))
    return next((number for number, (old, new) in pairs if old != new), _NONE)
