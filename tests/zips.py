"""Zip archives made field by field, so that each can say one thing here and another there."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

LOCAL, LISTED, END, DESCRIPTOR = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\7\x08"


@dataclass(frozen=True)
class Part:
    """A member. `local` and `listed` replace fields of its header and of its entry.

    They are called name, flags, method, crc, stored, size, extra, and in the entry also offset,
    mode and disk. `behind` is what stands behind the content, `before` what stands before the
    header.
    """

    name: bytes
    content: bytes = b"x"
    deflated: bool = False
    local: Mapping[str, Any] = field(default_factory=dict)
    listed: Mapping[str, Any] = field(default_factory=dict)
    before: bytes = b""
    behind: bytes = b""
    is_listed: bool = True

    @property
    def stored(self) -> bytes:
        if not self.deflated:
            return self.content
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return deflate.compress(self.content) + deflate.flush()

    def fields(self, more: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": self.name, "flags": 0, "method": 8 if self.deflated else 0,
            "crc": zlib.crc32(self.content), "stored": len(self.stored), "size": len(self.content),
            "extra": b"", "offset": 0, "mode": 0, "disk": 0, **more,
        }  # fmt: skip


def descriptor(part: Part) -> bytes:
    """Checksum and sizes as they stand behind a content."""
    sizes = (zlib.crc32(part.content), len(part.stored), len(part.content))
    return DESCRIPTOR + struct.pack("<3I", *sizes)


def header(part: Part) -> bytes:
    f = part.fields(part.local)
    numbers = (20, f["flags"], f["method"], 0, 0x21, f["crc"], f["stored"], f["size"])
    lengths = (len(f["name"]), len(f["extra"]))
    return LOCAL + struct.pack("<5H3I2H", *numbers, *lengths) + f["name"] + f["extra"]


def entry(part: Part, offset: int) -> bytes:
    f = part.fields({"offset": offset, **part.listed})
    numbers = (0x314, 20, f["flags"], f["method"], 0, 0x21, f["crc"], f["stored"], f["size"])
    lengths = (len(f["name"]), len(f["extra"]), 0, f["disk"], 0)
    rest = struct.pack("<5H2I", *lengths, f["mode"] << 16, f["offset"])
    return LISTED + struct.pack("<6H3I", *numbers) + rest + f["name"] + f["extra"]


def archive(
    parts: Iterable[Part],
    *,
    first: bytes = b"",
    last: bytes = b"",
    comment: bytes = b"",
    **end: int,
) -> bytes:
    """The archive; `first` and `last` are put around it, `end` replaces numbers of its end.

    They are called disk, count, size and offset.
    """
    content, entries, count = first, b"", 0
    for part in parts:
        content += part.before
        if part.is_listed:
            entries += entry(part, len(content))
            count += 1
        content += header(part) + part.stored + part.behind
    numbers = {"disk": 0, "count": count, "size": len(entries), "offset": len(content), **end}
    record = struct.pack(
        "<4H2IH", numbers["disk"], 0, numbers["count"], numbers["count"], numbers["size"],
        numbers["offset"], len(comment),
    )  # fmt: skip
    return content + entries + END + record + comment + last


class Unseekable(io.RawIOBase):
    """A pipe: what is written to it cannot be changed any more."""

    def __init__(self, buffer: IO[bytes]) -> None:
        self._buffer = buffer

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        return self._buffer.write(data)


def zip64(*numbers: int) -> bytes:
    """The extra field with long numbers."""
    return struct.pack("<2H", 1, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def unicode_path(name: bytes) -> bytes:
    """The extra field with another name."""
    return struct.pack("<2HBI", 0x7075, 5 + len(name), 1, 0) + name
