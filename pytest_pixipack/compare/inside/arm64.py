"""Instructions of 64-bit ARM that hold distances ("Arm Architecture Reference Manual", C4 and C6).

An address is put together from its page and its place in the page, in two instructions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_pixipack.compare.inside.layout import Layout, Place

_PAGE = 0xFFF


@dataclass(frozen=True, slots=True)
class _Form:
    """Instructions with a distance: which bits say that it is one, and where the distance is."""

    mask: int
    value: int
    low: int
    size: int


# Branches with and without a link, on conditions, on zero, on a bit; loads from behind the code.
_BRANCHES = (
    _Form(0x7C000000, 0x14000000, 0, 26),
    _Form(0xFF000010, 0x54000000, 5, 19),
    _Form(0x7E000000, 0x34000000, 5, 19),
    _Form(0x7E000000, 0x36000000, 5, 14),
    _Form(0x3B000000, 0x18000000, 5, 19),
)
_ADR, _ADRP = 0x10000000, 0x90000000
_ADR_MASK, _ADR_DISTANCE = 0x9F000000, 0x60FFFFE0
_IN_PAGE = 0x003FFC00  # the twelve bits of a place in a page
# An addition of such a place, and a load or store there, by how large what is loaded may be.
_ADDITION = (0x7FC00000, 0x11000000)
_ACCESS = (0x3B000000, 0x39000000)


class Arm64:
    """Says which instructions lead to the same place on both sides."""

    def __init__(self, layout: Layout, places: Sequence[Place]) -> None:
        self._layout = layout
        self._places = [place for place in places if place.addresses is not None]
        self._shifts = {shift & _PAGE for place in self._places for shift in _shifts(place)}

    def same(self, place: Place, i: int, j: int, old: int, new: int) -> bool:
        """Whether two instructions at two places of a part differ in a distance alone."""
        assert place.addresses is not None
        if i % 4 or j % 4:
            return False
        starts = place.addresses[0] + i, place.addresses[1] + j
        for form in _BRANCHES:
            distance = ((1 << form.size) - 1) << form.low
            if old & form.mask == form.value and old & ~distance == new & ~distance:
                targets = [
                    start + 4 * _signed((each & distance) >> form.low, form.size)
                    for start, each in zip(starts, (old, new), strict=True)
                ]
                return self._layout.same_address(*targets)
        if old & ~_ADR_DISTANCE == new & ~_ADR_DISTANCE:
            if old & _ADR_MASK == _ADR:
                return self._layout.same_address(*(
                    start + _adr(each) for start, each in zip(starts, (old, new), strict=True)
                ))  # fmt: skip
            if old & _ADR_MASK == _ADRP:
                pages = [
                    (start & ~_PAGE) + (_adr(each) << 12)
                    for start, each in zip(starts, (old, new), strict=True)
                ]
                return any(self._same_page(each, *pages) for each in self._places)
        return self._in_page(old, new)

    def _same_page(self, place: Place, old: int, new: int) -> bool:
        """Whether something of a part is in one page on the left, and in the other on the right."""
        first, second = place.addresses or (0, 0)
        least, most = max(old - first, 0), min(old + _PAGE - first, place.left.size)
        if least > most:
            return False
        steps = place.walk.steps_between(least, most)
        return any(
            (second + start + step[1] - step[0]) & ~_PAGE == new
            for step in steps
            for start in {max(step[0], least), most}
        )

    def _in_page(self, old: int, new: int) -> bool:
        if old & ~_IN_PAGE != new & ~_IN_PAGE:
            return False
        scale = 0
        if old & _ACCESS[0] == _ACCESS[1]:
            scale = old >> 30
            if old & 0x04800000 == 0x04800000:  # a vector register of 16 bytes
                scale = 4
        elif old & _ADDITION[0] != _ADDITION[1]:
            return False
        distance = ((new & _IN_PAGE) - (old & _IN_PAGE)) >> 10 << scale
        return distance & _PAGE in self._shifts


def _shifts(place: Place) -> Iterator[int]:
    first, second = place.addresses or (0, 0)
    for left, right in place.walk.steps:
        yield second + right - first - left


def _adr(instruction: int) -> int:
    return _signed(instruction >> 3 & 0x1FFFFC | instruction >> 29 & 3, 21)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value
