"""The bytes of one file while it is looked into: in memory where they are few, else on disk."""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

# Files up to this size are kept in memory, and all of them together up to the second.
_SMALL = 1 << 20
_MOST_IN_MEMORY = 32 << 20


class Unreadable(Exception):
    """A file that is not what it looks like, or too large: it is compared byte by byte."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes: `data`, or the whole of the file at `path`. `size` is in bytes."""

    size: int
    data: bytes | None = None
    path: Path | None = None

    @classmethod
    def of(cls, data: bytes) -> Content:
        """A content in memory."""
        return cls(len(data), data)

    @classmethod
    def file(cls, path: Path) -> Content:
        """A file that is there."""
        return cls(path.stat().st_size, path=path)

    def open(self) -> BinaryIO:
        """The bytes as a stream that can be read from any place."""
        if self.data is not None:
            return io.BytesIO(self.data)
        assert self.path is not None
        return self.path.open("rb")

    def head(self, size: int) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def whole(self, most: int) -> bytes | None:
        """All bytes, or None where there are more than `most`."""
        if self.size > most:
            return None
        if self.data is not None:
            return self.data
        with self.open() as stream:
            return stream.read()

    def digest(self) -> str:
        """The sha256."""
        hasher = hashlib.sha256()
        with self.open() as stream:
            while piece := stream.read(_SMALL):
                hasher.update(piece)
        return hasher.hexdigest()


class Scratch:
    """A place for contents while they are looked at; what is in files goes with it."""

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._held = 0
        self._made = 0

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def keep(self, pieces: Iterable[bytes]) -> Content:
        """Takes a stream in; large ones go to a file."""
        held: list[bytes] = []
        size = 0
        iterator = iter(pieces)
        for piece in iterator:
            held.append(piece)
            size += len(piece)
            if size > _SMALL or self._held + size > _MOST_IN_MEMORY:
                return self._file(held, iterator)
        self._held += size
        return Content(size, b"".join(held))

    def on_disk(self, content: Content) -> Path:
        """A file with the content, for libraries that want one."""
        if content.path is not None:
            return content.path
        assert content.data is not None
        kept = self._file([content.data], ())
        assert kept.path is not None
        return kept.path

    def drop(self, content: Content) -> None:
        """Gives back what a content takes."""
        if content.data is not None:
            self._held -= content.size
        elif content.path is not None and content.path.parent == self._directory:
            content.path.unlink(missing_ok=True)

    def _file(self, held: list[bytes], rest: Iterable[bytes]) -> Content:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="pixipack-"))
        self._made += 1
        path = self._directory / str(self._made)
        with path.open("wb") as stream:
            for piece in held:
                stream.write(piece)
            for piece in rest:
                stream.write(piece)
            size = stream.tell()
        return Content(size, path=path)
