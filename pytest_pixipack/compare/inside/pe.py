"""PE files (programs and libraries of Windows), read with pefile."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.programs import Mark, Program

_CODEVIEW, _REPRO = 2, 16
_SIGNATURE = b"RSDS"
_GUID = 20  # GUID and age
_LARGEST = 1 << 16
_TABLES = ("IMAGE_DIRECTORY_ENTRY_EXPORT", "IMAGE_DIRECTORY_ENTRY_RESOURCE")


def read_pe(path: Path) -> Program:
    """Times, checksum, and the id of the debug data. Raises `Unreadable`."""
    import pefile  # type: ignore[import-untyped]

    try:
        with pefile.PE(name=str(path), fast_load=True) as pe:
            wanted = [pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_DEBUG"]]
            pe.parse_data_directories(directories=wanted)
            return Program(tuple(_marks(pe, path)), _sections(pe))
    except (
        pefile.PEFormatError, ValueError, KeyError, IndexError, AttributeError, TypeError,
        OverflowError, AssertionError, RecursionError, OSError, struct.error, MemoryError,
    ) as error:  # fmt: skip
        raise Unreadable(f"it is no valid PE file ({error})") from None


def _marks(pe: Any, path: Path) -> list[Mark]:
    marks = [
        _number(pe.FILE_HEADER, "TimeDateStamp", "time in header", "timestamp"),
        _number(pe.OPTIONAL_HEADER, "CheckSum", "checksum", "timestamp", follows=True),
    ]
    with path.open("rb") as stream:
        for name in _TABLES:
            marks += _directory_time(pe, name, stream)
        for number, entry in enumerate(getattr(pe, "DIRECTORY_ENTRY_DEBUG", ()), 1):
            found = entry.struct
            marks.append(
                _number(found, "TimeDateStamp", f"time of debug data {number}", "timestamp",
                        follows=True)
            )  # fmt: skip
            start, size = found.PointerToRawData, found.SizeOfData
            if not 0 < size <= _LARGEST:
                continue
            stream.seek(start)
            data = stream.read(size)
            if found.Type == _CODEVIEW and data.startswith(_SIGNATURE):
                value = data[4 : 4 + _GUID].hex()
                marks.append(Mark("id of debug data", "build-id", start + 4, _GUID, value))
            elif found.Type == _REPRO:
                marks.append(Mark("hash of the build", "build-id", start, size, data.hex()))
    return marks


def _number(structure: Any, field: str, label: str, cause: str, *, follows: bool = False) -> Mark:
    start = structure.get_field_absolute_offset(field)
    return Mark(label, cause, start, 4, getattr(structure, field), follows)


def _directory_time(pe: Any, name: str, stream: Any) -> list[Mark]:
    """The second field of the tables of exports and resources is a time."""
    import pefile

    number = pefile.DIRECTORY_ENTRY[name]
    if number >= len(pe.OPTIONAL_HEADER.DATA_DIRECTORY):
        return []
    directory = pe.OPTIONAL_HEADER.DATA_DIRECTORY[number]
    if not directory.VirtualAddress or directory.Size < 8:
        return []
    start = pe.get_offset_from_rva(directory.VirtualAddress) + 4
    stream.seek(start)
    value = int.from_bytes(stream.read(4), "little")
    which = name.rpartition("_")[2].lower()
    return [Mark(f"time of {which}s", "timestamp", start, 4, value, True)]


def _sections(pe: Any) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for number, section in enumerate(pe.sections, 1):
        name = section.Name.rstrip(b"\0").decode("latin-1") or str(number)
        name = name if name not in found else f"{name} ({number})"
        found[name] = (section.PointerToRawData, section.SizeOfRawData)
    return found
