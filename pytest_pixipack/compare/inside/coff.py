"""Object files of Windows (COFF), and the short ones of import libraries.

Sections 3 to 8 of Microsoft's "PE Format" specification; there is no more to read in them than
times, where the sections are, and what the table of symbols repeats of each: its size, the number
of its relocations, and a checksum of it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.divided import (
    Mark,
    Names,
    Part,
    PartKind,
    Program,
    kinds,
)
from pytest_pixipack.compare.inside.spans import Span

_MACHINES = (0x14C, 0x8664, 0xAA64, 0x1C4, 0xA641)
_SHORT = b"\0\0\xff\xff"  # an import, or an object with very many sections
_HEADER, _SECTION, _SYMBOL, _RELOCATION = 20, 40, 18, 10
_MOST_SECTIONS = 20_000
_CODE = 0x20
_STATIC = 3  # the storage class of a symbol that stands for a section
_LARGEST_SYMBOLS = 32 << 20
_ONES = 0xFFFFFFFF


def is_coff(head: bytes) -> bool:
    """Whether a file begins as an object: nothing else is taken for one by accident."""
    if len(head) < _HEADER:
        return False
    if head.startswith(_SHORT):
        version, machine = struct.unpack_from("<HH", head, 4)
        return bool(version <= 2 and machine in _MACHINES)
    machine, number, _, symbols, count, optional, _ = struct.unpack_from("<HHIIIHH", head)
    if machine not in _MACHINES or optional or not 0 < number <= _MOST_SECTIONS:
        return False
    return bool(symbols >= _HEADER + number * _SECTION and 0 < count < 1 << 24)


def read_coff(path: Path) -> Program:
    """The time, sections and symbols. Raises `Unreadable`."""
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        if not is_coff(data[:_HEADER]):
            raise Unreadable("it is no valid COFF file")
        return _program(data)


def _program(data: mmap) -> Program:
    place = 8 if data[:4] == _SHORT else 4
    time = int.from_bytes(data[place : place + 4], "little")
    mark = Mark("time in header", "timestamp", place, 4, time)
    if data[:4] == _SHORT:
        part = Part("what it imports", place + 4, len(data) - place - 4)
        return Program((mark,), {part.name: part})
    try:
        names, parts = Names(), dict[str, Part]()
        for name, start, size, found, traits in _ranges(data):
            if size:
                name = names.free(name)
                parts[name] = Part(name, start, size, traits=traits, kinds=found)
        marks = mark, *_repeated(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise Unreadable(f"it is no valid COFF file ({error})") from None
    machine, _, _, _, _, _, flags = struct.unpack_from("<HHIIIHH", data)
    facts = {"machine": (machine, "content"), "characteristics": (flags, "content")}
    return Program(marks, parts, facts)


# Name, start, size, kinds and traits of a part.
Range = tuple[str, int, int, frozenset[PartKind], tuple[int, ...]]


def _ranges(data: mmap) -> Iterator[Range]:
    _, number, _, symbols, count, _, _ = struct.unpack_from("<HHIIIHH", data)
    for at in range(_HEADER, _HEADER + number * _SECTION, _SECTION):
        fields = struct.unpack_from("<8sIIIIIIHHI", data, at)
        name = fields[0].rstrip(b"\0").decode("latin-1")
        size, start, relocations, amount, flags = *fields[3:6], fields[7], fields[9]
        found = kinds(code=flags & _CODE, debug=name.startswith(".debug"))
        if start:
            yield name, start, size, found, (flags,)
        yield f"relocations of {name}", relocations, amount * _RELOCATION, frozenset(), ()
    strings = symbols + count * _SYMBOL
    (size,) = struct.unpack_from("<I", data, strings)
    yield "symbol table", symbols, count * _SYMBOL, kinds(symbols=True), ()
    yield "string table", strings, size, kinds(debug=True), ()


def _repeated(data: mmap) -> Iterator[Mark]:
    """What symbols of sections repeat of these, where it is true: it follows from the sections."""
    _, number, _, symbols, count, _, _ = struct.unpack_from("<HHIIIHH", data)
    places = dict(_definitions(data, symbols, count))
    left = len(data)  # sections that lie upon each other are not read again and again
    for section in range(1, number + 1):
        at = _HEADER + (section - 1) * _SECTION
        name, size, start, relocations, lines = struct.unpack_from("<8s8xII8xHH", data, at)
        place = places.get(section)
        if place is None or size > left:
            continue
        left -= size
        label = name.rstrip(b"\0").decode("latin-1")
        *said, checksum = struct.unpack_from("<IHHI", data, place)
        if said == [size, relocations, lines]:
            yield _true(f"size of {label}", place, 8)
        if checksum == _checksum(Span(data, start, size if start else 0)):
            yield _true(f"checksum of {label}", place + 8, 4)


def _true(label: str, place: int, size: int) -> Mark:
    return Mark(label, "unknown", place, size, None, follows=True, repeats=True)


def _definitions(data: mmap, symbols: int, count: int) -> Iterator[tuple[int, int]]:
    """The sections by their numbers, and where the symbol of each tells about it (5.5.5)."""
    at, end = symbols, symbols + min(count * _SYMBOL, _LARGEST_SYMBOLS)
    while at < end:
        value, section, kind, storage, further = struct.unpack_from("<8xIhHBB", data, at)
        if storage == _STATIC and further and value == kind == 0 and section > 0:
            yield section, at + _SYMBOL
        at += (1 + further) * _SYMBOL


def _checksum(content: Span) -> int:
    """As `WinCOFFObjectWriter` of LLVM and Microsoft's compilers write it: a CRC without ends."""
    value = _ONES
    for piece in content.pieces():
        value = zlib.crc32(piece, value)
    return value ^ _ONES
