"""Headers of tar archives, read so that no other reader can see something else in them.

The formats are those of POSIX.1-2001 (`pax` in XCU 4, "ustar Interchange Format" and "pax Extended
Header"), of GNU tar (its manual, "Basic Tar Format" and "Storing Sparse Files"), and of the old tar
before them. Where the tar crate, which rattler and pixi-pack use, and Python's `tarfile` read a
header differently, it is refused: what was checked would not be what gets extracted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = 512
LONG_NAME, LONG_LINK = b"L", b"K"
PAX, PAX_SOLARIS, PAX_GLOBAL = b"x", b"X", b"g"
REGULAR, OLD_REGULAR, CONTIGUOUS, SPARSE = b"0", b"\0", b"7", b"S"
HARD_LINK, LINK, DIRECTORY = b"1", b"2", b"5"
_CHARACTER, _BLOCK_DEVICE, _PIPE = b"3", b"4", b"6"
FILES = frozenset({REGULAR, OLD_REGULAR, CONTIGUOUS, SPARSE})
EXTENSIONS = frozenset({LONG_NAME, LONG_LINK, PAX, PAX_SOLARIS, PAX_GLOBAL})
SPECIAL = {
    _CHARACTER: "is a device",
    _BLOCK_DEVICE: "is a device",
    _PIPE: "is a device (a named pipe)",
}
_USTAR, _GNU, _OLD = b"ustar\x0000", b"ustar  \0", bytes(8)
_OCTAL = re.compile(rb" *([0-7]*) *")
# Larger sizes do not fit into the octal digits of a header, so that pax records hold them.
_OCTAL_LIMIT = 8**11
_MOST_SIZE = (1 << 63) - 1
_IN_HEADER, _IN_EXTENSION = 4, 21  # blocks of a sparse file in one header
# pax records that change what is extracted, and from where.
_MEANT = frozenset({"path", "linkpath", "size"})


class BadHeader(ValueError):
    """Why a header cannot be used, as the end of a sentence about the archive."""


@dataclass(frozen=True, slots=True)
class Header:
    """One header block. `size` is in bytes, `mtime` in seconds since the epoch; `is_posix` says
    that it has the form of ustar.

    `blocks` are the pieces of a sparse file, (place, length) each, as far as they stand in this
    block; `more_blocks` says that others follow; `real_size` is that of the whole sparse file.
    """

    name: str
    kind: bytes
    is_posix: bool
    size: int
    mode: int
    mtime: float
    owner: str
    target: str
    blocks: tuple[tuple[int, int], ...] = ()
    more_blocks: bool = False
    real_size: int = 0


def parse_header(block: bytes) -> Header:
    """The header in a block of 512 bytes. Raises `BadHeader`."""
    if _number(block[148:156], "checksum") != _checksum(block):
        raise BadHeader("a damaged tar header (its checksum is wrong)")
    kind, magic = block[156:157], block[257:265]
    name = _text(block[:100])
    if magic == _USTAR:
        if prefix := _text(block[345:500]):
            name = f"{prefix}/{name}"
    elif kind != SPARSE and block[345:500].strip(b"\0"):
        # tarfile takes these bytes for the beginning of the name, the tar crate does not.
        raise BadHeader("a tar header that can be read in two ways")
    elif magic not in (_GNU, _OLD):
        raise BadHeader("a tar header of an unknown format")
    if kind == SPARSE and magic != _GNU:
        raise BadHeader("a tar header that can be read in two ways")
    size = _number(block[124:136], "size")
    if size > _MOST_SIZE:
        raise BadHeader("a member without a valid size")
    if size and kind in (DIRECTORY, LINK, HARD_LINK):
        # tarfile takes what follows for the next header, the tar crate passes over it.
        raise BadHeader("a directory or a link that says it has content")
    ids = ":".join(str(_number(block[at : at + 8], "owner", signed=True)) for at in (108, 116))
    return Header(
        name=name,
        kind=kind,
        is_posix=magic == _USTAR,
        size=size,
        mode=_number(block[100:108], "mode") & 0o7777,
        mtime=float(_number(block[136:148], "time", signed=True)),
        owner=f"{ids} {_text(block[265:297])}:{_text(block[297:329])}",
        target=_text(block[157:257]),
        blocks=tuple(_blocks(block, 386, _IN_HEADER)) if kind == SPARSE else (),
        more_blocks=kind == SPARSE and block[482] != 0,
        real_size=_number(block[483:495], "size") if kind == SPARSE else 0,
    )


def kind_of(header: Header, name: str) -> bytes:
    """The kind of a member whose whole name is `name`. Raises `BadHeader`.

    Before POSIX, a directory was a file whose name ends in a slash.
    """
    slashes = name.endswith("/"), header.name.endswith("/")
    if header.kind not in FILES or not any(slashes):
        return header.kind
    old = header.kind == OLD_REGULAR and not header.is_posix
    if old and all(slashes) and not header.size:
        return DIRECTORY
    if slashes[0] or old:
        raise BadHeader("a file whose name ends in a slash")
    return header.kind  # the name was cut there, for it is in another header


def parse_more_blocks(block: bytes) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The pieces of a sparse file in an extension block, and whether another one follows."""
    return tuple(_blocks(block, 0, _IN_EXTENSION)), block[504] != 0


