"""Mach-O files of several architectures: an archive of programs or of static libraries.

Apple's `mach-o/fat.h`. The numbers in the header are big-endian, whatever the programs are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Entry, Said

_FORMS = {b"\xca\xfe\xba\xbe": ">5I", b"\xca\xfe\xba\xbf": ">IIQQII"}
_MOST = 40  # a Java class, which begins in the same way, has a larger number there
_CHUNK = 1 << 18
_NAMES = {
    (0x01000007, 3): "x86_64", (0x01000007, 8): "x86_64h", (0x0100000C, 0): "arm64",
    (0x0100000C, 2): "arm64e", (7, 3): "i386", (12, 9): "armv7", (18, 0): "ppc",
}  # fmt: skip


def is_fat(head: bytes) -> bool:
    """Whether a file begins as one of several architectures."""
    return head[:4] in _FORMS and 0 < int.from_bytes(head[4:8], "big") <= _MOST


class Fat:
    """The programs in one file; `opening` gives its bytes from the start each time."""

    def __init__(self, opening: Callable[[], BinaryIO]) -> None:
        self._opening = opening
        self._properties: dict[str, Said] = {}

    def members(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        """As `Archive.members`; the names are those of the architectures."""
        with self._opening() as stream:
            head = stream.read(8)
            form = _FORMS.get(head[:4])
            number = int.from_bytes(head[4:], "big")
            if form is None or number > _MOST:
                raise Unreadable("it is no file of several architectures")
            size = struct.calcsize(form)
            table = stream.read(number * size)
            if len(table) < number * size:
                raise Unreadable("it is cut off")
            for fields in struct.iter_unpack(form, table):
                kind, model, start, length, alignment = fields[:5]
                known = _NAMES.get((kind, model & 0xFFFFFF))
                name = known or f"{kind:#x} {model:#x}"
                said = {"alignment": Said(alignment, "archive-format")}
                yield Entry(name, "file", length, said), _content(stream, start, length)
            self._properties = {"form": Said(head[:4].hex(), "archive-format")}

    def properties(self) -> Mapping[str, Said]:
        """The form of the header."""
        return self._properties


def _content(stream: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    stream.seek(start)
    while size:
        piece = stream.read(min(size, _CHUNK))
        if not piece:
            raise Unreadable("a program is cut off")
        size -= len(piece)
        yield piece
