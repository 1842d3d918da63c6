"""Symbols and relocations of ELF files, entry by entry ("Object Files" of the System V ABI)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_pixipack.compare.inside.divided import Machine
from pytest_pixipack.compare.inside.spans import Span

if TYPE_CHECKING:
    from pytest_pixipack.compare.inside.layout import Layout, Place

# What a number may be off the place it means: the rest of the instruction is counted in.
_BIASES = (0, 4, 5, 8, 6)
_SECTION = 3  # a symbol that stands for a section
_RESERVED = 0xFF00


class _Symbol(NamedTuple):
    name: int
    value: int
    size: int
    info: int
    other: int
    section: int


class Entries:
    """Says which entries of two tables mean the same; `sections` are the parts by their numbers."""

    def __init__(
        self,
        layout: Layout,
        machine: Machine,
        sections: tuple[Sequence[str], Sequence[str]],
    ) -> None:
        self._layout = layout
        self._sections = sections
        order = "<" if machine.order == "little" else ">"
        self._wide = machine.word == 8
        self._symbol = struct.Struct(f"{order}{'IBBHQQ' if self._wide else 'IIIBBH'}")
        self._number = struct.Struct(f"{order}{'Q' if self._wide else 'I'}")

    def same(self, place: Place) -> bool:
        """Whether all entries of a part mean the same on both sides."""
        relocates = place.part.has("relocates")
        size = place.part.traits[-1] if relocates else self._symbol.size
        if not relocates and place.left.size != place.right.size:
            return self._same_but_for_sections(place)
        if not size or place.left.size != place.right.size:
            return False
        done = -1
        for start, _, length in place.walk.runs:
            for number in range(max(start // size, done + 1), (start + length - 1) // size + 1):
                same = self._same_relocation if relocates else self._same_symbol
                if not same(place, number, size):
                    return False
                done = number
        return place.walk.whole and not place.walk.texts

    def _same_but_for_sections(self, table: Place) -> bool:
        """Whether one side has symbols for sections that the other has not, and nothing else."""
        common = set(self._sections[0]) & set(self._sections[1])
        both = []
        for span, names in zip((table.left, table.right), self._sections, strict=True):
            symbols = (self._read(span, at) for at in range(span.size // self._symbol.size))
            both.append([
                each
                for each in symbols
                if each is not None
                and (
                    each.info & 0xF != _SECTION
                    or each.section >= len(names)
                    or names[each.section] in common
                )
            ])  # fmt: skip
        old, new = both
        return len(old) == len(new) and all(
            self._equal(table, *pair) for pair in zip(old, new, strict=True)
        )

    def _same_relocation(self, place: Place, number: int, size: int) -> bool:
        fields = [
            self._fields(span.read(number * size, size)) for span in (place.left, place.right)
        ]
        (start, info, *addend), (other, other_info, *other_addend) = fields
        table, target = (self._layout.named(name) for name in (*place.part.refers, "", "")[:2])
        if table is None or target is None or not self._layout.same(target, start, other):
            return False
        shift = 32 if self._wide else 8
        kinds = info & (1 << shift) - 1, other_info & (1 << shift) - 1
        symbols = [
            self._read(span, entry >> shift)
            for span, entry in ((table.left, info), (table.right, other_info))
        ]
        if kinds[0] != kinds[1] or symbols[0] is None or symbols[1] is None:
            return False
        if not self._equal(table, symbols[0], symbols[1]):
            return False
        if not addend or addend == other_addend:
            return True
        section = self._part(symbols[0])
        # Only what counts from the start of a section moves with what is in it.
        return (
            section is not None
            and symbols[0].info & 0xF == _SECTION
            and any(
                self._layout.same(section, addend[0] + bias, other_addend[0] + bias)
                for bias in _BIASES
            )
        )

    def _fields(self, entry: bytes) -> list[int]:
        found = [each for (each,) in self._number.iter_unpack(entry)]
        # The addend may be negative.
        most = 1 << 8 * self._number.size
        return [*found[:2], *(each - most if each >= most >> 1 else each for each in found[2:])]

    def _same_symbol(self, table: Place, number: int, _: int) -> bool:
        symbols = self._read(table.left, number), self._read(table.right, number)
        return (
            symbols[0] is not None
            and symbols[1] is not None
            and self._equal(table, symbols[0], symbols[1])
        )

    def _equal(self, table: Place, old: _Symbol, new: _Symbol) -> bool:
        """Whether two symbols have the same name and lead to the same place."""
        if (old.info, old.other) != (new.info, new.other) or not self._same_section(old, new):
            return False
        strings = self._layout.named(table.part.refers[0]) if table.part.refers else None
        if strings is None or not self._layout.same(strings, old.name, new.name):
            return False
        if old.size != new.size and not self._layout.is_length(old.size, new.size):
            return False
        if old.value == new.value:
            return True
        section = self._part(old)
        if section is None:
            return False
        if section.addresses is not None:
            return self._layout.same_address(old.value, new.value)
        return self._layout.same(section, old.value, new.value)

    def _same_section(self, old: _Symbol, new: _Symbol) -> bool:
        if max(old.section, new.section) >= _RESERVED:
            return old.section == new.section
        left, right = self._sections
        if old.section >= len(left) or new.section >= len(right):
            return False
        return left[old.section] == right[new.section]

    def _part(self, symbol: _Symbol) -> Place | None:
        names = self._sections[0]
        return self._layout.named(names[symbol.section]) if symbol.section < len(names) else None

    def _read(self, table: Span, number: int) -> _Symbol | None:
        entry = table.read(number * self._symbol.size, self._symbol.size)
        if len(entry) < self._symbol.size:
            return None
        if self._wide:
            name, info, other, section, value, size = self._symbol.unpack(entry)
        else:
            name, value, size, info, other, section = self._symbol.unpack(entry)
        return _Symbol(name, value, size, info, other, section)
