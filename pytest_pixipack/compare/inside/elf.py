"""ELF files, read with pyelftools."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.divided import (
    Machine,
    Mark,
    Names,
    Packed,
    Part,
    Program,
    kinds,
    zlib_section,
)
from pytest_pixipack.compare.inside.pubnames import INDEXES

_LARGEST_NOTES = 1 << 20
# Notes without meaning, by their owners and types: build ids of GNU and Go, and the linker gold.
_NOTES = {
    (b"GNU", 3): ("build id", "build-id"),
    (b"Go", 4): ("build id", "build-id"),
    (b"GNU", 4): ("version of gold", "tool-version"),
}
# Sections that name a file with debug data: by its digest.
_DEBUG_LINKS = (".gnu_debuglink", ".gnu_debugaltlink")
_STRINGS = (".debug_str", ".debug_line_str", ".comment")
_LOADED, _CODE, _TEXTS, _THREADS, _PACKED = 0x2, 0x4, 0x20, 0x400, 0x800
_SYMBOLS = ("SHT_SYMTAB", "SHT_DYNSYM")
_NAMES = "names of sections"
_RELOCATIONS = ("SHT_REL", "SHT_RELA")
_LINKED = (*_SYMBOLS, "SHT_DYNAMIC", "SHT_GNU_verneed", "SHT_GNU_verdef")
# Sections that hold addresses and hashes of names, and nothing else.
_ADDRESSES = frozenset({
    ".dynsym", ".dynamic", ".gnu.hash", ".hash", ".gnu.version", ".eh_frame", ".eh_frame_hdr",
    ".got", ".got.plt", ".plt", ".plt.got", ".plt.sec", ".relr.dyn", ".init_array", ".fini_array",
    ".gopclntab", ".gcc_except_table", ".symtab",
})  # fmt: skip
_WIDE_DWARF, _SPLIT_UNITS = 0xFFFFFFF0, (4, 5)
_COMPRESSIONS = {1: "zlib", 2: "zstandard"}
# GCC names the sections of an object with intermediate code by a number of its own.
_SEED = re.compile(r"(?P<name>\.gnu\.(?:debug)?lto_.*)\.(?P<seed>[0-9a-f]{6,16})$")
# Segments whose number depends on what the linker was told to note.
_NOTED = ("PT_NOTE", "PT_GNU_PROPERTY")


def read_elf(path: Path) -> Program:
    """Build id, compiler and link to debug data; all sections. Raises `Unreadable`."""
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        try:
            return _Elf(ELFFile(stream), stream).program()
        except (
            ELFError, ConstructError, ValueError, KeyError, IndexError, AttributeError, TypeError,
            OverflowError, AssertionError, RecursionError, OSError, struct.error, MemoryError,
            NotImplementedError,
        ) as error:  # fmt: skip
            raise Unreadable(f"it is no valid ELF file ({error})") from None


class _Elf:
    """One file while it is divided."""

    def __init__(self, elf: Any, stream: BinaryIO) -> None:
        self._elf = elf
        self._stream = stream
        self._order = "<" if elf.little_endian else ">"
        self._relocatable = elf["e_type"] == "ET_REL"
        self._marks: list[Mark] = []
        self._names = Names()
        self._parts: dict[str, Part] = {}
        self._links: dict[str, tuple[int, int]] = {}
        self._empty: list[str] = []
        self._seeds: dict[str, None] = {}

    def program(self) -> Program:
        """What is found in the file."""
        names = [self._section(number) for number in range(self._elf.num_sections())]
        if names:
            self._refer(names)
        else:
            self._segments()
        machine = Machine(
            word=self._elf.elfclass // 8,
            order="little" if self._elf.little_endian else "big",
            arm64=self._elf["e_machine"] == "EM_AARCH64",
        )
        facts = dict(self._facts())
        self._behind()
        return Program(tuple(self._marks), self._parts, facts, machine, tuple(names))

    def _facts(self) -> Iterator[tuple[str, tuple[Any, str]]]:
        head = self._elf.header
        for field in ("e_type", "e_machine", "e_flags", "e_version"):
            yield field, (head[field], "content")
        for field in ("EI_CLASS", "EI_DATA", "EI_OSABI", "EI_ABIVERSION"):
            yield field, (head["e_ident"][field], "content")
        segments = [
            f"{each['p_type']} {each['p_flags']:#x}"
            for each in self._elf.iter_segments()
            if each["p_type"] not in _NOTED
        ]
        yield "segments", (segments, "content")
        yield "empty sections", (sorted(self._empty), "content")
        if self._seeds:
            yield "seed of the compiler", (", ".join(self._seeds), "random")

    def _section(self, number: int) -> str:
        """Takes a section in; gives its name."""
        section = self._elf.get_section(number)
        kind, size, name = section["sh_type"], section["sh_size"], section.name
        if kind == "SHT_NULL" or not size:
            if name:
                self._empty.append(f"{name} {kind} {section['sh_flags']:#x}")
            return str(name)
        if number == self._elf["e_shstrndx"] and not self._has_symbols(number):
            # The names are those of the parts.
            where = section["sh_offset"], size
            self._marks.append(Mark(_NAMES, "unknown", *where, _NAMES, follows=True))
            return str(name)
        if seed := _SEED.match(name):
            name = seed["name"]
            self._seeds[seed["seed"]] = None
        if name in _DEBUG_LINKS and kind != "SHT_NOBITS":
            value = self._read(section["sh_offset"], min(size, 4096))
            self._mark(name, "build-id", section["sh_offset"], size, _text(value))
        elif kind == "SHT_NOTE" and size <= _LARGEST_NOTES:
            address = None if self._relocatable else section["sh_addr"]
            self._notes(name or "notes", section["sh_offset"], size, address, _traits(section))
        else:
            if name == ".debug_info" and kind != "SHT_NOBITS":
                self._split_units(section["sh_offset"], size)
            name = self._names.free(name or "section")
            self._parts[name] = self._part(name, section)
            self._links[name] = section["sh_link"], section["sh_info"]
        return str(name)

    def _has_symbols(self, number: int) -> bool:
        """Whether names of symbols are in this table as well."""
        return any(
            each["sh_type"] in _SYMBOLS and each["sh_link"] == number
            for each in self._elf.iter_sections()
        )

    def _part(self, name: str, section: Any) -> Part:
        flags, kind = section["sh_flags"], section["sh_type"]
        loaded = flags & _LOADED and not self._relocatable
        threads = kind == "SHT_NOBITS" and flags & _THREADS
        narrow = section["sh_entsize"] in (0, 1)
        found = kinds(
            strings=kind == "SHT_STRTAB" or (narrow and (flags & _TEXTS or name in _STRINGS)),
            tools=name == ".comment",
            code=flags & _CODE,
            symbols=kind in (*_SYMBOLS, *_RELOCATIONS),
            entries=kind in _SYMBOLS,
            relocates=kind in _RELOCATIONS and self._relocatable,
            table=name in _ADDRESSES or kind in _RELOCATIONS,
            debug=_is_debug(name),
            index=name in INDEXES,
            sealed=_SEED.match(f"{name}.000000"),
            apart=name == ".gnu_debugdata",
            empty=kind == "SHT_NOBITS",
        )
        return Part(
            name,
            section["sh_offset"],
            section["sh_size"],
            traits=_traits(section),
            address=section["sh_addr"] if loaded and not threads else None,
            kinds=found,
            packed=self._packing(name, section),
        )

    def _split_units(self, start: int, size: int) -> None:
        """The ids by which units name a file with their debug data (DWARF 5, section 7.5.1.3)."""
        at = 0
        while at + 20 <= size:
            head = self._read(start + at, 20)
            length, version, kind = struct.unpack_from(f"{self._order}IHB", head)
            if version != 5 or length < 8 or length >= _WIDE_DWARF:
                return
            if kind in _SPLIT_UNITS:
                value = head[12:20].hex()
                self._mark("id of split debug data", "build-id", start + at + 12, 8, value)
            at += 4 + length

    def _packing(self, name: str, section: Any) -> Packed | None:
        """How a section is compressed, by its header or, before there was one, by its name."""
        if name.startswith(".zdebug"):
            return zlib_section(self._read(section["sh_offset"], 12))
        if not section["sh_flags"] & _PACKED or section["sh_type"] == "SHT_NOBITS":
            return None
        wide = self._elf.elfclass == 64
        form = f"{self._order}{'IIQQ' if wide else 'III'}"
        fields = struct.unpack(form, self._read(section["sh_offset"], struct.calcsize(form)))
        known = _COMPRESSIONS.get(fields[0])
        return Packed(known, struct.calcsize(form), fields[2 if wide else 1]) if known else None

    def _notes(
        self, name: str, start: int, size: int, address: int | None, traits: tuple[Any, ...]
    ) -> None:
        """Divides a section of notes: those without meaning are fields, the others parts."""
        data, at = self._read(start, size), 0
        while at + 12 <= size:
            owner_size, content_size, kind = struct.unpack_from(f"{self._order}III", data, at)
            content = at + 12 + owner_size + -owner_size % 4
            end = min(content + content_size + -content_size % 4, size)
            owner = data[at + 12 : at + 12 + owner_size].rstrip(b"\0")
            if content + content_size > size:
                break
            if known := _NOTES.get((owner, kind)):
                value = data[content : content + content_size]
                shown = value.hex() if owner == b"GNU" and kind == 3 else _text(value)
                self._mark(known[0], known[1], start + at, end - at, shown)
            else:
                self._note(name, start + at, end - at, traits, address and address + at)
            at = end
        if at < size:
            self._note(name, start + at, size - at, traits, address and address + at)

    def _note(
        self, name: str, start: int, size: int, traits: tuple[Any, ...], address: int | None
    ) -> None:
        part = self._names.free(name)
        self._parts[part] = Part(part, start, size, traits, address or None)

    def _segments(self) -> None:
        """Of a file without a table of sections, what is loaded, and the notes in it."""
        loaded: dict[str, Part] = {}
        for segment in self._elf.iter_segments():
            start, size = segment["p_offset"], segment["p_filesz"]
            if segment["p_type"] == "PT_NOTE" and size <= _LARGEST_NOTES:
                self._notes("notes", start, size, None, ())
            elif segment["p_type"] == "PT_LOAD" and size:
                name = self._names.free("segment")
                code = bool(segment["p_flags"] & 1)
                loaded[name] = Part(
                    name, start, size, address=segment["p_vaddr"], kinds=kinds(code=code)
                )
        self._parts = loaded

    def _refer(self, names: list[str]) -> None:
        """Says of each part that may hold offsets into which parts these are."""
        parts = self._parts.values()
        tables = [each.name for each in parts if each.has("strings") and not each.has("tools")]
        debug = [each.name for each in parts if each.has("debug")]
        others = tuple(dict.fromkeys([*tables, *debug]))
        for name, (link, info) in self._links.items():
            part = self._parts[name]
            linked = tuple(names[number] for number in (link, info) if number < len(names))
            if part.has("relocates"):
                self._parts[name] = replace(part, refers=linked)
            elif part.traits[0] in _LINKED:
                self._parts[name] = replace(part, refers=linked[:1])
            elif part.address is None and not part.has("strings"):
                self._parts[name] = replace(part, refers=others)

    def _behind(self) -> None:
        """What is behind all that the headers name: a file of its own, maybe."""
        ranges = Program(tuple(self._marks), self._parts).ranges()
        ends = [start + size for start, size in ranges]
        head = self._elf.header
        ends += [
            head["e_shoff"] + head["e_shentsize"] * self._elf.num_sections(),
            head["e_phoff"] + head["e_phentsize"] * self._elf.num_segments(),
        ]
        ends += [each["p_offset"] + each["p_filesz"] for each in self._elf.iter_segments()]
        if (shstrndx := head["e_shstrndx"]) < self._elf.num_sections():
            table = self._elf.get_section(shstrndx)
            ends.append(table["sh_offset"] + table["sh_size"])
        size = self._stream.seek(0, 2)
        if max(ends) < size:
            name = self._names.free("what is behind it")
            self._parts[name] = Part(name, max(ends), size - max(ends), kinds=kinds(apart=True))

    def _mark(self, label: str, cause: str, start: int, size: int, value: str) -> None:
        self._marks.append(Mark(label, cause, start, size, value))

    def _read(self, start: int, size: int) -> bytes:
        self._stream.seek(start)
        return self._stream.read(size)


def _traits(section: Any) -> tuple[Any, ...]:
    """What the header of a section says beside places and sizes."""
    return (str(section["sh_type"]), section["sh_flags"] & ~_PACKED, section["sh_entsize"])


def _is_debug(name: str) -> bool:
    return name.removeprefix(".rela").removeprefix(".rel").startswith((".debug", ".zdebug"))


def _text(data: bytes) -> str:
    return data.replace(b"\0", b" ").decode("latin-1").strip()
