"""Mach-O files of one or several architectures, read with macholib."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.programs import Mark, Program

_LC_UUID = 0x1B
_LC_CODE_SIGNATURE = 0x1D
_LC_SOURCE_VERSION = 0x2A
_LC_BUILD_VERSION = 0x32
_LC_ID_DYLIB = 0x0D
_COMMAND = 8  # number and size of a load command
_TIME_OF_DYLIB = 12  # after the number, the size and the place of the name


def read_macho(path: Path) -> Program:
    """UUID, signature, versions of tools and time of a library. Raises `Unreadable`."""
    from macholib.MachO import MachO  # type: ignore[import-untyped]

    try:
        found = MachO(str(path))
        marks = [
            mark
            for number, header in enumerate(found.headers)
            for mark in _header(header, path, number, several=len(found.headers) > 1)
        ]
    except (
        ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError, struct.error,
        OSError, AssertionError, RecursionError, NotImplementedError, MemoryError,
    ) as error:  # fmt: skip
        raise Unreadable(f"it is no valid Mach-O file ({error})") from None
    return Program(tuple(marks))


def _header(header: Any, path: Path, number: int, *, several: bool) -> list[Mark]:
    marks: list[Mark] = []
    behind = f" ({number + 1})" if several else ""
    # Where the load commands begin: behind the header, whose size depends on the architecture.
    at = header.offset + len(header.header.to_str())
    if header.header.__class__.__name__ == "mach_header_64" and len(header.header.to_str()) < 32:
        at = header.offset + 32
    with path.open("rb") as stream:

        def said(label: str, cause: str, start: int, size: int, *, follows: bool = False) -> None:
            stream.seek(start)
            value = stream.read(min(size, 64)).hex()
            marks.append(Mark(f"{label}{behind}", cause, start, size, value, follows))

        for command, content, _ in header.commands:
            size = command.cmdsize
            kind = command.cmd & 0x7FFFFFFF
            if kind == _LC_UUID:
                said("UUID", "build-id", at + _COMMAND, size - _COMMAND)
            elif kind == _LC_CODE_SIGNATURE:
                start = header.offset + content.dataoff
                said("code signature", "unknown", start, content.datasize, follows=True)
            elif kind in (_LC_SOURCE_VERSION, _LC_BUILD_VERSION):
                said("versions of tools", "tool-version", at + _COMMAND, size - _COMMAND)
            elif kind == _LC_ID_DYLIB:
                said("time of the library", "timestamp", at + _TIME_OF_DYLIB, 4)
            at += size
    return marks
