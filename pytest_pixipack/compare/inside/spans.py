"""Ranges of bytes of a file that is mapped into memory, or of something unpacked from it."""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.divided import Packed

_CHUNK = 1 << 20
# So much of a mapped file is in memory when it is gone through from one end to the other.
_MOST_HELD = 8 << 20
_LONGEST = 4096
_NOT_NEEDED: int = getattr(mmap, "MADV_DONTNEED", 0)
_MOST_UNPACKED = 64 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """`size` bytes of `data` from `start` on.

    `ignored` are not compared: places where such begin and end, counted from the start.
    """

    data: bytes | mmap.mmap
    start: int
    size: int
    ignored: tuple[tuple[int, int], ...] = ()

    def read(self, start: int, size: int) -> bytes:
        """Bytes from a place on, as many as there are."""
        start = max(start, 0)
        end = min(start + max(size, 0), self.size)
        return self.data[self.start + start : self.start + end]

    def string(self, start: int) -> bytes:
        """What is there up to the next zero byte."""
        return self.read(start, _LONGEST).partition(b"\0")[0]

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece."""
        for start in range(0, self.size, _CHUNK):
            yield self.read(start, _CHUNK)
            if start % _MOST_HELD == 0:
                self.release()

    def release(self) -> None:
        """Gives back the memory that a mapped file has taken; it is read again when needed."""
        advise = getattr(self.data, "madvise", None)  # Windows has no such advice
        if advise is not None:
            advise(_NOT_NEEDED)

    def digest(self) -> str:
        """The sha256."""
        hasher = hashlib.sha256()
        for piece in self.pieces():
            hasher.update(piece)
        return hasher.hexdigest()

    def equals(self, other: Span) -> bool:
        """Whether two have the same bytes, also those that are ignored."""
        if self.size != other.size:
            return False
        pairs = zip(self.pieces(), other.pieces(), strict=True)
        return all(piece == another for piece, another in pairs)

    def without(self, ranges: Sequence[tuple[int, int]]) -> str:
        """The sha256 of what is outside of some ranges: starts and sizes."""
        hasher = hashlib.sha256()
        done = 0
        for start, size in [*sorted(ranges), (self.size, 0)]:
            for at in range(done, start, _CHUNK):
                hasher.update(self.read(at, min(_CHUNK, start - at)))
                if at % _MOST_HELD == 0:
                    self.release()
            done = max(done, start + size)
        return hasher.hexdigest()


def unpacked(span: Span, packed: Packed) -> Span:
    """What a section of debug data holds that is compressed behind a header.

    Raises `Unreadable` where it is damaged, or is more than it says.
    """
    size = packed.size
    if size > _MOST_UNPACKED:
        raise Unreadable("a section unpacks to too much")
    data = span.read(packed.header, span.size)
    try:
        found = _inflated(data, size) if packed.compression == "zlib" else _zstandard(data, size)
    except zlib.error as error:
        raise Unreadable(f"a section is damaged ({error})") from None
    if len(found) != size:
        raise Unreadable("a section is not as large as it says")
    return Span(found, 0, size)


def _inflated(data: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(data, size + 1)


def _zstandard(data: bytes, size: int) -> bytes:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data)
        return reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise Unreadable(f"a section is damaged ({error})") from None
