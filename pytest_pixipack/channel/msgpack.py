"""MessagePack, the part of it that sharded repodata need (msgpack/msgpack, `spec.md`)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any


def packb(value: Any) -> bytes:
    """The bytes of a value made of None, bool, int, float, str, bytes, lists and dictionaries.

    Keys keep their order. Raises `TypeError` for anything else.
    """
    return b"".join(_pieces(value))


def _pieces(value: Any) -> Iterable[bytes]:
    if value is None:
        yield b"\xc0"
    elif isinstance(value, bool):
        yield b"\xc3" if value else b"\xc2"
    elif isinstance(value, int):
        yield _integer(value)
    elif isinstance(value, float):
        yield struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        data = value.encode()
        yield _head(len(data), (0xA0, 32), (0xD9, 0xDA, 0xDB)) + data
    elif isinstance(value, bytes):
        yield _head(len(value), None, (0xC4, 0xC5, 0xC6)) + value
    elif isinstance(value, (list, tuple)):
        yield _head(len(value), (0x90, 16), (None, 0xDC, 0xDD))
        for each in value:
            yield from _pieces(each)
    elif isinstance(value, dict):
        yield _head(len(value), (0x80, 16), (None, 0xDE, 0xDF))
        for key, each in value.items():
            yield from _pieces(key)
            yield from _pieces(each)
    else:
        raise TypeError(f"{type(value).__name__} cannot be packed")


def _integer(value: int) -> bytes:
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack(">b", value)
    if value > 0:
        kinds = ((0xCC, "B", 8), (0xCD, "H", 16), (0xCE, "I", 32), (0xCF, "Q", 64))
        return next(struct.pack(f">B{c}", m, value) for m, c, bits in kinds if value < 1 << bits)
    kinds = ((0xD0, "b", 7), (0xD1, "h", 15), (0xD2, "i", 31), (0xD3, "q", 63))
    return next(struct.pack(f">B{c}", m, value) for m, c, bits in kinds if value >= -1 << bits)


def _head(length: int, short: tuple[int, int] | None, marks: tuple[int | None, int, int]) -> bytes:
    if short is not None and length < short[1]:
        return bytes([short[0] | length])
    small, middle, large = marks
    if small is not None and length < 1 << 8:
        return struct.pack(">BB", small, length)
    if length < 1 << 16:
        return struct.pack(">BH", middle, length)
    return struct.pack(">BI", large, length)
