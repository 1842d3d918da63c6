"""Tar archives with all that their headers say (POSIX.1-2001 pax, ustar, GNU, and the oldest form).

The headers are parsed by Python's `tarfile`; its archives are not used, for they end silently at a
damaged header and do not tell the dialect.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Entry, Said

_BLOCK = 512
_RECORD = 20 * _BLOCK
_CHUNK = 1 << 18
_LARGEST_HEADER = 1 << 20
_DIALECTS = {b"ustar\x0000": "ustar", b"ustar  \x00": "GNU"}
_KINDS = {
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "link",
    tarfile.DIRTYPE: "directory",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "named pipe",
}
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
# Where the header has uid, gid, mtime and checksum, and of which sizes.
_NUMBERS = ((108, 8), (116, 8), (136, 12), (148, 8))
# Of pax records, those that are told by fields of their own.
_TOLD = ("path", "linkpath", "size", "mtime", "uid", "gid", "uname", "gname")


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def looks_like_tar(head: bytes) -> bool:
    """Whether these first 512 bytes are the header of a tar archive."""
    if len(head) < _BLOCK:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


class Tar:
    """A tar archive; `opening` gives its bytes from the start each time."""

    def __init__(self, opening: Callable[[], AbstractContextManager[Readable]]) -> None:
        self.opening = opening
        self._properties: dict[str, Said] = {}

    def members(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        """As `Archive.members`."""
        with self.opening() as stream:
            reader = TarReader(stream)
            yield from reader
            self._properties = reader.properties()

    def properties(self) -> Mapping[str, Said]:
        """Dialect and padding."""
        return self._properties


class TarReader:
    """Iterates over the members of a tar stream. Raises `Unreadable` for what is none.

    Contents that are not read are passed over by seeking where the stream is `seekable`.
    """

    def __init__(self, stream: Readable, *, seekable: bool = False) -> None:
        self._stream = stream
        self._seekable = seekable
        self._left = self._padding = 0
        self._global: dict[str, str] = {}
        self._ending = ""
        self._read = 0
        self._rests = False

    def __iter__(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        while (entry := self.next_entry(self.block())) is not None:
            yield entry, self.rest()

    def block(self) -> bytes:
        """The next header as it is; what was left of the member in front of it is passed over."""
        self._skip()
        if self._padding:
            self._check_padding(self._exactly(self._padding))
            self._padding = 0
        return self._exactly(_BLOCK, end=True)

    def plain(self, block: bytes) -> Entry | None:
        """The member of a header that is like the one of another archive, byte for byte.

        None for all but usual files. What the header says beside its name and size is left out.
        """
        if block[156:157] not in (b"0", b"\0") or block[124] & 0x80 or block[345] or not block[0]:
            return None
        dialect = _DIALECTS.get(block[257:265])
        digits = block[124:136].strip(b" \0")
        if dialect is None or self._global or not _is_octal(digits):
            return None
        name = posixpath.normpath(_text(block[:100].partition(b"\0")[0]))
        mode = block[100:108].strip(b" \0")
        if not _is_octal(mode):
            return None
        return Entry(name, "file", int(digits, 8), {}, int(mode, 8) & 0o7777, None, dialect)

    def simple(self, block: bytes) -> Entry | None:
        """As `plain`, with all that the header says: for one that is unlike the other's."""
        entry = self.plain(block)
        if entry is None or (entry.dialect == "GNU" and block[345:].strip(b"\0")):
            return None
        numbers = [block[start : start + size].strip(b" \0") for start, size in _NUMBERS]
        if not all(map(_is_octal, numbers)):
            return None
        uid, gid, mtime, checksum = (int(each, 8) for each in numbers)
        if checksum != sum(block) - sum(block[148:156]) + 8 * ord(" "):
            return None
        user, group = (_text(block[at : at + 32].partition(b"\0")[0]) for at in (265, 297))
        said = {
            "mtime": Said(mtime, "timestamp"),
            "owner": Said(f"{uid}:{gid} {user}:{group}", "owner"),
        }
        return Entry(entry.name, "file", entry.size, said, entry.mode, None, entry.dialect)

    def begin(self, entry: Entry) -> None:
        """Goes on with the content of a `plain` member."""
        self._left, self._padding = entry.size, -entry.size % _BLOCK

    def take(self, size: int) -> bytes:
        """Exactly so many bytes of the current member. Raises `Unreadable` where it is cut off."""
        piece = self._stream.read(size)
        if len(piece) < size:
            parts = [piece]
            while piece and size > sum(map(len, parts)):
                piece = self._stream.read(size - sum(map(len, parts)))
                parts.append(piece)
            piece = b"".join(parts)
            if len(piece) < size:
                raise Unreadable("a member is cut off")
        self._left -= size
        self._read += size
        return piece

    def properties(self) -> dict[str, Said]:
        """What is said of the archive as a whole, once all members have been read."""
        return {
            "padding": Said(self._ending, "archive-format"),
            "padding of members": Said("other than zeros" if self._rests else "", "archive-format"),
            "global header": Said(self._global, "archive-format"),
        }

    def rest(self) -> Iterator[bytes]:
        """What is left of the content of the current member."""
        while self._left:
            piece = self._stream.read(min(self._left, _CHUNK))
            if not piece:
                raise Unreadable("a member is cut off")
            self._left -= len(piece)
            self._read += len(piece)
            yield piece

    def _skip(self) -> None:
        if self._seekable:
            self._stream.seek(self._left, 1)  # type: ignore[attr-defined]
            self._read += self._left
            self._left = 0
        for _ in self.rest():
            pass

    def next_entry(self, block: bytes) -> Entry | None:
        """The member that begins with this header, None at the end."""
        long: dict[bytes, str] = {}
        pax: dict[str, str] = {}
        while True:
            if not block.strip(b"\0"):
                self._end(len(block))
                return None
            info = self._header(block)
            if info.type in _LONG:
                long[info.type] = _text(self._extension(info).rstrip(b"\0"))
            elif info.type in _PAX:
                records = _records(self._extension(info))
                (self._global if info.type == tarfile.XGLTYPE else pax).update(records)
            else:
                dialect = "pax" if pax else _DIALECTS.get(block[257:265], "v7")
                return self._entry(info, long, {**self._global, **pax}, dialect)
            block = self.block()

    def _entry(
        self,
        info: tarfile.TarInfo,
        long: Mapping[bytes, str],
        pax: Mapping[str, str],
        dialect: str,
    ) -> Entry:
        if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in pax):
            raise Unreadable("it holds a sparse file")
        name = pax.get("path") or long.get(tarfile.GNUTYPE_LONGNAME) or info.name
        target = pax.get("linkpath") or long.get(tarfile.GNUTYPE_LONGLINK) or info.linkname
        kind = "file" if info.type in _FILES else _KINDS.get(info.type)
        if kind is None:
            raise Unreadable(f"it holds a member of the type {info.type!r}")
        size = 0
        if kind == "file":
            size = self._left = _number(pax.get("size"), info.size)
            self._padding = -size % _BLOCK
        owner = f"{pax.get('uid', info.uid)}:{pax.get('gid', info.gid)} "
        owner += f"{pax.get('uname', info.uname)}:{pax.get('gname', info.gname)}"
        said = {
            "mtime": Said(_time(pax.get("mtime"), info.mtime), "timestamp"),
            "owner": Said(owner, "owner"),
        }
        if kind == "device":
            said["device"] = Said(f"{info.devmajor}:{info.devminor}", "archive-format")
        for key in sorted(set(pax) - {*_TOLD}):
            time = key in ("atime", "ctime") or key.endswith("creationtime")
            said[f"pax {key}"] = Said(pax[key], "timestamp" if time else "archive-format")
        linked = target if kind in ("link", "hardlink") else None
        return Entry(
            posixpath.normpath(name), kind, size, said, info.mode & 0o7777, linked, dialect
        )

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise Unreadable(f"it has a damaged tar header ({error})") from None
        return info

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        if not 0 <= info.size <= _LARGEST_HEADER:
            raise Unreadable("it has an oversized tar header")
        data = self._exactly(info.size)
        self._padding = -info.size % _BLOCK
        return data

    def _exactly(self, size: int, *, end: bool = False) -> bytes:
        piece = self._stream.read(size)
        data = piece
        while piece and len(data) < size:
            piece = self._stream.read(size - len(data))
            data += piece
        self._read += len(data)
        if len(data) < size and not (end and not data):
            raise Unreadable("it is cut off")
        return data

    def _check_padding(self, padding: bytes) -> None:
        if padding.strip(b"\0"):
            self._rests = True

    def _end(self, found: int) -> None:
        while piece := self._stream.read(_CHUNK):
            if piece.strip(b"\0"):
                raise Unreadable("it holds data behind its end")
            found += len(piece)
            self._read += len(piece)
        # How much fills up a record depends on what is in front of it.
        filled = self._read % _RECORD == 0 and 2 * _BLOCK <= found < _RECORD + 2 * _BLOCK
        self._ending = "to a whole record" if filled else f"{found} bytes"


def _records(data: bytes) -> dict[str, str]:
    found = {}
    while data:
        length, _, rest = data.partition(b" ")
        end = int(length) - len(length) - 1 if length.isdigit() and len(length) < 9 else 0
        keyword, equals, value = rest[:end].partition(b"=")
        if end < 1 or end > len(rest) or not equals or not value.endswith(b"\n"):
            raise Unreadable("it has a damaged pax header")
        found[_text(keyword)] = _text(value[:-1])
        data = rest[end:]
    return found


def _is_octal(digits: bytes) -> bool:
    return digits != b"" and not digits.strip(b"01234567")


def _number(text: str | None, otherwise: int) -> int:
    if text is None:
        return max(otherwise, 0)
    if not text.isdigit() or len(text) > 18:
        raise Unreadable("a member has no valid size")
    return int(text)


def _time(text: str | None, otherwise: float) -> float | str:
    """Seconds since the epoch."""
    try:
        found = float(otherwise if text is None else text)
    except ValueError:
        return text or ""
    return int(found) if found.is_integer() else found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
