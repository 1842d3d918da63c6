"""Indexes of names whose debug data is in another file (`-gsplit-dwarf`).

`.debug_gnu_pubnames` and `.debug_gnu_pubtypes` name things, and say where each is in the data of
its unit: section 6.1.1 of DWARF 4, with a byte for the kind behind each place (`output_pubnames` in
gcc/dwarf2out.cc of GCC). Where that data is in a `.dwo` file, it is not here to be compared:
numbers of texts are written there in as many bytes as each takes, and move what is behind them.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

from pytest_pixipack.compare.inside.spans import Span

INDEXES = (".debug_gnu_pubnames", ".debug_gnu_pubtypes")
INFO = ".debug_info"
_LARGEST = 16 << 20
_WIDE = 0xFFFFFFF0
_HEADER = 14
# A number that takes a byte more makes no more than this of what it is in.
_MOST_GROWTH = 2


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit: where its header is in `.debug_info`, how long it is, and its names with places."""

    header: int
    size: int
    names: tuple[bytes, ...]
    places: tuple[int, ...]


def only_moved(left: tuple[Span, Span], right: tuple[Span, Span], order: str) -> bool:
    """Whether two indexes say the same of things that lie a little further on in another file.

    Each side is the index and `.debug_info`. The same names in the same order, each in front of and
    behind the same others, and no unit with its data here.
    """
    if max(left[0].size, right[0].size) > _LARGEST:
        return False
    mark = "<" if order == "little" else ">"
    try:
        old, new = (list(_units(side[0], mark)) for side in (left, right))
        sides = zip((left, right), (old, new), strict=True)
        if any(_is_here(unit, side[1], mark) for side, units in sides for unit in units):
            return False
    except (struct.error, ValueError):
        return False
    return len(old) == len(new) and all(map(_alike, old, new))


def _units(index: Span, mark: str) -> list[_Unit]:
    """The units of an index. Raises `struct.error` and `ValueError` where it is none."""
    data = index.read(0, index.size)
    units, at = [], 0
    while at < len(data):
        length, version, header, size = struct.unpack_from(f"{mark}IHII", data, at)
        end = at + 4 + length
        if length >= _WIDE or version != 2 or end > len(data):
            raise ValueError("not such an index")
        at += _HEADER
        names, places = [], []
        while True:
            (place,) = struct.unpack_from(f"{mark}I", data, at)
            at += 4
            if place == 0 or at >= end:
                break
            behind = data.index(b"\0", at, end) + 1
            names.append(data[at:behind])
            places.append(place)
            at = behind
        if at != end:
            raise ValueError("not such an index")
        units.append(_Unit(header, size, tuple(names), tuple(places)))
    return units


def _is_here(unit: _Unit, info: Span, mark: str) -> bool:
    """Whether the data of a unit is in this file, which else has only a note of where it is."""
    (length,) = struct.unpack(f"{mark}I", info.read(unit.header, 4))
    return bool(length + 4 >= unit.size)


def _alike(left: _Unit, right: _Unit) -> bool:
    if (left.header, left.names) != (right.header, right.names):
        return False
    pairs = sorted({(0, 0), *zip(left.places, right.places, strict=True), (left.size, right.size)})
    return all(map(_as_far, itertools.pairwise(pairs)))


def _as_far(steps: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Whether two things are about as far from each other on both sides."""
    (old, new), (next_old, next_new) = steps
    far, other = next_old - old, next_new - new
    return 0 < far <= _MOST_GROWTH * other and 0 < other <= _MOST_GROWTH * far