def checked_blocks(header: Header, blocks: tuple[tuple[int, int], ...]) -> None:
    """Raises `BadHeader` where the pieces of a sparse file overlap, or are not its content."""
    end = 0
    for place, length in blocks:
        if place < end or place + length > header.real_size:
            raise BadHeader("a sparse file whose pieces overlap or lie outside it")
        end = place + length
    if sum(length for _, length in blocks) != header.size:
        raise BadHeader("a sparse file whose pieces are not its content")


def parse_pax(data: bytes) -> dict[str, str]:
    """The records of a pax extended header that are meant for names and sizes.

    Raises `BadHeader`, also for sparse files, which the tar crate takes for others.
    """
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 9)
        digits = data[at:blank] if blank > at else b""
        end = at + int(digits) if digits.isdigit() and digits[:1] != b"0" else -1
        keyword, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not blank < end <= len(data) or data[end - 1] != 10 or not equals or not keyword:
            raise BadHeader("a damaged pax header")
        at = end
        if keyword.startswith(b"GNU.sparse"):
            raise BadHeader("a sparse file in a form that would become another file elsewhere")
        name = _text(keyword)
        if name in _MEANT:
            if not value or b"\0" in value or name in records:
                raise BadHeader(f"a pax header without a usable {name}")
            records[name] = _text_whole(value)
    return records


def pax_size(header: Header, records: dict[str, str]) -> int:
    """The size of a member with pax records. Raises `BadHeader`.

    Where it would fit into the header, the two have to agree: some readers look at one of them,
    some at the other.
    """
    text = records.get("size")
    if text is None:
        return header.size
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        raise BadHeader("a member without a valid size")
    if int(text) != header.size and int(text) < _OCTAL_LIMIT:
        raise BadHeader("a member of two different sizes")
    if header.kind not in FILES:
        raise BadHeader("a directory or a link that says it has content")
    return int(text)


def _checksum(block: bytes) -> int:
    return sum(block[:148]) + 8 * 32 + sum(block[156:])


def _blocks(block: bytes, at: int, count: int) -> Iterator[tuple[int, int]]:
    for start in range(at, at + count * 24, 24):
        if block[start : start + 24].strip(b"\0"):
            place = _number(block[start : start + 12], "size")
            yield place, _number(block[start + 12 : start + 24], "size")


def _number(field: bytes, what: str, *, signed: bool = False) -> int:
    """Octal digits, or a number to the base of 256 where the first bit is set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF and signed:
        return int.from_bytes(field, "big", signed=True)
    digits = _OCTAL.fullmatch(field.partition(b"\0")[0])
    if digits is None:
        if what == "size":
            raise BadHeader("a member without a valid size")
        raise BadHeader(f"a damaged tar header (its {what} is no number)")
    return int(digits[1] or b"0", 8)


def _text(field: bytes) -> str:
    return _text_whole(field.partition(b"\0")[0])


def _text_whole(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
