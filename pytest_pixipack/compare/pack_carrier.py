"""How a pack is carried: headers of its members, dialect of its tar, script around it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Listed, dialect_difference, said_differences
from pytest_pixipack.compare.inside.tars import TarReader
from pytest_pixipack.compare.inside.text import decoded, text_differences
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_order

if TYPE_CHECKING:
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.pack.container import Container, Entry

_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20
# The lines around the archive and behind it (header.sh and header.ps1 of pixi-pack).
_MARKS = ((b"@@END_HEADER@@", b"@@END_ARCHIVE@@"), (b"__END_HEADER__", b"__END_ARCHIVE__"))


def carrier_differences(
    where: Where, left: Pack, right: Pack, first: Container, second: Container
) -> Iterator[Difference]:
    """All that two packs differ in, whose files are compared elsewhere."""
    old = {entry.name: entry for entry in first.entries}
    new = {entry.name: entry for entry in second.entries}
    if "directory" not in (left.form, right.form):
        order = compare_order(where, "order of members", list(old), list(new))
        if order is not None:
            yield order
    for name in sorted(set(old) & set(new)):
        yield from _header((*where, name), old[name], new[name])
    for name in sorted(set(old) ^ set(new)):
        if (old.get(name) or new[name]).kind == "directory":
            sides: tuple[Any, Any] = ("directory", None) if name in old else (None, "directory")
            place = (*where, name)
            yield Difference(place, "directory", "metadata", *sides, "archive-format")
    if left.form != right.form:
        sides = (left.form, right.form)
        yield Difference(where, "form", "metadata", *sides, "archive-format")
    elif left.form == "tar":
        yield from _dialect(where, left.path, right.path)
    elif left.form == "executable":
        yield from _script(where, left.path, right.path)


def _header(where: Where, left: Entry, right: Entry) -> Iterator[Difference]:
    if left.mtime is None or right.mtime is None:
        return
    pairs: tuple[tuple[str, Any, Any, str], ...] = (
        ("kind", left.kind, right.kind, "archive-format"),
        ("mtime", left.mtime, right.mtime, "timestamp"),
        ("owner", left.owner, right.owner, "owner"),
        ("mode", oct(left.mode), oct(right.mode), "mode"),
    )
    for field, old, new, cause in pairs:
        if old != new:
            yield Difference(where, field, "metadata", old, new, cause)


def _dialect(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    found, members = [], []
    for path in (left, right):
        with path.open("rb") as stream:
            reader = TarReader(stream, seekable=True)
            try:
                members.append({entry.name: Listed(entry, None) for entry, _ in reader})
            except Unreadable:
                return
            found.append(reader.properties())
    yield from said_differences(where, *found)
    yield from dialect_difference(where, *members)


@dataclass(frozen=True, slots=True)
class _Script:
    """A self-extracting pack: its text, and the sha256 of the program behind the archive."""

    head: bytes
    program: str


def _script(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    old, new = _read_script(left), _read_script(right)
    found: list[Difference] = []
    if old.head != new.head:
        texts = decoded(old.head), decoded(new.head)
        if texts[0] is not None and texts[1] is not None:
            place = (*where, "script")
            told = text_differences(place, texts[0], texts[1])
            found = [replace(each, kind="metadata") for each in told]
    if old.program != new.program:
        versions = any(each.cause == "tool-version" for each in found)
        cause = "tool-version" if versions else "content"
        sides = (old.program, new.program)
        found.append(Difference((*where, "pixi-unpack"), "program", "metadata", *sides, cause))
    yield from found


def _read_script(path: Path) -> _Script:
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER)
        marks = next((pair for pair in _MARKS if pair[0] in head), _MARKS[0])
        start = head.find(marks[0])
        stream.seek(start)
        return _Script(head[:start], _digest_behind(stream, marks[1]))


def _digest_behind(stream: IO[bytes], mark: bytes) -> str:
    """The sha256 of what stands behind a mark, line ends aside."""
    hasher = hashlib.sha256()
    rest, found = b"", False
    while piece := stream.read(_CHUNK):
        if not found:
            rest += piece
            at = rest.find(mark)
            found = at >= 0
            piece, rest = (rest[at + len(mark) :], b"") if found else (b"", rest[-len(mark) :])
        hasher.update(piece.translate(None, b"\r\n"))
    return hasher.hexdigest()
