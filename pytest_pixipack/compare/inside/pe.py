"""PE files (programs and libraries of Windows), read with pefile.

The structures are those of Microsoft's "PE Format" specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.divided import (
    MOST_BEFORE_GO_ID,
    Machine,
    Mark,
    Names,
    Part,
    Program,
    go_build_id,
    kinds,
    with_references,
    zlib_section,
)

_CODEVIEW, _REPRO = 2, 16
_GUID = 20  # GUID and age, behind RSDS
_LARGEST = 1 << 16
_ARM64 = 0xAA64
# Sections that hold addresses, and how the stack is unwound.
_TABLES = (".reloc", ".pdata", ".xdata")
_MOST_TABLES = 2000
_STRINGS = (".debug_str", ".debug_line_str")
_EXECUTABLE, _SYMBOL = 0x20000000, 18
_FACTS = {
    "FILE_HEADER": ("Machine", "Characteristics"),
    "OPTIONAL_HEADER": (
        "Magic", "Subsystem", "DllCharacteristics", "MajorOperatingSystemVersion",
        "MinorOperatingSystemVersion", "MajorImageVersion", "MinorImageVersion",
        "MajorSubsystemVersion", "MinorSubsystemVersion", "SizeOfStackReserve",
        "SizeOfStackCommit", "SizeOfHeapReserve", "SizeOfHeapCommit", "LoaderFlags",
    ),
}  # fmt: skip
_SECURITY, _DELAYED = "IMAGE_DIRECTORY_ENTRY_SECURITY", "IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT"
# Tables of which the second field is a time.
_TIMED = {
    "IMAGE_DIRECTORY_ENTRY_EXPORT": "time of exports",
    "IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG": "time of configuration",
}


def read_pe(path: Path) -> Program:
    """Times, checksum, versions of tools, ids of debug data; sections. Raises `Unreadable`."""
    import pefile  # type: ignore[import-untyped]

    try:
        # Closing a `PE` takes longer than all the rest; it holds nothing but what it is given.
        with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
            pe = pefile.PE(data=data, fast_load=True)
            wanted = [pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_DEBUG"]]
            pe.parse_data_directories(directories=wanted)
            return _Pe(pe, pefile.DIRECTORY_ENTRY).program()
    except (
        pefile.PEFormatError, ValueError, KeyError, IndexError, AttributeError, TypeError,
        OverflowError, AssertionError, RecursionError, OSError, struct.error, MemoryError,
    ) as error:  # fmt: skip
        raise Unreadable(f"it is no valid PE file ({error})") from None


class _Pe:
    """One file while it is divided."""

    def __init__(self, pe: Any, directories: Any) -> None:
        self._pe = pe
        self._numbers = directories
        self._data = pe.__data__
        self._names = Names()
        self._parts: dict[str, Part] = {}

    def program(self) -> Program:
        """What is found in the file."""
        marks = list(self._marks())
        for section in self._pe.sections:
            self._section(section)
        self._symbols()
        self._behind(marks)
        head = self._pe.OPTIONAL_HEADER
        machine = Machine(
            word=8 if head.Magic == 0x20B else 4,
            base=head.ImageBase,
            arm64=self._pe.FILE_HEADER.Machine == _ARM64,
        )
        parts = with_references(self._parts)
        return Program(tuple(marks), parts, dict(self._facts()), machine)

    def _facts(self) -> Iterator[tuple[str, tuple[Any, str]]]:
        for header, fields in _FACTS.items():
            for field in fields:
                yield field, (getattr(getattr(self._pe, header), field), "content")
        names = [name for name in self._numbers if isinstance(name, str) and name != _SECURITY]
        yield "directories", ([name for name in names if self._directory(name)[1]], "content")

    def _marks(self) -> Iterator[Mark]:
        head, optional = self._pe.FILE_HEADER, self._pe.OPTIONAL_HEADER
        yield _number(head, "TimeDateStamp", "time in header", "timestamp")
        yield _number(optional, "CheckSum", "checksum", "timestamp", follows=True)
        version = f"{optional.MajorLinkerVersion}.{optional.MinorLinkerVersion}"
        place = optional.get_field_absolute_offset("MajorLinkerVersion")
        yield Mark("version of the linker", "tool-version", place, 2, version)
        yield from self._rich()
        for directory, label in _TIMED.items():
            start = self._offset(directory)
            if start is not None:
                yield self._time(start + 4, label)
        yield from self._resources()
        for section in self._pe.sections[:1]:
            start = section.PointerToRawData
            yield from go_build_id(self._data[start : start + MOST_BEFORE_GO_ID], start)
        yield from self._delayed()
        for number, entry in enumerate(getattr(self._pe, "DIRECTORY_ENTRY_DEBUG", ()), 1):
            yield from self._debug(number, entry.struct)
        start, size = self._directory(_SECURITY)
        if start and size:
            yield Mark("signature", "unknown", start, size, "signature", follows=True)

    def _rich(self) -> Iterator[Mark]:
        """The tools and their versions that Microsoft's linker notes, between `DanS` and `Rich`."""
        front = self._data[: min(self._pe.DOS_HEADER.e_lfanew, _LARGEST)]
        end = front.rfind(b"Rich")
        if end < 0 or len(front) < end + 8:
            return
        key = front[end + 4 : end + 8]
        start = front.find(bytes(a ^ b for a, b in zip(b"DanS", key, strict=True)))
        if 0 <= start < end:
            value = front[start : end + 8].hex()
            yield Mark("tools of the linker", "tool-version", start, end + 8 - start, value)

    def _debug(self, number: int, found: Any) -> Iterator[Mark]:
        label = f"time of debug data {number}"
        yield _number(found, "TimeDateStamp", label, "timestamp", follows=True)
        start, size = found.PointerToRawData, found.SizeOfData
        if not 0 < size <= _LARGEST:
            return
        data = self._data[start : start + size]
        if found.Type == _CODEVIEW and data[:4] in (b"RSDS", b"NB10"):
            skipped, length = (4, _GUID) if data[:4] == b"RSDS" else (8, 8)
            value = data[skipped : skipped + length].hex()
            yield Mark("id of debug data", "build-id", start + skipped, length, value)
        elif found.Type == _REPRO:
            yield Mark("hash of the build", "build-id", start, size, data.hex())

    def _resources(self) -> Iterator[Mark]:
        """The times of all tables of resources, which are a tree of at most three levels."""
        root = self._offset("IMAGE_DIRECTORY_ENTRY_RESOURCE")
        waiting, seen = [] if root is None else [root], 0
        while waiting and (seen := seen + 1) <= _MOST_TABLES:
            table = waiting.pop()
            yield self._time(table + 4, "time of resources")
            named, numbered = struct.unpack("<HH", self._data[table + 12 : table + 16])
            entries = self._data[table + 16 : table + 16 + 8 * (named + numbered)]
            for _, place in struct.iter_unpack("<II", entries[: len(entries) // 8 * 8]):
                if place & 0x80000000 and root is not None:
                    waiting.append(root + (place & 0x7FFFFFFF))

    def _delayed(self) -> Iterator[Mark]:
        start = self._offset(_DELAYED)
        while start is not None and any(entry := self._data[start : start + 32]):
            if len(entry) < 32:
                return
            yield self._time(start + 28, "time of a delayed import")
            start += 32

    def _section(self, section: Any) -> None:
        name = self._names.free(self._name(section) or "section")
        debug = name.startswith((".debug", ".zdebug"))
        start = section.PointerToRawData
        empty = not section.SizeOfRawData
        self._parts[name] = Part(
            name,
            start,
            section.Misc_VirtualSize if empty else section.SizeOfRawData,
            traits=(section.Characteristics,),
            address=None if debug else section.VirtualAddress + self._pe.OPTIONAL_HEADER.ImageBase,
            packed=zlib_section(self._data[start : start + 12]) if debug else None,
            kinds=kinds(
                code=section.Characteristics & _EXECUTABLE,
                unread=name == ".reloc",
                table=name in _TABLES,
                debug=debug,
                strings=name in _STRINGS,
                empty=empty,
            ),
        )

    def _name(self, section: Any) -> str:
        """The name of a section; that of a long one is in the table of strings."""
        name = str(section.Name.rstrip(b"\0").decode("latin-1"))
        if not (name.startswith("/") and name[1:].isdigit()):
            return name
        head = self._pe.FILE_HEADER
        start = head.PointerToSymbolTable + head.NumberOfSymbols * _SYMBOL + int(name[1:])
        return bytes(self._data[start : start + 64]).partition(b"\0")[0].decode("latin-1") or name

    def _symbols(self) -> None:
        """Symbols of COFF, which GCC leaves in programs."""
        head = self._pe.FILE_HEADER
        start, size = head.PointerToSymbolTable, head.NumberOfSymbols * _SYMBOL
        if not start:
            return
        strings = int.from_bytes(self._data[start + size : start + size + 4], "little")
        found = kinds(debug=True)
        self._parts["string table"] = Part(
            "string table", start + size, max(strings, 4), kinds=found
        )
        if size:
            self._parts["symbol table"] = Part(
                "symbol table", start, size, kinds=kinds(symbols=True), refers=("string table",)
            )

    def _behind(self, marks: list[Mark]) -> None:
        """What is behind all that the headers name: a file of its own, maybe."""
        ranges = Program(tuple(marks), self._parts).ranges()
        end = max((start + size for start, size in ranges), default=0)
        end = max(end, self._pe.OPTIONAL_HEADER.SizeOfHeaders)
        if end < len(self._data):
            name = "what is behind it"
            self._parts[name] = Part(name, end, len(self._data) - end, kinds=kinds(apart=True))

    def _time(self, start: int, label: str) -> Mark:
        value = int.from_bytes(self._data[start : start + 4], "little")
        return Mark(label, "timestamp", start, 4, value, follows=True)

    def _directory(self, name: str) -> tuple[int, int]:
        """The address and the size in the header."""
        number, found = self._numbers[name], self._pe.OPTIONAL_HEADER.DATA_DIRECTORY
        if not isinstance(number, int) or number >= len(found):
            return 0, 0
        return found[number].VirtualAddress, found[number].Size

    def _offset(self, name: str) -> int | None:
        """Where a directory is in the file."""
        address, size = self._directory(name)
        if not address or size < 8:
            return None
        return int(self._pe.get_offset_from_rva(address))


def _number(structure: Any, field: str, label: str, cause: str, *, follows: bool = False) -> Mark:
    start = structure.get_field_absolute_offset(field)
    return Mark(label, cause, start, 4, getattr(structure, field), follows)
