"""ELF files, read with pyelftools."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.programs import Mark, Program

_BUILD_ID = ".note.gnu.build-id"
_GO_ID = ".note.go.buildid"
# Sections that carry no meaning, and the causes where they differ.
_CARRIED = {
    ".comment": "tool-version",
    ".gnu_debuglink": "build-id",
    ".gnu_debugaltlink": "build-id",
}
_NOTE_HEADER = 16  # sizes, type, and the name `GNU`
_NT_GNU_BUILD_ID = 3
_LARGEST = 1 << 20


def read_elf(path: Path) -> Program:
    """Build id, compiler and link to debug data; all sections. Raises `Unreadable`."""
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        try:
            elf = ELFFile(stream)
            return _program(elf, stream) if elf.num_sections() else _segments(elf, stream)
        except (
            ELFError, ConstructError, ValueError, KeyError, IndexError, AttributeError, TypeError,
            OverflowError, AssertionError, RecursionError, OSError, struct.error, MemoryError,
        ) as error:  # fmt: skip
            raise Unreadable(f"it is no valid ELF file ({error})") from None


def _program(elf: Any, stream: Any) -> Program:
    marks: list[Mark] = []
    sections: dict[str, tuple[int, int]] = {}
    for section in elf.iter_sections():
        kind, start, size = section["sh_type"], section["sh_offset"], section["sh_size"]
        if kind in ("SHT_NULL", "SHT_NOBITS") or not size:
            continue
        name = _free(section.name or "section", sections)
        if section.name in (_BUILD_ID, _GO_ID) and size < _LARGEST:
            skipped = _NOTE_HEADER if section.name == _BUILD_ID else 0
            marks.append(_build_id(stream, start + skipped, size - skipped))
        elif section.name in _CARRIED and size < _LARGEST:
            cause = _CARRIED[section.name]
            value = _text(_read(stream, start, size))
            marks.append(Mark(section.name, cause, start, size, value, cause == "build-id"))
        elif section.name != ".shstrtab":
            sections[name] = (start, size)
    return Program(tuple(marks), sections)


def _segments(elf: Any, stream: Any) -> Program:
    """Of a file without a table of sections, the notes that are loaded."""
    marks = []
    for segment in elf.iter_segments():
        if segment["p_type"] != "PT_NOTE":
            continue
        for note in segment.iter_notes():
            if note["n_type"] == "NT_GNU_BUILD_ID" or note["n_type"] == _NT_GNU_BUILD_ID:
                size = note["n_descsz"]
                marks.append(_build_id(stream, note["n_offset"] + _NOTE_HEADER, size))
    return Program(tuple(marks))


def _build_id(stream: Any, start: int, size: int) -> Mark:
    return Mark("build id", "build-id", start, size, _read(stream, start, size).hex())


def _read(stream: Any, start: int, size: int) -> bytes:
    stream.seek(start)
    data: bytes = stream.read(size)
    return data


def _text(data: bytes) -> str:
    return data.replace(b"\0", b" ").decode("latin-1").strip()


def _free(name: str, taken: dict[str, tuple[int, int]]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
