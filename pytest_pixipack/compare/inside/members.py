"""What an archive says of its members, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.model import Difference, Kind

Where = tuple[str, ...]
# Archives with more members than this are compared byte by byte.
_MOST_MEMBERS = 1_000_000
_EXECUTABLE = 0o111
# Properties of a tar that follow from the size of what its writer writes at a time.
PADDING = ("padding", "padding of members")


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a header says: its value, and the cause where two values differ."""

    value: Any
    cause: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One member. `said` are the fields of its header that carry no content.

    `kind` is `file`, `link`, `hardlink`, `directory`, or another word for what is none of these;
    `mode` are permission bits, None where the format has none; `dialect` is that of its header.
    """

    name: str
    kind: str
    size: int
    said: Mapping[str, Said]
    mode: int | None = None
    target: str | None = None
    dialect: str = ""


class Archive(Protocol):
    """An archive that can be read from its start as often as needed."""

    def members(self) -> Iterator[tuple[Entry, Iterable[bytes]]]:
        """Members in the order in which they are stored, each with its content.

        The content has to be read before the next one is taken, or not at all. Raises `Unreadable`.
        """
        ...

    def properties(self) -> Mapping[str, Said]:
        """What is said of the archive as a whole, after its members have been read."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A member and the sha256 of its content; None for what is no file."""

    entry: Entry
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """All members by name; the second of one name is `name (2)`."""

    members: Mapping[str, Listed]
    properties: Mapping[str, Said]


def listing(archive: Archive) -> Listing:
    """Reads an archive to its end. Raises `Unreadable`."""
    found: dict[str, Listed] = {}
    for name, entry, pieces in numbered(archive.members()):
        digest = None
        if entry.kind == "file":
            hasher = hashlib.sha256()
            for piece in pieces:
                hasher.update(piece)
            digest = hasher.hexdigest()
        found[name] = Listed(entry, digest)
        if len(found) > _MOST_MEMBERS:
            raise Unreadable("it has too many members")
    return Listing(found, archive.properties())


def numbered(
    members: Iterable[tuple[Entry, Iterable[bytes]]],
) -> Iterator[tuple[str, Entry, Iterable[bytes]]]:
    """Members with names that occur once."""
    seen: dict[str, int] = {}
    for entry, pieces in members:
        number = seen[entry.name] = seen.get(entry.name, 0) + 1
        yield entry.name if number == 1 else f"{entry.name} ({number})", entry, pieces


def contents(archive: Archive, names: set[str], scratch: Scratch) -> dict[str, Content]:
    """The contents of the named members. Raises `Unreadable`."""
    if not names:
        return {}
    return {
        name: scratch.keep(pieces)
        for name, _, pieces in numbered(archive.members())
        if name in names
    }


def header_differences(where: Where, left: Listing, right: Listing) -> Iterator[Difference]:
    """Order, presence, and what headers say; not the contents of files."""
    yield from said_differences(where, left.properties, right.properties)
    yield from dialect_difference(where, left.members, right.members)
    common = [name for name in left.members if name in right.members]
    other = [name for name in right.members if name in left.members]
    if common != other:
        yield Difference(where, "order of members", "order-only", common, other, "member-order")
    for name in sorted({*left.members, *right.members}):
        old, new = left.members.get(name), right.members.get(name)
        place = (*where, name)
        if old is not None and new is not None:
            yield from entry_differences(place, old.entry, new.entry)
        else:
            yield _alone(place, old, new)


def without_padding(found: list[Difference]) -> list[Difference]:
    """Without zeros at the ends of tars, which only count where nothing else differs."""
    return [each for each in found if each.field not in PADDING] or found


def dialect_difference(
    where: Where, left: Mapping[str, Listed], right: Mapping[str, Listed]
) -> Iterator[Difference]:
    """In which dialects the headers of the members are written that both sides have."""
    pairs = [
        (each.entry.dialect, right[name].entry.dialect)
        for name, each in left.items()
        if name in right and each.entry is not right[name].entry
    ]
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    if differing:
        old, new = (" ".join(sorted({pair[side] for pair in differing})) for side in (0, 1))
        yield Difference(where, "dialect", "metadata", old, new, "archive-format")


def entry_differences(where: Where, left: Entry, right: Entry) -> Iterator[Difference]:
    """What two headers say that is not the content."""
    sides: tuple[Any, Any] = (left.kind, right.kind)
    if left.kind != right.kind:
        linked = set(sides) == {"file", "hardlink"}
        kind: Kind = "metadata" if linked else "payload"
        yield Difference(where, "kind", kind, *sides, "archive-format" if linked else "content")
        if not linked:
            return
    elif left.target != right.target:
        yield Difference(where, "target", "payload", left.target, right.target, "link-target")
    yield from said_differences(where, left.said, right.said)
    if left.mode is None or right.mode is None or "link" in sides or left.mode == right.mode:
        return
    executable = "file" in sides and (left.mode ^ right.mode) & _EXECUTABLE
    kind = "payload" if executable else "metadata"
    yield Difference(where, "mode", kind, oct(left.mode), oct(right.mode), "mode")


def said_differences(
    where: Where, left: Mapping[str, Said], right: Mapping[str, Said]
) -> Iterator[Difference]:
    """The fields that differ, all of them metadata."""
    for field in sorted({*left, *right}):
        old, new = left.get(field), right.get(field)
        if old != new:
            known = old or new
            assert known is not None
            sides: tuple[Any, Any] = (old and old.value, new and new.value)
            yield Difference(where, field, "metadata", *sides, known.cause)


def _alone(where: Where, left: Listed | None, right: Listed | None) -> Difference:
    known = left or right
    assert known is not None
    if known.entry.kind == "directory":
        sides: tuple[Any, Any] = ("directory", None) if left else (None, "directory")
        return Difference(where, "directory entry", "metadata", *sides, "archive-format")
    said = known.entry.target or known.sha256 or known.entry.kind
    both: tuple[Any, Any] = (said, None) if left else (None, said)
    return Difference(where, "file", "payload", *both, "file-removed" if left else "file-added")
