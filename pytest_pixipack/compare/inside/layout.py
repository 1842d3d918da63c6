"""Whether bytes of two programs differ only because other things have moved.

Each place that differs is read as what tools write: an address, a distance, an offset into another
part, a length. It follows from something else if it leads to the same place on both sides.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_pixipack.compare.inside.arm64 import Arm64
from pytest_pixipack.compare.inside.divided import Machine, Part
from pytest_pixipack.compare.inside.entries import Entries
from pytest_pixipack.compare.inside.parts import Walk
from pytest_pixipack.compare.inside.spans import Span

# From where distances are counted: the place itself, or the end of the instruction around it.
_BIASES = (4, 0, 5, 8, 6)
# How much larger than the length of a text a number may be that says this length.
_MOST_EXTRA = 64
# Texts of fewer bytes are found anywhere among other things.
_SHORTEST = 4
# The part of a pointer in a chain that is an address; what is above says how the chain goes on.
_CHAINED = (1 << 36) - 1

Reading = Callable[["Place", int, int, int, int], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of both programs: what the left one says of it, the bytes, and what differs in them.

    `addresses` are given where it is loaded on both sides. Of a table of texts, `known` are those
    that stand for each other.
    """

    part: Part
    left: Span
    right: Span
    walk: Walk
    addresses: tuple[int, int] | None = None
    known: frozenset[tuple[bytes, bytes]] = frozenset()


