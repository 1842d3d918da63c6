"""Zip archives with all that their headers say (PKWARE's APPNOTE.TXT; extra fields of Info-ZIP)."""

from __future__ import annotations

import hashlib
import posixpath
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Entry, Said
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.damages import UNREADABLE

_CHUNK = 1 << 18
# NTFS times, extended timestamp, the two older forms of Unix that hold times and owner.
_TIMES = {0x000A, 0x5455, 0x5855, 0x000D}
_OWNERS = {0x7855, 0x7875}
_ZIP64 = 0x0001
_METHODS = {0: "stored", 8: "deflate", 12: "bzip2", 14: "lzma", 93: "zstandard", 95: "xz"}
# The record at the end of an archive, with the longest comment.
_END, _LONGEST_END = b"PK\5\6", 22 + 0xFFFF
_LEVEL = 0b110  # how hard deflate tried
_FOLLOW = {
    "create system": ("attributes", "file type", "versions"),
    "compression method": ("versions", "flags", "compression level"),
}


class Zip:
    """A zip archive; `opening` gives its bytes from the start each time."""

    def __init__(self, opening: Callable[[], BinaryIO]) -> None:
        self._opening = opening
        self._properties: dict[str, Said] = {}

    def members(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        """As `Archive.members`."""
        with self._opening() as stream:
            try:
                archive = zipfile.ZipFile(stream)
            except UNREADABLE as error:
                raise Unreadable(f"it is no valid zip archive ({error})") from None
            infos = archive.infolist()
            _refuse_overlaps(infos)
            for info in infos:
                yield _entry(info), _content(archive, info)
            comment = archive.comment.decode("utf-8", "backslashreplace")
            first = min((info.header_offset for info in infos), default=0)
            self._properties = {
                "comment": Said(comment, "archive-format"),
                "bytes in front": Said(first, "archive-format"),
            }

    def properties(self) -> Mapping[str, Said]:
        """The comment, and whether something stands in front."""
        return self._properties


def _entry(info: zipfile.ZipInfo) -> Entry:
    unix = info.external_attr >> 16
    directory = info.filename.endswith("/")
    linked = unix & 0o170000 == 0o120000
    kind = "directory" if directory else "file"
    said = {
        "mtime": Said(_time(info.date_time), "timestamp"),
        "create system": Said(info.create_system, "archive-format"),
        "versions": Said([info.create_version, info.extract_version], "archive-format"),
        "flags": Said(info.flag_bits & ~_LEVEL, "archive-format"),
        "compression level": Said(info.flag_bits & _LEVEL, "compression"),
        "compression method": Said(
            _METHODS.get(info.compress_type, info.compress_type), "compression"
        ),
        "attributes": Said(hex(info.external_attr & 0xFFFF), "archive-format"),
        "internal attributes": Said(info.internal_attr, "archive-format"),
        "file type": Said(oct(unix >> 12) if not linked else "link", "archive-format"),
        "comment": Said(info.comment.decode("utf-8", "backslashreplace"), "archive-format"),
    }
    for number, data in _extra(info.extra):
        if number == _ZIP64:
            continue
        cause = "timestamp" if number in _TIMES else "archive-format"
        said[f"extra field {number:#06x}"] = Said(
            data.hex(), "owner" if number in _OWNERS else cause
        )
    name = posixpath.normpath(info.filename)
    mode = unix & 0o7777 if unix else None
    return Entry(name, kind, info.file_size, said, mode)


def _time(value: tuple[int, ...]) -> str:
    year, month, day, hour, minute, second = value
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


def _extra(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        number, size = struct.unpack_from("<HH", data)
        yield number, data[4 : 4 + size]
        data = data[4 + size :]


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    left = info.file_size
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_CHUNK):
                left -= len(piece)
                if left < 0:
                    raise Unreadable("a member is larger than it says")
                yield piece
    except UNREADABLE as error:
        raise Unreadable(f"`{info.filename}` is damaged ({error or 'cut off'})") from None


def _refuse_overlaps(infos: Iterable[zipfile.ZipInfo]) -> None:
    """Members that share bytes: a way to make much out of little."""
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset < end:
            raise Unreadable("members lie over each other")
        end = info.header_offset + info.compress_size


def front(opening: Callable[[], BinaryIO]) -> int | None:
    """How many bytes stand in front of an archive that ends a file: a program, a line for a shell.

    None where a file does not end with an archive, or is nothing else.
    """
    with opening() as stream:
        end = stream.seek(0, 2)
        stream.seek(max(end - _LONGEST_END, 0))
        if _END not in stream.read(_LONGEST_END):
            return None
        try:
            archive = zipfile.ZipFile(stream)
            found = min((info.header_offset for info in archive.infolist()), default=None)
            start = archive.start_dir if found is None else found
        except UNREADABLE:
            return None
    return start or None


def places(opening: Callable[[], BinaryIO]) -> dict[str, tuple[int, int]]:
    """Where the stored bytes of each member are: start and size. Raises `Unreadable`."""
    found = {}
    with opening() as stream:
        try:
            for info in zipfile.ZipFile(stream).infolist():
                stream.seek(info.header_offset)
                local = stream.read(30)
                name, extra = struct.unpack_from("<HH", local, 26)
                start = info.header_offset + 30 + name + extra
                found[posixpath.normpath(info.filename)] = start, info.compress_size
        except UNREADABLE as error:
            raise Unreadable(f"it is no valid zip archive ({error})") from None
    return found


def packed_digests(opening: Callable[[], BinaryIO]) -> dict[str, str]:
    """The sha256 of what is stored, by name. Raises `Unreadable`."""
    found = {}
    with opening() as stream:
        for name, (start, size) in places(opening).items():
            stream.seek(start)
            found[name] = _digest(stream, size)
    return found


def _digest(stream: BinaryIO, size: int) -> str:
    hasher = hashlib.sha256()
    while size > 0 and (piece := stream.read(min(size, _CHUNK))):
        hasher.update(piece)
        size -= len(piece)
    return hasher.hexdigest()


def without_consequences(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Without the fields of a member's header that follow from another one."""
    found = list(differences)
    fields: dict[tuple[str, ...], set[str]] = {}
    for each in found:
        fields.setdefault(each.where, set()).add(each.field)
    for each in found:
        if not any(
            root in fields[each.where] and each.field in follow for root, follow in _FOLLOW.items()
        ):
            yield each
