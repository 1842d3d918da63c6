"""Compiled Python: a header of 16 bytes (PEP 552), and marshalled code that is never loaded."""

from __future__ import annotations

import struct
from typing import Any

from pytest_pixipack.compare.inside.binary import binary_differences
from pytest_pixipack.compare.inside.content import Content
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_HEADER = 16
_MOST = 64 << 20
_CHECKED = {0: "timestamp", 1: "unchecked hash", 3: "checked hash"}


def is_pyc(name: str, head: bytes) -> bool:
    """Whether a file is compiled Python, by its name."""
    return name.endswith((".pyc", ".pyo")) and len(head) >= _HEADER


def pyc_differences(where: Where, left: Content, right: Content) -> list[Difference]:
    """Fields of the header, and the code."""
    old, new = left.whole(_MOST), right.whole(_MOST)
    if old is None or new is None:
        return binary_differences(where, left, right)
    if old[:4] != new[:4]:
        magic = _magic(old), _magic(new)
        return [Difference(where, "magic number", "payload", *magic, "tool-version")]
    found = []
    if old[_HEADER:] != new[_HEADER:]:
        code = (Content.of(each[_HEADER:]) for each in (old, new))
        found = binary_differences(where, *code)
    first, second = _fields(old), _fields(new)
    for field in first if first.keys() == second.keys() else ("validation",):
        # Size and hash of the source follow from its content.
        if first[field] != second[field] and not (found and field in ("size", "hash")):
            sides: tuple[Any, Any] = (first[field], second[field])
            name = field if field == "validation" else f"{field} in header"
            found.append(Difference(where, name, "metadata", *sides, "pyc-header"))
    return found


def _magic(data: bytes) -> int:
    return int.from_bytes(data[:2], "little")


def _fields(data: bytes) -> dict[str, Any]:
    flags, mtime, size = struct.unpack_from("<III", data, 4)
    validation = _CHECKED.get(flags, hex(flags))
    if flags:
        return {"validation": validation, "hash": data[8:16].hex()}
    return {"validation": validation, "mtime": mtime, "size": size}