class Layout:
    """The parts that two programs have in common; `sections` are the names by their numbers."""

    def __init__(
        self,
        places: Sequence[Place],
        machines: tuple[Machine, Machine],
        sections: tuple[Sequence[str], Sequence[str]] = ((), ()),
    ) -> None:
        self._machine = machines[0]
        self._bases = machines[0].base, machines[1].base
        self._sections = sections
        self._named = {place.part.name: place for place in places}
        self._left, self._right = _Spaces(places, 0), _Spaces(places, 1)
        self._lengths: defaultdict[int, set[int]] = defaultdict(set)
        for place in places:
            texts = [(old, new) for _, old, new in place.walk.resized]
            for old, new in [*texts, *((len(old), len(new)) for old, new in place.known)]:
                self._lengths[new - old].add(old)
        self._sizes = {(place.left.size, place.right.size) for place in places}
        self._grown = {
            place.part.name: _Growth(place.walk) for place in places if place.walk.resized
        }
        # By how much what is in a part has grown up to some place in it, and its size.
        self._growths: dict[int, int] = {}
        for place in places:
            for left, right in place.walk.steps[1:]:
                size = max(place.left.size, self._growths.get(right - left, 0))
                self._growths[right - left] = size
        self._arm64 = Arm64(self, places) if self._machine.arm64 else None
        self._entries = Entries(self, self._machine, sections)
        self._last: tuple[int, int, Reading] | None = None

    def unexplained(self, place: Place) -> Iterator[tuple[int, int, int]]:
        """The runs of a part that do not follow from what has moved."""
        done = 0
        if place.part.has("entries", "relocates"):
            if not self._entries.same(place):
                yield 0, 0, place.left.size
            return
        for i, j, size in place.walk.runs:
            end = i + size
            start = max(i, done)
            while start < end:
                covered = self._covered(place, start, j + start - i, done)
                if covered is None:
                    yield i, j, size
                    done = end
                    break
                start = done = covered

    def _covered(self, place: Place, i: int, j: int, least: int) -> int | None:
        """The end of a number around a place that leads to the same on both sides."""
        if self._last is not None:
            back, size, reading = self._last
            if i - back >= least and self._leads(place, i - back, j - back, size, reading):
                return i - back + size
        for reading, sizes in self._readings(place):
            for size in sizes:
                for back in range(min(size, i - least + 1, j + 1)):
                    if self._leads(place, i - back, j - back, size, reading):
                        self._last = back, size, reading
                        return i - back + size
        return None

    def _readings(self, place: Place) -> Iterator[tuple[Reading, tuple[int, ...]]]:
        if self._arm64 is not None and place.part.has("code") and place.addresses is not None:
            yield self._arm64.same, (4,)
        if place.part.refers:
            yield self._offset, (8, 4)
        if place.part.has("symbols"):
            yield self._number_of_section, (2,)
        if self._left.any:
            yield self._address, (8, 4) if self._machine.word == 8 else (4,)
            if place.addresses is not None:
                yield self._distance, (4, 8)
        yield self._length, (8, 4, 2, 1)

    def _leads(self, place: Place, i: int, j: int, size: int, reading: Reading) -> bool:
        old, new = place.left.read(i, size), place.right.read(j, size)
        if len(old) < size or len(new) < size or old == new:
            return False
        order, signed = self._machine.order, reading == self._distance
        first = int.from_bytes(old, order, signed=signed)
        second = int.from_bytes(new, order, signed=signed)
        return reading(place, i, j, first, second)

    def named(self, name: str) -> Place | None:
        """A part that both have."""
        return self._named.get(name)

    def same(self, place: Place, old: int, new: int) -> bool:
        """Whether a place on the left is what a place on the right is."""
        if not (0 <= old <= place.left.size and 0 <= new <= place.right.size):
            return False
        strings = place.part.has("strings")
        if not strings and place.walk.leads(old, new):
            return True
        if place.part.has("empty"):
            # Its bytes are in another file: something in front has become longer or shorter.
            return abs(new - old) <= abs(place.right.size - place.left.size)
        if place.part.has("code") or old == place.left.size or new == place.right.size:
            return False
        texts = place.left.string(old), place.right.string(new)
        if texts[0] != texts[1]:
            return texts in place.known
        return len(texts[0]) >= (0 if strings else _SHORTEST)

    def same_address(self, old: int, new: int) -> bool:
        """Whether two addresses are those of the same thing."""
        return any(
            place is other and self.same(place, start, end)
            for place, start in self._left.at(old)
            for other, end in self._right.at(new)
        )

    def is_length(self, old: int, new: int) -> bool:
        """Whether two numbers are the lengths of one text, and what is around it, or of a part."""
        texts = self._lengths.get(new - old, ())
        return (old, new) in self._sizes or any(0 <= old - known <= _MOST_EXTRA for known in texts)

    # The ways to read a number. Each is given the two places and values.

    def _offset(self, place: Place, _i: int, _j: int, old: int, new: int) -> bool:
        return any(
            self.same(self._named[name], old, new)
            for name in place.part.refers
            if name in self._named
        )

    def _address(self, _place: Place, _i: int, _j: int, old: int, new: int) -> bool:
        first, second = self._bases
        if self.same_address(old, new) or (
            self._bases != (0, 0) and self.same_address(old + first, new + second)
        ):
            return True
        if not self._machine.chained or old & ~_CHAINED != new & ~_CHAINED:
            return False
        return self.same_address((old & _CHAINED) + first, (new & _CHAINED) + second)

    def _distance(self, place: Place, i: int, j: int, old: int, new: int) -> bool:
        first, second = place.addresses or (0, 0)
        # Tables of addresses count from their own start.
        origins = itertools.chain(((i + bias, j + bias) for bias in _BIASES), ((0, 0),))
        return any(
            self.same_address(first + start + old, second + end + new) for start, end in origins
        )

    def _length(self, place: Place, i: int, _j: int, old: int, new: int) -> bool:
        if self.is_length(old, new):
            return True
        # The length of what lies behind it, or of a part, in which texts have other lengths.
        growth = self._grown.get(place.part.name)
        if growth is not None and growth.between(i, i + old) == new - old:
            return True
        return _MOST_EXTRA < old <= self._growths.get(new - old, 0)

    def _number_of_section(self, _place: Place, _i: int, _j: int, old: int, new: int) -> bool:
        left, right = self._sections
        return old < len(left) and new < len(right) and left[old] == right[new]


class _Growth:
    """By how much the texts in a part of the left have become longer."""

    def __init__(self, walk: Walk) -> None:
        self._starts = [start for start, _, _ in walk.resized]
        self._sums = [0, *itertools.accumulate(new - old for _, old, new in walk.resized)]

    def between(self, start: int, end: int) -> int:
        """The growth of all texts that begin between two places."""
        first, last = bisect.bisect_left(self._starts, start), bisect.bisect_left(self._starts, end)
        return self._sums[last] - self._sums[first]


class _Spaces:
    """The loaded parts of one side by their addresses."""

    def __init__(self, places: Sequence[Place], side: int) -> None:
        found = [
            (place.addresses[side], number, (place.left, place.right)[side].size)
            for number, place in enumerate(places)
            if place.addresses is not None
        ]
        found.sort()
        self._places = [(start, size, places[number]) for start, number, size in found]
        self._starts = [start for start, _, _ in self._places]

    @property
    def any(self) -> bool:
        """Whether there are addresses at all."""
        return bool(self._places)

    def at(self, address: int) -> Iterator[tuple[Place, int]]:
        """The parts in which an address is, or which end there, and how far it is in each."""
        last = bisect.bisect_right(self._starts, address)
        for start, size, place in self._places[max(last - 3, 0) : last]:
            if address - start <= size:
                yield place, address - start
