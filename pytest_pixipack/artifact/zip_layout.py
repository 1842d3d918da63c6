"""The members of a zip archive that every reader sees alike.

A zip names its members twice: each has a header before its content, and a directory at the end
lists them. Readers of files, such as Python's `zipfile`, follow the directory; readers of streams,
such as rattler, the headers. What only one of them names would be checked and not installed, or
installed and not checked, so the two have to agree: the headers are exactly those of the directory,
one after the other from the first byte, and nothing is before, between or behind them. (PyPI and uv
refuse such archives for the same reason.)

The format is PKWARE's APPNOTE.TXT; methods are those of wheels and packages, stored and deflated.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, NoReturn

from pytest_pixipack.artifact.safety import refuse
from pytest_pixipack.safe_names import LONGEST_NAME, shown

STORED, DEFLATED = 0, 8
_END, _END_64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_LISTED, _HEADER, _DESCRIPTOR = b"PK\1\2", b"PK\3\4", b"PK\7\x08"
_END_SIZE, _END_64_SIZE, _LOCATOR_SIZE, _LISTED_SIZE, _HEADER_SIZE = 22, 56, 20, 46, 30
_MOST_COMMENT = 65535
_SATURATED_16, _SATURATED_32 = 0xFFFF, 0xFFFFFFFF
_MOST_OFFSET = 1 << 62
# Bits of the flags: compression options, sizes behind the content, names in UTF-8.
_OPTIONS, _SIZES_BEHIND, _UTF8 = 0x0006, 0x0008, 0x0800
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_MOST_MEMBERS = 100_000
_MOST_NAMES = 16 << 20
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One member: its name, its sizes in bytes as stored and unpacked, where its content starts.

    `mode` is that of Unix with the bits of the kind, 0 where the archive says none. With
    `sizes_behind`, its header leaves them to what stands behind the content.
    """

    name: str
    method: int
    crc: int
    stored: int
    size: int
    mode: int
    start: int
    sizes_behind: bool = False

    @property
    def is_directory(self) -> bool:
        """Whether it stands for a directory."""
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry of the directory. `name` are its bytes, `offset` that of its header."""

    entry: ZipEntry
    name: bytes
    flags: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Directory:
    offset: int
    end: int
    count: int


def read_entries(
    file: IO[bytes],
    archive: object,
    *,
    what: str = "package",
    most_members: int = _MOST_MEMBERS,
) -> tuple[ZipEntry, ...]:
    """The members of the zip in a seekable file, in the order of its directory.

    `archive` is what messages call it. Raises `InvalidInput` where the archive is damaged, holds
    what is not listed, is encrypted, or can be read in two ways.
    """
    return _Reader(file, archive, what, most_members).entries()


def content(file: IO[bytes], entry: ZipEntry, archive: object) -> Iterator[bytes]:
    """The content of a member in pieces, its size and checksum compared.

    Raises `InvalidInput` where they are others.
    """
    pieces = _stored(file, entry, archive)
    if entry.method == DEFLATED:
        pieces = _inflated(pieces, entry, archive)
    size = crc = 0
    for piece in pieces:
        size += len(piece)
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != entry.size or crc != entry.crc:
        refuse(archive, entry.name, "is damaged (its size or its checksum is another)")


def _stored(file: IO[bytes], entry: ZipEntry, archive: object) -> Iterator[bytes]:
    at, left = entry.start, entry.stored
    while left:
        file.seek(at)  # others may read the file between two pieces
        piece = file.read(min(left, _PIECE))
        if not piece:
            refuse(archive, entry.name, "is damaged (it is cut off)")
        at += len(piece)
        left -= len(piece)
        yield piece


def _inflated(packed: Iterator[bytes], entry: ZipEntry, archive: object) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    left = entry.size
    try:
        for piece in packed:
            rest = piece
            while rest and not inflate.eof:
                made = inflate.decompress(rest, _PIECE)
                rest = inflate.unconsumed_tail
                left -= len(made)
                if left < 0:
                    refuse(archive, entry.name, "is larger than it says")
                if made:
                    yield made
            if inflate.eof and (rest or inflate.unused_data):
                refuse(archive, entry.name, "is damaged (data follows its content)")
        while not inflate.eof and (made := inflate.decompress(inflate.unconsumed_tail, _PIECE)):
            left -= len(made)
            if left < 0:
                refuse(archive, entry.name, "is larger than it says")
            yield made
    except zlib.error as error:
        refuse(archive, entry.name, f"is damaged ({error})")
    if not inflate.eof:
        refuse(archive, entry.name, "is damaged (it is cut off)")


class _Reader:
    def __init__(self, file: IO[bytes], archive: object, what: str, most_members: int) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._archive = archive
        self._what = what
        self._most_members = most_members

    def entries(self) -> tuple[ZipEntry, ...]:
        directory = self._directory()
        listed = list(self._listed(directory))
        stored = sorted(listed, key=lambda one: one.offset)
        if (stored[0].offset if stored else directory.offset) != 0:
            self._hidden(stored[0].entry.name if stored else None)
        ends = [each.offset for each in stored[1:]] + [directory.offset]
        starts = {
            each.offset: self._start(each, end) for each, end in zip(stored, ends, strict=False)
        }
        return tuple(replace(each.entry, start=starts[each.offset]) for each in listed)

    def _directory(self) -> _Directory:
        """Where the directory is, by the record at the very end of the file."""
        at = self._size - _END_SIZE
        end = self._bytes(at, _END_SIZE) if at >= 0 else b""
        if end[:4] != _END or end[20:] != b"\0\0":
            self._no_end()
        numbers: tuple[int, ...] = struct.unpack("<4H2I", end[4:20])
        if at >= _LOCATOR_SIZE + _END_64_SIZE:
            locator = self._bytes(at - _LOCATOR_SIZE, _LOCATOR_SIZE)
            if locator[:4] == _LOCATOR:
                at -= _LOCATOR_SIZE + _END_64_SIZE
                numbers = self._zip64(numbers, locator, at)
        disk, first_disk, count_here, count, size, offset = numbers
        if disk or first_disk or count_here != count:
            self._damaged("it is one of several parts")
        if offset > _MOST_OFFSET or offset + size != at:
            self._damaged("its directory is not where it says")
        if count > self._most_members:
            problem = f"has more than {self._most_members} members"
            refuse(self._archive, None, problem, what=self._what)
        return _Directory(offset, at, count)

    def _zip64(self, short: tuple[int, ...], locator: bytes, at: int) -> tuple[int, ...]:
        """The numbers of the end record in their long form."""
        end = self._bytes(at, _END_64_SIZE)
        disk, place, disks = struct.unpack("<IQI", locator[4:])
        if end[:4] != _END_64 or disk or disks > 1 or place != at:
            self._damaged("its end is not where it says")
        length, _, _, *numbers = struct.unpack("<Q2H2I4Q", end[4:])
        if length != _END_64_SIZE - 12:
            self._damaged("its end has an unknown form")
        for number, known in zip(numbers, short, strict=True):
            if known not in (number, _SATURATED_16, _SATURATED_32):
                self._damaged("its end says two different things")
        return tuple(numbers)

    def _listed(self, directory: _Directory) -> Iterator[_Listed]:
        at, names = directory.offset, 0
        seen: set[bytes] = set()
        for _ in range(directory.count):
            head = self._bytes(at, _LISTED_SIZE)
            if head[:4] != _LISTED or at + _LISTED_SIZE > directory.end:
                self._damaged("its directory is damaged")
            lengths = struct.unpack("<3H", head[28:34])
            rest = self._bytes(at + _LISTED_SIZE, sum(lengths[:2]))
            at += _LISTED_SIZE + sum(lengths)
            if at > directory.end or len(rest) != sum(lengths[:2]):
                self._damaged("its directory is damaged")
            name = rest[: lengths[0]]
            names += len(name)
            if len(name) > LONGEST_NAME or names > _MOST_NAMES:
                refuse(self._archive, None, "has names that are too long", what=self._what)
            if name in seen:
                refuse(self._archive, name.decode("utf-8", "replace"), "occurs twice")
            seen.add(name)
            yield self._entry(head, name, rest[lengths[0] :])
        if at != directory.end:
            self._damaged("its directory has data that is not listed")

    def _entry(self, head: bytes, raw: bytes, extra: bytes) -> _Listed:
        _, _, flags, method, _, _, crc, stored, size = struct.unpack("<6H3I", head[4:28])
        disk, _, attributes, offset = struct.unpack("<2H2I", head[34:46])
        name = self._name(raw, flags)
        if flags & ~(_OPTIONS | _SIZES_BEHIND | _UTF8):
            refuse(self._archive, name, "is encrypted, or stored in a way that is not supported")
        if method not in (STORED, DEFLATED):
            refuse(self._archive, name, f"is compressed by the method {method}, not deflated")
        fields = self._extra(extra, name)
        size, stored, offset, disk = self._long(
            fields, name, (size, _SATURATED_32), (stored, _SATURATED_32),
            (offset, _SATURATED_32), (disk, _SATURATED_16),
        )  # fmt: skip
        if max(size, stored, offset) > _MOST_OFFSET or disk:
            refuse(self._archive, name, "says that it lies outside the archive")
        if method == STORED and size != stored:
            refuse(self._archive, name, "has two different sizes")
        behind = bool(flags & _SIZES_BEHIND)
        entry = ZipEntry(name, method, crc, stored, size, attributes >> 16, 0, behind)
        return _Listed(entry, raw, flags, offset)

    def _start(self, listed: _Listed, end: int) -> int:
        """Where the content of a member starts, all that belongs to it reaching to `end`."""
        entry = listed.entry
        head = self._bytes(listed.offset, _HEADER_SIZE)
        if len(head) < _HEADER_SIZE or head[:4] != _HEADER:
            refuse(self._archive, entry.name, "has no header where the directory says")
        _, flags, method, _, _, crc, stored, size, *lengths = struct.unpack("<5H3I2H", head[4:])
        rest = self._bytes(listed.offset + _HEADER_SIZE, sum(lengths))
        fields = self._extra(rest[lengths[0] :], entry.name)
        size, stored = self._long(
            fields, entry.name, (size, _SATURATED_32), (stored, _SATURATED_32)
        )
        behind = entry.sizes_behind
        told, known = (crc, stored, size), (entry.crc, entry.stored, entry.size)
        same = rest[: lengths[0]] == listed.name and method == entry.method
        same = same and (flags ^ listed.flags) & ~_OPTIONS == 0
        if not same or (told != known and not (behind and _left_open(told, entry))):
            problem = "has a header that says something else than the directory"
            refuse(self._archive, entry.name, problem)
        start: int = listed.offset + _HEADER_SIZE + sum(lengths)
        self._check_end(entry, start + entry.stored, end, behind=behind)
        return start

    def _check_end(self, entry: ZipEntry, at: int, end: int, *, behind: bool) -> None:
        """Nothing follows a content but its sizes, where the header says that they do."""
        if at > end:
            refuse(
                self._archive,
                entry.name,
                "lies over another member of the zip archive, or over its directory",
            )
        if not behind and at < end:
            self._hidden(entry.name)
        if behind and self._bytes(at, min(end - at, 24)) not in _descriptors(entry, end - at):
            refuse(self._archive, entry.name, "says something else behind its content")

    def _extra(self, extra: bytes, name: str) -> Mapping[int, bytes]:
        fields: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            data = extra[at + 4 : at + 4 + length]
            at += 4 + length
            if at > len(extra) or (kind in fields and kind in (_ZIP64, _UNICODE_PATH)):
                refuse(self._archive, name, "has a damaged header")
            fields[kind] = data
        # Some readers take this name, some the other one.
        other = fields.get(_UNICODE_PATH)
        if other is not None and other[5:].decode("utf-8", "replace") != name:
            refuse(self._archive, name, "has two different names")
        return fields

    def _long(
        self, fields: Mapping[int, bytes], name: str, *numbers: tuple[int, int]
    ) -> tuple[int, ...]:
        """Numbers, and in the place of those that are saturated their long form."""
        field, at = fields.get(_ZIP64, b""), 0
        found = []
        for number, saturated in numbers:
            if number == saturated:
                width = 8 if saturated == _SATURATED_32 else 4
                if len(field) < at + width:
                    refuse(self._archive, name, "has a damaged header")
                number = int.from_bytes(field[at : at + width], "little")
                at += width
            found.append(number)
        return tuple(found)

    def _name(self, raw: bytes, flags: int) -> str:
        try:
            name = raw.decode("utf-8" if flags & _UTF8 else "cp437")
        except UnicodeDecodeError:
            name = ""
        if not name or "\0" in name:
            shape = shown(raw.decode("utf-8", "surrogateescape"))
            refuse(self._archive, None, f"has a member without a usable name (`{shape}`)",
                   what=self._what)  # fmt: skip
        return name

    def _no_end(self) -> NoReturn:
        start = max(self._size - _END_SIZE - _MOST_COMMENT, 0)
        if _END in self._bytes(start, self._size - start):
            problem = "has data behind the end of its zip archive"
            refuse(self._archive, None, problem, what=self._what)
        self._damaged("it has no directory")

    def _hidden(self, beside: str | None) -> NoReturn:
        place = f" beside `{shown(beside)}`" if beside is not None else ""
        problem = f"holds data{place} that the directory of its zip archive does not list"
        refuse(self._archive, None, problem, what=self._what)

    def _damaged(self, reason: str) -> NoReturn:
        refuse(self._archive, None, f"is not a valid zip archive ({reason})", what=self._what)

    def _bytes(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)


def _left_open(told: tuple[int, int, int], entry: ZipEntry) -> bool:
    """Whether a header leaves checksum and sizes to what stands behind the content.

    They should be zero there; Info-ZIP writes the size, too, and for the stored one whatever its
    last member had. Deflated data show their own end, so that this misleads nobody.
    """
    crc, stored, size = told
    if entry.method == DEFLATED:
        return crc in (0, entry.crc) and size in (0, entry.size)
    return crc == 0 and (stored, size) in ((0, 0), (entry.stored, entry.size))


def _descriptors(entry: ZipEntry, length: int) -> set[bytes]:
    """What may stand behind a content, `length` bytes: with a signature, with long sizes."""
    found = set()
    if max(entry.stored, entry.size) <= _SATURATED_32:
        found.add(struct.pack("<3I", entry.crc, entry.stored, entry.size))
    found.add(struct.pack("<I2Q", entry.crc, entry.stored, entry.size))
    found |= {_DESCRIPTOR + each for each in found}
    return {each for each in found if len(each) == length}
