"""Static libraries and other `ar` archives, in the forms of GNU, BSD and Microsoft.

A thin archive of GNU holds no contents: its members are the paths of other files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Entry, Said

_WHOLE, _THIN = b"!<arch>\n", b"!<thin>\n"
_HEADER = 60
_CHUNK = 1 << 18
_LONGEST_NAME = 1 << 16
_LARGEST_NAMES = 16 << 20
_TABLES = ("/", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64", "__.SYMDEF_64 SORTED")
SYMBOLS = "symbol table"
_CAUSE = "archive-member-header"


def is_ar(head: bytes) -> bool:
    """Whether a file begins as such an archive."""
    return head.startswith((_WHOLE, _THIN))


class Ar:
    """An ar archive; `opening` gives its bytes from the start each time.

    The table of symbols is a member named `symbol table`; that of long names is none.
    """

    def __init__(self, opening: Callable[[], BinaryIO]) -> None:
        self._opening = opening
        self._properties: dict[str, Said] = {}

    def members(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        """As `Archive.members`."""
        with self._opening() as stream:
            magic = stream.read(len(_WHOLE))
            if not is_ar(magic):
                raise Unreadable("it is no ar archive")
            names, dialects = b"", set()
            while header := stream.read(_HEADER):
                if len(header) < _HEADER or header[58:60] != b"`\n":
                    raise Unreadable("it has a damaged ar header")
                start, size = stream.tell(), _number(header[48:58], 10)
                end = start + size + size % 2
                name = header[:16].decode("latin-1").rstrip(" ")
                if name == "//":
                    if size > _LARGEST_NAMES:
                        raise Unreadable("its table of names is too large")
                    names = stream.read(size)
                    dialects.add("GNU")
                    stream.seek(end)
                    continue
                name, skipped, dialect = _name(name, names, stream, size)
                dialects.update(dialect)
                if magic == _THIN and name != SYMBOLS:
                    yield _reference(name, size, header), ()
                    stream.seek(start)
                    continue
                content = _content(stream, start + skipped, size - skipped)
                yield _entry(name, size - skipped, header), content
                stream.seek(end)
            if magic == _THIN:
                dialects.add("thin")
            if dialects or stream.tell() > len(_WHOLE):
                self._properties = {"dialect": Said(" ".join(sorted(dialects)), "archive-format")}

    def properties(self) -> Mapping[str, Said]:
        """The dialect, as far as names show it; one without members may be of any."""
        return self._properties


def _name(name: str, names: bytes, stream: BinaryIO, size: int) -> tuple[str, int, set[str]]:
    """The name of a member, how many bytes of its content it takes, and the dialect."""
    if name.startswith("#1/"):
        length = _number(name[3:].encode("latin-1"), 10)
        if length > min(size, _LONGEST_NAME):
            raise Unreadable("a member has too long a name")
        inner = stream.read(length).rstrip(b"\0").decode("utf-8", "backslashreplace")
        return SYMBOLS if inner in _TABLES else inner, length, {"BSD"}
    if name in _TABLES:
        return SYMBOLS, 0, {"GNU" if name.startswith("/") else "BSD"}
    if name.startswith("/") and name[1:].isdigit():
        long = re.split(rb"[\n\0]", names[int(name[1:]) :][:_LONGEST_NAME], maxsplit=1)[0]
        long = long.rstrip(b"/")
        return long.decode("utf-8", "backslashreplace"), 0, {"GNU"}
    return name.removesuffix("/"), 0, {"GNU"} if name.endswith("/") else set()


def _entry(name: str, size: int, header: bytes) -> Entry:
    if name == SYMBOLS:
        # Its other fields are empty with some tools and zero with others.
        return Entry(name, "file", size, {"mtime": Said(_number(header[16:28], 10), _CAUSE)})
    said = {
        "mtime": Said(_number(header[16:28], 10), _CAUSE),
        "owner": Said(f"{_number(header[28:34], 10)}:{_number(header[34:40], 10)}", _CAUSE),
        "mode": Said(oct(_number(header[40:48], 8)), _CAUSE),
    }
    return Entry(name, "file", size, said)


def _reference(path: str, size: int, header: bytes) -> Entry:
    """A member that is elsewhere."""
    said = {"size": Said(size, _CAUSE), "mtime": Said(_number(header[16:28], 10), _CAUSE)}
    return Entry(posixpath.basename(path), "link", 0, said, target=path)


def _number(field: bytes, base: int) -> int:
    text = field.strip()
    if not text:
        return 0
    try:
        value = int(text, base)
    except ValueError:
        raise Unreadable("it has a damaged ar header") from None
    if value < 0:
        raise Unreadable("it has a damaged ar header")
    return value


def _content(stream: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    stream.seek(start)
    while size:
        piece = stream.read(min(size, _CHUNK))
        if not piece:
            raise Unreadable("a member is cut off")
        size -= len(piece)
        yield piece
