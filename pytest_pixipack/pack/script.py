"""The tar inside a self-extracting pack.

The frame is that of pixi-pack (`create_self_extracting_executable` in its src/pack.rs): a script,
a mark, the tar, another mark, and a pixi-unpack, both in base64. All of it is looked at: a script
that was cut, even within the program at its end, would fail on the machine that it is for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pytest_pixipack.errors import InvalidInput

# The lines around the base64 text of the archive (header.sh and header.ps1 of pixi-pack).
MARKS = ((b"@@END_HEADER@@", b"@@END_ARCHIVE@@"), (b"__END_HEADER__", b"__END_ARCHIVE__"))
# Bytes in which the script in front of the archive has to end.
LONGEST_HEADER = 1 << 20
_CHUNK = 1 << 20
_WHITE = b"\r\n"
_PADDED = re.compile(rb"[^=]*=*")


def decode_archive(path: Path, script: BinaryIO, archive: BinaryIO) -> None:
    """Copies the tar inside a self-extracting script to `archive`.

    Raises `InvalidInput` where the script is cut off, or has something else than base64 between
    and behind its marks.
    """
    end = _after_header(path, script)
    text = _Text(path, script, end)
    _decode(path, text.before_mark(), archive.write)
    if not text.found:
        raise _broken(path, f"it is cut off, for the line {end.decode()} is missing")
    if not _decode(path, text.after_mark(), len, joined=end == MARKS[0][1]):
        raise _broken(path, "it is cut off, for there is no pixi-unpack in it")
    archive.seek(0)


def read_frame(path: Path) -> tuple[bytes, str]:
    """The script in front of the archive, and the sha256 of the program behind it, as it is packed.

    Line ends aside. Raises `InvalidInput` as `decode_archive` does, and `OSError`.
    """
    with path.open("rb") as script:
        end = _after_header(path, script)
        size = script.tell()
        text = _Text(path, script, end)
        for _ in text.before_mark():
            pass
        hasher = hashlib.sha256()
        for piece in text.after_mark():
            hasher.update(piece.translate(None, _WHITE))
        script.seek(0)
        return script.read(size), hasher.hexdigest()


def _after_header(path: Path, script: BinaryIO) -> bytes:
    """Reads up to the archive, and gives the mark behind it."""
    left = LONGEST_HEADER
    # The header's own text names the marks too; only a line of its own counts.
    while left > 0 and (line := script.readline(left)):
        left -= len(line)
        for begin, end in MARKS:
            if line.rstrip(_WHITE) == begin:
                return end
            if line.startswith(begin):
                raise _broken(path, f"the line {begin.decode()} has something behind it")
    raise _broken(path, "it has no archive")


class _Text:
    """What stands behind the header, in pieces, up to a mark and behind it."""

    def __init__(self, path: Path, script: BinaryIO, mark: bytes) -> None:
        self._path = path
        self._script = script
        self._mark = mark
        self._rest = b""
        self.found = False

    def before_mark(self) -> Iterator[bytes]:
        """The pieces before the line that is the mark."""
        mark, last = self._mark, b"\n"
        while piece := self._script.read(_CHUNK):
            data = self._rest + piece
            at = data.find(mark)
            if at >= 0:
                yield data[:at]
                before = data[at - 1 : at] or last
                line = data[at:] + self._script.readline(_CHUNK)
                behind = line[len(mark) :].lstrip(b"\r")[:1]
                if before != b"\n" or behind not in (b"\n", b""):
                    raise _broken(self._path, f"{mark.decode()} is not a line of its own")
                self.found, self._rest = True, line[len(mark) :]
                return
            edge = max(len(data) - len(mark), 0)
            if edge:
                yield data[:edge]
                last = data[edge - 1 : edge]
            self._rest = data[edge:]
        yield self._rest

    def after_mark(self) -> Iterator[bytes]:
        """The pieces behind the mark."""
        yield self._rest
        while piece := self._script.read(_CHUNK):
            yield piece


def _decode(
    path: Path, pieces: Iterator[bytes], write: Callable[[bytes], object], *, joined: bool = False
) -> int:
    """Decodes base64 text with line ends in it; how many bytes it were.

    Several texts behind each other are taken where they may be `joined`, as `base64 -d` does.
    """
    pending, size, ended = b"", 0, False
    for piece in pieces:
        pending += piece.translate(None, _WHITE)
        whole = len(pending) - len(pending) % 4
        if ended and pending and not joined:
            raise _broken(path, "its base64 text has something behind its end")
        texts = _PADDED.findall(pending, 0, whole) if joined else [pending[:whole]]
        try:
            data = b"".join(base64.b64decode(text, validate=True) for text in texts)
        except binascii.Error:
            reason = "it has something else than base64 text behind its header"
            raise _broken(path, reason) from None
        ended = pending[:whole].endswith(b"=")
        pending = pending[whole:]
        size += len(data)
        write(data)
    if pending:
        raise _broken(path, "its base64 text is cut off")
    return size


def _broken(path: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The self-extracting pack is broken: {reason}.",
        file=path,
        remedy="Get or make the pack again.",
    )
