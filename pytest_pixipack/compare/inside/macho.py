"""Mach-O files of one architecture, read with macholib (`loader.h` and `nlist.h` of Apple)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.divided import (
    MOST_BEFORE_GO_ID,
    Machine,
    Mark,
    Names,
    Part,
    PartKind,
    Program,
    go_build_id,
    kinds,
    with_references,
    zlib_section,
)

Kinds = frozenset[PartKind]
_COMMAND = 8  # number and size of a load command
_ARM64 = 0x0100000C
_MOST_COMMANDS = 10_000
_REQUIRED = 0x80000000  # a flag of numbers of commands: the loader has to know it
_OBJECT = 0x66  # N_OSO, a symbol that names an object file and its time
_LARGEST_SYMBOLS = 32 << 20
_ZEROS = (0x1, 0xC, 0x12)  # types of sections without bytes
_STRINGS = ("_debug_str", "_debug_line_str")
_INSTRUCTIONS = 0x80000400
# Libraries by path, with a time.
_DYLIBS = (0x0C, 0x0D, 0x18, 0x1F, 0x20, 0x23)
_VERSIONS_MIN = (0x24, 0x25, 0x2F, 0x30)
# Commands that are a place and a size of data at the end of the file.
_LINKEDIT = (0x1E, 0x26, 0x29, 0x2B, 0x2E, 0x33, 0x34, 0x36)
_TABLES = ("rebase", "bind", "weak_bind", "lazy_bind", "export")
# Commands whose number is no fact: without them, a program is the same.
_CARRIED = ("LC_UUID", "LC_CODE_SIGNATURE", "LC_SOURCE_VERSION")


def read_macho(path: Path) -> Program:
    """UUID, signature, versions of tools, times; commands and sections. Raises `Unreadable`."""
    with path.open("rb") as stream:
        try:
            return _MachO(stream).program()
        except (
            ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError,
            struct.error, OSError, AssertionError, RecursionError, NotImplementedError,
            MemoryError, EOFError,
        ) as error:  # fmt: skip
            raise Unreadable(f"it is no valid Mach-O file ({error})") from None


class _MachO:
    """One file while it is divided."""

    def __init__(self, stream: BinaryIO) -> None:
        from macholib import mach_o  # type: ignore[import-untyped]

        self._known = mach_o
        self._stream = stream
        magic = stream.read(4)
        self._order = "<" if magic in (b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe") else ">"
        self._wide = magic in (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf")
        self._header_size = 32 if self._wide else 28
        head = self._numbers(4, "7I")
        self._kind, self._size, self._flags = head[:3], head[4], head[5]
        self._number = head[3]
        self._marks: list[Mark] = []
        self._names, self._said = Names(), Names()
        self._parts: dict[str, Part] = {}
        self._facts: dict[str, tuple[Any, str]] = {}
        self._sections: list[str] = [""]
        self._base: int | None = None
        self._end = self._header_size + self._size

    def program(self) -> Program:
        """What is found in the file."""
        if self._number > _MOST_COMMANDS:
            raise ValueError("too many load commands")
        at, names = self._header_size, []
        for _ in range(self._number):
            number, size = self._numbers(at, "II")
            if size < _COMMAND or at + size > self._header_size + self._size:
                raise ValueError("a load command of a wrong size")
            names.append(self._name(number))
            self._command(number & ~_REQUIRED, names[-1], at, size)
            at += size
        self._say("type and flags", [*self._kind, self._flags])
        self._say("load commands", [name for name in names if name not in _CARRIED])
        size = self._stream.seek(0, 2)
        if self._end < size:
            self._part("what is behind it", self._end, size - self._end, kinds(apart=True))
        machine = Machine(
            word=8 if self._wide else 4,
            order="little" if self._order == "<" else "big",
            base=self._base or 0,
            chained=self._wide,
            arm64=self._kind[0] == _ARM64,
        )
        sections = tuple(self._sections)
        parts = with_references(self._parts)
        return Program(tuple(self._marks), parts, self._facts, machine, sections)

    def _command(self, number: int, name: str, at: int, size: int) -> None:
        readers: dict[int, Callable[[int, int], None]] = {
            0x01: self._segment, 0x19: self._segment, 0x02: self._symbols, 0x0B: self._indirect,
            0x1B: self._uuid, 0x1D: self._signature, 0x22: self._bindings, 0x28: self._main,
            0x2A: self._source, 0x32: self._build,
        }  # fmt: skip
        if number in readers:
            readers[number](at, size)
        elif number in _VERSIONS_MIN:
            version, _ = self._numbers(at + _COMMAND, "II")
            self._say(name, _version(version))
            self._version_of("SDK", at + 12)
        elif number in _LINKEDIT:
            start, length = self._numbers(at + _COMMAND, "II")
            self._part(name, start, length, kinds(unread=True))
        else:
            if number in _DYLIBS:
                self._field("time of a library", "timestamp", at + 12, "I")
            self._part(name, at + _COMMAND, size - _COMMAND)

    def _segment(self, at: int, _: int) -> None:
        long = "QQQQ" if self._wide else "IIII"
        fields = self._numbers(at + _COMMAND, f"16s{long}iiII")
        name, address, start, size = _text(fields[0]), fields[1], fields[3], fields[4]
        self._say(f"segment {name}", list(fields[5:9]))
        self._end = max(self._end, start + size)
        if start == 0 and size and self._base is None:
            self._base = address
        each = struct.calcsize(f"{self._order}16s16s{'QQ' if self._wide else 'II'}7I")
        each += 4 if self._wide else 0
        first = at + _COMMAND + struct.calcsize(f"{self._order}16s{long}iiII")
        for number in range(fields[7]):
            self._section(first + number * each)

    def _section(self, at: int) -> None:
        fields = self._numbers(at, f"16s16s{'QQ' if self._wide else 'II'}7I")
        name = f"{_text(fields[1])},{_text(fields[0])}"
        address, size, start, relocations, count, flags = fields[2], *fields[3:5], *fields[6:9]
        debug = name.startswith("__DWARF")
        loaded = self._kind[2] != 1  # an object file has no addresses yet
        part = self._part(
            name,
            start,
            size,
            kinds(
                code=flags & _INSTRUCTIONS,
                empty=flags & 0xFF in _ZEROS,
                debug=debug,
                strings=name.endswith(_STRINGS) and debug,
            ),
            traits=(flags, fields[5]),
            address=address if loaded and not debug else None,
            packed=zlib_section(self._bytes(start, 12)) if debug else None,
        )
        self._sections.append(part)
        if flags & _INSTRUCTIONS and size:
            head = self._bytes(start, min(size, MOST_BEFORE_GO_ID))
            self._marks += go_build_id(head, start)
        if count:
            self._part(f"relocations of {name}", relocations, 8 * count)

    def _symbols(self, at: int, _: int) -> None:
        start, count, strings, size = self._numbers(at + _COMMAND, "4I")
        each = 16 if self._wide else 12
        table = self._part("string table", strings, size, kinds(strings=True, debug=True))
        self._part("symbol table", start, each * count, kinds(symbols=True), refers=(table,))
        if each * count <= _LARGEST_SYMBOLS:
            data = self._bytes(start, each * count)
            for number in range(min(count, len(data) // each)):
                if data[number * each + 4] == _OBJECT:
                    place = start + number * each + 8
                    self._field("time of an object file", "timestamp", place,
                                "Q" if self._wide else "I")  # fmt: skip

    def _indirect(self, at: int, _: int) -> None:
        fields = self._numbers(at + _COMMAND, "18I")
        self._part("indirect symbols", fields[12], 4 * fields[13])

    def _uuid(self, at: int, size: int) -> None:
        value = self._bytes(at + _COMMAND, size - _COMMAND).hex()
        self._mark("UUID", "build-id", at + _COMMAND, size - _COMMAND, value)

    def _signature(self, at: int, _: int) -> None:
        start, size = self._numbers(at + _COMMAND, "II")
        self._mark("code signature", "unknown", start, size, "code signature", follows=True)

    def _bindings(self, at: int, _: int) -> None:
        fields = self._numbers(at + _COMMAND, "10I")
        for number, name in enumerate(_TABLES):
            start, size = fields[2 * number], fields[2 * number + 1]
            self._part(f"{name} opcodes", start, size, kinds(unread=True))

    def _main(self, at: int, _: int) -> None:
        self._say("size of the stack", self._numbers(at + 16, "Q")[0])

    def _source(self, at: int, size: int) -> None:
        value = self._numbers(at + _COMMAND, "Q")[0]
        shown = ".".join(str(value >> shift & 0x3FF) for shift in (30, 20, 10, 0))
        self._mark("version of the source", "version-change", at + _COMMAND, size - _COMMAND,
                   f"{value >> 40}.{shown}")  # fmt: skip

    def _build(self, at: int, size: int) -> None:
        platform, least, _, count = self._numbers(at + _COMMAND, "4I")
        self._say("platform", platform)
        self._say("least version of the system", _version(least))
        self._version_of("SDK", at + 16)
        tools = self._numbers(at + 24, f"{2 * min(count, (size - 24) // 8)}I")
        shown = [
            f"{tool} {_version(version)}"
            for tool, version in zip(tools[::2], tools[1::2], strict=True)
        ]
        self._mark("versions of tools", "tool-version", at + 20, size - 20, shown)

    def _version_of(self, label: str, at: int) -> None:
        version = _version(self._numbers(at, "I")[0])
        self._mark(f"version of the {label}", "tool-version", at, 4, version)

    def _field(self, label: str, cause: str, at: int, form: str) -> None:
        size = struct.calcsize(form)
        self._mark(label, cause, at, size, self._numbers(at, form)[0])

    def _mark(
        self, label: str, cause: str, at: int, size: int, value: Any, *, follows: bool = False
    ) -> None:
        self._marks.append(Mark(label, cause, at, size, value, follows))
        self._end = max(self._end, at + size)

    def _part(
        self, name: str, start: int, size: int, found: Kinds = frozenset(), **more: Any
    ) -> str:
        """Takes a part in; gives its name, which is of it alone."""
        name = self._names.free(name)
        if size:
            self._parts[name] = Part(name, start, size, kinds=found, **more)
            if "empty" not in found:
                # The segment of an object ends before its relocations and symbols.
                self._end = max(self._end, start + size)
        return name

    def _say(self, name: str, value: Any) -> None:
        self._facts[self._said.free(name)] = (value, "content")

    def _numbers(self, at: int, form: str) -> tuple[Any, ...]:
        form = f"{self._order}{form}"
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def _bytes(self, at: int, size: int) -> bytes:
        self._stream.seek(at)
        return self._stream.read(size)

    def _name(self, number: int) -> str:
        names = self._known.LC_NAMES
        known = names.get(number, names.get(number & ~_REQUIRED))
        return str(known or f"load command {number:#x}")


def _version(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1")
