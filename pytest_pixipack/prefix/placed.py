"""Files of a prefix as if it were somewhere else: its own path is replaced by a fixed text."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.prefix.placeholders import found_in, packed_digests, without_first
from pytest_pixipack.regular_files import open_regular

_HERE = "<prefix>"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix, and the spellings of its path that can occur in files, the longest first."""

    root: Path
    spellings: tuple[str, ...]

    def text(self, text: str) -> str:
        """The text without the path of the prefix, nor that of the directory it is in."""
        return re.sub(self._words(), _HERE, text)

    def target(self, text: str) -> str:
        """The same of a link's target; no other target becomes the same text."""
        return re.sub(self._words(), "\0", text)

    def content(self, path: str, most: int) -> bytes | None:
        """The content without the path of the prefix; None for a file larger than `most` bytes."""
        file = self.root / path
        if file.stat().st_size > most:
            return None
        found = found_in(self.pieces(path), self._pattern(), self._longest)
        return b"".join(text + (_HERE.encode() if match else b"") for text, match in found)

    def digest(self, path: str, *, binary: bool, skipped: int = 0) -> str:
        """A digest of the content, the same wherever the prefix is; no other content has it.

        With `binary`, the zero bytes that fill up a string with the path are taken for one, for
        their number depends on the length of the path. `skipped` bytes at the beginning do not
        count. What does not hold the path has its sha256.
        """
        pieces = without_first(self.pieces(path), skipped)
        found = found_in(pieces, self._pattern(), self._longest)
        content, places, position = hashlib.sha256(), hashlib.sha256(), 0
        held = False
        for text in _strings(found) if binary else found:
            content.update(text[0])
            position += len(text[0])
            if text[1]:
                # Where it stands, because any text that stood for it could be there as well.
                places.update(f"{position} ".encode())
                held = True
        return f"{content.hexdigest()} {places.hexdigest()}" if held else content.hexdigest()

    def was(self, path: str, sha256: str, placeholder: str, *, binary: bool) -> bool:
        """Whether a file is what an installer makes here of one with this sha256."""
        digests = packed_digests(
            lambda: self.pieces(path), placeholder, self.spellings, binary=binary
        )
        return any(digest == sha256 for digest in digests)

    def pieces(self, path: str) -> Iterator[bytes]:
        """The content in pieces.

        Raises `InvalidInput` for a pipe or a device, `Infrastructure` where it cannot be read.
        """
        file = self.root / path
        try:
            with open_regular(file) as stream:
                while piece := stream.read(_CHUNK):
                    yield piece
        except OSError as error:
            raise Infrastructure(
                f"The file cannot be read: {error.strerror or error}.", file=file
            ) from None

    def _words(self) -> str:
        return "|".join(re.escape(each) for each in self.spellings)

    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(self._words().encode("utf-8", "surrogateescape"))

    @property
    def _longest(self) -> int:
        return max(len(os.fsencode(each)) for each in self.spellings)


def _strings(found: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The same with one zero byte at the end of each string that holds the path."""
    inside = ended = False
    for text, match in found:
        if ended:  # zero bytes may go on from the piece before
            text, ended = text.lstrip(b"\0"), not text.strip(b"\0")
        if inside and (end := text.find(b"\0")) >= 0:
            rest = text[end:].lstrip(b"\0")
            text, inside, ended = text[:end] + b"\0" + rest, False, not rest
        yield text, match
        if match:
            inside, ended = True, False


def place_of(prefix: Path) -> Place:
    """The place of a prefix, which need not be absolute."""
    absolute = Path(os.path.abspath(prefix))  # noqa: PTH100 - resolve() would follow links
    spellings = set()
    for path in (absolute, prefix.resolve()):
        spellings |= {str(path), path.as_posix(), str(path).replace("\\", "\\\\")}
    return Place(absolute, tuple(sorted(spellings, key=lambda each: (-len(each), each))))
