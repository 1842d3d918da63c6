"""The content of one member inside a larger file, read as a file of its own."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from typing import BinaryIO


def stored_content(
    file: BinaryIO, start: int, size: int, blocks: Sequence[tuple[int, int]] | None = None
) -> BinaryIO:
    """The `size` bytes that begin at `start` of a seekable file, which stays the caller's.

    With `blocks`, only these pieces are stored, (place, length) each and one after the other; the
    rest is zeros.
    """
    stored = _Stored(file, start, size, [(0, size)] if blocks is None else blocks)
    return io.BufferedReader(stored, io.DEFAULT_BUFFER_SIZE)


class _Stored(io.RawIOBase):
    def __init__(
        self, file: BinaryIO, start: int, size: int, blocks: Sequence[tuple[int, int]]
    ) -> None:
        self._file = file
        self._size = size
        self._at = 0
        # Where each piece is in the content, how long it is, and where it is stored.
        self._pieces: list[tuple[int, int, int]] = []
        for place, length in blocks:
            self._pieces.append((place, length, start))
            start += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as other files do
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._next(min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _next(self, most: int) -> bytes:
        """At most so many bytes from one piece, or from the hole before it."""
        if most <= 0:
            return b""
        for place, length, start in self._pieces:
            if self._at < place:
                return bytes(min(most, place - self._at))
            if self._at < place + length:
                inside = self._at - place
                self._file.seek(start + inside)
                return self._file.read(min(most, length - inside))
        return bytes(most)
