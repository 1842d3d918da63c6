"""The tar dialect of pixi-pack: that of the tar crate, with deterministic headers.

Byte for byte as tar-rs 0.4 writes them (src/builder.rs, src/header.rs). Python's tarfile differs in
the names of directories, the form of the checksum and the padding at the end.
"""

from __future__ import annotations

from typing import BinaryIO

BLOCK = 512
# Seconds since the epoch: DETERMINISTIC_TIMESTAMP in tar-rs.
MTIME = 1153704088
END = bytes(2 * BLOCK)
_NAME = 100
_OCTAL_LIMIT = 8**11
_CHUNK = 1 << 20


class ShortFile(Exception):
    """A file that ended before the size that was announced for it."""


def write_directory(stream: BinaryIO, name: str) -> None:
    """Appends a directory; `name` has no trailing slash."""
    _write_header(stream, name, b"5", 0, 0o755)


def write_file(stream: BinaryIO, name: str, source: BinaryIO, size: int) -> None:
    """Appends a file of `size` bytes, read from `source` in pieces.

    Raises `ShortFile` where `source` ends early; more than `size` bytes are not read.
    """
    _write_header(stream, name, b"0", size, 0o644)
    left = size
    while left:
        piece = source.read(min(left, _CHUNK))
        if not piece:
            raise ShortFile(name)
        stream.write(piece)
        left -= len(piece)
    stream.write(_padding(size))


def _write_header(stream: BinaryIO, name: str, kind: bytes, size: int, mode: int) -> None:
    encoded = name.encode()
    if len(encoded) > _NAME:
        link = encoded + b"\0"
        # The header of a long name leaves the device numbers empty, unlike that of a file.
        stream.write(_header(b"././@LongLink", b"L", len(link), 0o644, mtime=0, device=bytes(16)))
        stream.write(link + _padding(len(link)))
        encoded = encoded[:_NAME].decode(errors="ignore").encode()
    stream.write(_header(encoded, kind, size, mode, mtime=MTIME, device=b"0000000\0" * 2))


def _header(name: bytes, kind: bytes, size: int, mode: int, *, mtime: int, device: bytes) -> bytes:
    before = b"".join(
        (name.ljust(_NAME, b"\0"), _octal(mode, 8), _octal(0, 8), _octal(0, 8), _size(size),
         _octal(mtime, 12))
    )  # fmt: skip
    after = b"".join((kind, bytes(_NAME), b"ustar  \0", bytes(64), device)).ljust(356, b"\0")
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + _octal(checksum, 8) + after


def _octal(value: int, width: int) -> bytes:
    return f"{value:0{width - 1}o}\0".encode()


def _size(size: int) -> bytes:
    if size < _OCTAL_LIMIT:
        return _octal(size, 12)
    return b"\x80" + size.to_bytes(11, "big")


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
