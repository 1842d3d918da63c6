"""Compressed streams: gzip (RFC 1952), bzip2, xz and zstandard frames (RFC 8878)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pytest_pixipack.compare.inside.content import Content, Unreadable
from pytest_pixipack.damages import UNREADABLE

_PIECE = 1 << 16
_MOST_OUTPUT = 1 << 18
_ZSTD_WINDOW = 1 << 27
# A stream may become this many times as large, and this large in any case; sizes in bytes.
_MOST_RATIO = 2000
_FREE = 256 << 20
_LARGEST = 32 << 30

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
}
SUFFIXES = {
    ".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar", ".gz": "",
    ".bz2": "", ".xz": "", ".zst": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GzipHeader:
    """The fields of a gzip header that carry no content; `length` is that of the header."""

    mtime: int
    flags: int
    extra_flags: int
    system: int
    name: str
    rest: bytes
    length: int

    def fields(self) -> dict[str, Any]:
        """By name, as they are reported."""
        return {
            "mtime in header": self.mtime,
            "name in header": self.name,
            "system in header": self.system,
            "flags in header": self.flags & ~0x08,
            "extra field and comment": self.rest.hex(),
        }


def compression_of(head: bytes) -> str | None:
    """The format of a compressed stream by its first bytes."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def unpacked(content: Content, compression: str) -> Iterator[bytes]:
    """What a stream unpacks to. Raises `Unreadable` where it is damaged or too large."""
    most = min(max(content.size * _MOST_RATIO, _FREE), _LARGEST)
    with content.open() as stream:
        for piece in _pieces(stream, compression):
            most -= len(piece)
            if most < 0:
                raise Unreadable("it unpacks to too much")
            yield piece


def gzip_header(content: Content) -> GzipHeader:
    """The header of the first member of a gzip stream. Raises `Unreadable`."""
    head = content.head(_PIECE)
    if len(head) < 10 or head[2] != 8:
        raise Unreadable("it is no valid gzip stream")
    flags, at, rest = head[3], 10, b""
    if flags & 0x04:
        size = 2 + int.from_bytes(head[at : at + 2], "little")
        rest, at = head[at : at + size], at + size
    name, at = _text(head, at) if flags & 0x08 else ("", at)
    comment, at = _text(head, at) if flags & 0x10 else ("", at)
    at += 2 if flags & 0x02 else 0
    mtime = int.from_bytes(head[4:8], "little")
    more = rest + comment.encode("latin-1")
    return GzipHeader(mtime, flags, head[8], head[9], name, more, at)


def _text(head: bytes, start: int) -> tuple[str, int]:
    end = head.find(b"\0", start)
    if end < 0:
        raise Unreadable("its gzip header is too long")
    return head[start:end].decode("latin-1"), end + 1


def _pieces(stream: BinaryIO, compression: str) -> Iterator[bytes]:
    try:
        if compression == "zstandard":
            yield from _zstandard(stream)
        else:
            yield from _members(stream, compression)
    except UNREADABLE as error:
        raise Unreadable(f"it is no valid {compression} stream ({error})") from None


def _members(stream: BinaryIO, compression: str) -> Iterator[bytes]:
    """One member after the other, as gzip, bzip2 and xz allow."""
    waiting = stream.read(_PIECE)
    while waiting:
        decompressor = _decompressor(compression)
        while not decompressor.eof:
            if not waiting and not (waiting := stream.read(_PIECE)):
                raise Unreadable("it is cut off")
            if compression == "gzip":
                piece = decompressor.decompress(waiting, _MOST_OUTPUT)
                waiting = decompressor.unconsumed_tail
            else:
                piece = decompressor.decompress(waiting, _MOST_OUTPUT)
                waiting = b""
                while not decompressor.eof and not decompressor.needs_input:
                    yield piece
                    piece = decompressor.decompress(b"", _MOST_OUTPUT)
            if piece:
                yield piece
        waiting = decompressor.unused_data or stream.read(_PIECE)
        if not waiting.strip(b"\0") and not stream.read(1):
            return  # padding, as tapes have it


def _decompressor(compression: str) -> Any:
    if compression == "gzip":
        return zlib.decompressobj(wbits=31)
    if compression == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    try:
        import lzma
    except ImportError:
        raise Unreadable("this Python cannot unpack xz") from None
    return lzma.LZMADecompressor(memlimit=256 << 20)


def _zstandard(stream: BinaryIO) -> Iterator[bytes]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with decompressor.stream_reader(stream, read_across_frames=True, closefd=False) as reader:
            while piece := reader.read(_MOST_OUTPUT):
                yield piece
    except zstandard.ZstdError as error:
        raise Unreadable(f"it is no valid zstandard stream ({error})") from None
