"""Files of a prefix as if it were somewhere else: its own path is replaced by a fixed text."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import Infrastructure

_HERE = "<prefix>"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix, and the spellings of its path that can occur in files, the longest first."""

    root: Path
    spellings: tuple[str, ...]

    def text(self, text: str) -> str:
        """The text without the path of the prefix, nor that of the directory it is in."""
        return re.sub(self._pattern(), _HERE, text)

    def content(self, path: str, most: int) -> bytes | None:
        """The content without the path of the prefix; None for a file larger than `most` bytes."""
        file = self.root / path
        if file.stat().st_size > most:
            return None
        return b"".join(self._replaced(file))

    def digest(self, path: str, *, binary: bool) -> str:
        """The sha256 of the content without the path of the prefix.

        With `binary`, the zero bytes that fill up a string with the path are taken for one, for
        their number depends on the length of the path.
        """
        pieces = self._replaced(self.root / path)
        if binary:
            whole = b"".join(pieces)
            mark = re.escape(_HERE.encode())
            pieces = iter([re.sub(mark + rb"([^\0]*)\0+", _HERE.encode() + rb"\1\0", whole)])
        hasher = hashlib.sha256()
        for piece in pieces:
            hasher.update(piece)
        return hasher.hexdigest()

    def _pattern(self) -> str:
        return "|".join(re.escape(each) for each in self.spellings)

    def _replaced(self, file: Path) -> Iterator[bytes]:
        """The content in pieces; a path that crosses the edge of a piece is found as well."""
        pattern = re.compile(self._pattern().encode("utf-8", "surrogateescape"))
        keep = max(len(os.fsencode(each)) for each in self.spellings) - 1
        rest = b""
        try:
            with file.open("rb") as stream:
                while piece := stream.read(_CHUNK):
                    rest += piece
                    edge = max(len(rest) - keep, 0)
                    done = 0
                    for match in pattern.finditer(rest):
                        if match.start() >= edge:
                            break
                        yield rest[done : match.start()] + _HERE.encode()
                        done = match.end()
                    end = max(done, edge)
                    yield rest[done:end]
                    rest = rest[end:]
        except OSError as error:
            raise Infrastructure(
                f"The file cannot be read: {error.strerror or error}.", file=file
            ) from None
        yield pattern.sub(_HERE.encode(), rest)


def place_of(prefix: Path) -> Place:
    """The place of a prefix, which need not be absolute."""
    absolute = Path(os.path.abspath(prefix))  # noqa: PTH100 - resolve() would follow links
    spellings = set()
    for path in (absolute, prefix.resolve()):
        spellings |= {str(path), path.as_posix(), str(path).replace("\\", "\\\\")}
    return Place(absolute, tuple(sorted(spellings, key=lambda each: (-len(each), each))))
