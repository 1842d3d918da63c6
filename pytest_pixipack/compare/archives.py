"""How a package's archive is written, beside what it holds: members, their headers, compression."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.artifact.safety import refuse
from pytest_pixipack.compare.inside import zips
from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.inside.members import (
    Entry,
    Listed,
    Listing,
    Said,
    contents,
    entry_differences,
    listing,
    said_differences,
)
from pytest_pixipack.compare.inside.tars import Tar
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_order

_CHUNK = 1 << 20
_WINDOW = 1 << 27
# What installed files get from an archive; the other permission bits are the installer's.
_EXECUTABLE = 0o111
BOTH = "both"


@dataclass(frozen=True, slots=True)
class Part:
    """One tar of a package: `info`, `pkg`, or `both` of a `.tar.bz2`.

    `name` is that of the member of the zip; `stored` the sha256 of its bytes there, `unpacked` that
    of the tar. What was not looked into has no `listing` and no `unpacked`.
    """

    name: str
    stored: str
    listing: Listing | None = None
    unpacked: str | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A package file as it is stored; `headers` are those of the zip, by the parts' kinds."""

    parts: Mapping[str, Part]
    headers: Mapping[str, Entry] = field(default_factory=dict)
    properties: Mapping[str, Said] = field(default_factory=dict)

    def members(self) -> dict[str, tuple[str, Listed]]:
        """All members of the parts that were looked into, with the part that each is in."""
        return {
            name: (kind, member)
            for kind, part in self.parts.items()
            if part.listing is not None
            for name, member in part.listing.members.items()
        }


class PackageFile:
    """A `.conda` or `.tar.bz2` file that was read without complaint, so that its size is known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_conda = path.name.endswith(".conda")

    def stored(self) -> dict[str, Part]:
        """The parts without a look into them. Raises `InvalidInput`."""
        if not self.is_conda:
            with self.path.open("rb") as file:
                return {BOTH: Part("", _digest(_pieces(file)))}
        digests = self._told(lambda: zips.packed_digests(lambda: self.path.open("rb")))
        return {_kind(name): Part(name, digest) for name, digest in digests.items()}

    def scan(self, wanted: Collection[str]) -> Scanned:
        """The package as it is stored, with the members of the wanted parts."""
        parts = self.stored()
        for kind in wanted:
            if kind in parts and kind != "metadata":
                hasher = hashlib.sha256()
                tar = Tar(lambda: self._unpacked(kind, parts[kind].name, hasher))  # noqa: B023
                found = self._told(lambda: listing(tar))  # noqa: B023
                parts[kind] = replace(parts[kind], listing=found, unpacked=hasher.hexdigest())
        if not self.is_conda:
            return Scanned(parts)
        archive = zips.Zip(lambda: self.path.open("rb"))
        headers = {
            _kind(entry.name): entry for entry, _ in self._told(lambda: [*archive.members()])
        }
        return Scanned(parts, headers, archive.properties())

    def contents(self, kind: str, names: set[str], scratch: Scratch) -> dict[str, Content]:
        """The contents of some members of one part."""
        parts = self.stored() if self.is_conda else {BOTH: Part("", "")}
        if kind not in parts:
            return {}
        hasher = hashlib.sha256()
        tar = Tar(lambda: self._unpacked(kind, parts[kind].name, hasher))
        found: dict[str, Content] = self._told(lambda: contents(tar, names, scratch))
        return found

    def _told(self, reading: Callable[[], Any]) -> Any:
        try:
            return reading()
        except Unreadable as reason:
            refuse(self.path, None, f"cannot be read: {reason}")

    @contextmanager
    def _unpacked(self, kind: str, name: str, hasher: Any) -> Iterator[_Hashing]:
        if kind == BOTH:
            import bz2

            with bz2.open(self.path, "rb") as unpacked:
                yield _Hashing(unpacked, hasher)
            return
        import zstandard

        with zipfile.ZipFile(self.path) as archive, archive.open(name) as packed:
            decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
            with decompressor.stream_reader(packed, read_across_frames=True) as reader:
                yield _Hashing(reader, hasher)


class _Hashing:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: Any, hasher: Any) -> None:
        self._stream = stream
        self._hasher = hasher

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        data: bytes = self._stream.read(size)
        self._hasher.update(data)
        return data


def part_names(path: Path) -> Mapping[str, str]:
    """The parts of a package by their kind: `pkg-a-1-0.tar.zst` for `pkg`; none in a `.tar.bz2`."""
    if not path.name.endswith(".conda"):
        return {}
    stem = path.name.removesuffix(".conda")
    return {part: f"{part}-{stem}.tar.zst" for part in ("pkg", "info")}


def compare_headers(
    where: Where, parts: Mapping[str, str], left: Scanned, right: Scanned
) -> Iterator[Difference]:
    """Order of the members, and what their headers say that is not installed."""
    first, second = left.members(), right.members()
    mixed = set(left.parts) != set(right.parts)
    for kind in () if mixed else dict.fromkeys(parts or (BOTH,)):
        place = (*where, parts[kind]) if parts else where
        orders = [
            [name for name, (part, _) in each.items() if kind in (part, BOTH)]
            for each in (first, second)
        ]
        if (order := compare_order(place, "order of members", *orders)) is not None:
            yield order
        old, new = left.parts.get(kind), right.parts.get(kind)
        if old and new and old.listing and new.listing:
            yield from said_differences(place, old.listing.properties, new.listing.properties)
    for name in sorted({*first, *second}):
        known = first.get(name) or second[name]
        place = (*where, *((parts[known[0]],) if known[0] in parts else ()), name)
        if name in first and name in second:
            yield from _header(place, first[name][1].entry, second[name][1].entry)
        elif known[1].entry.kind == "directory":
            sides: tuple[Any, Any] = ("directory", None) if name in first else (None, "directory")
            yield Difference(place, "directory entry", "metadata", *sides, "archive-format")


def compare_containers(
    where: Where,
    parts: Mapping[str, str],
    left: Scanned,
    right: Scanned,
    explained: Collection[str],
) -> Iterator[Difference]:
    """Headers of the zip and compression. `explained` are the parts that are known to differ."""
    names = {kind: parts.get(kind, kind) for kind in (*left.parts, *right.parts)}
    names["metadata"] = "metadata.json"
    orders = [[names[kind] for kind in each.headers if kind in names] for each in (left, right)]
    if (order := compare_order(where, "order of members", *orders)) is not None:
        yield order
    yield from said_differences(where, left.properties, right.properties)
    for kind in sorted(set(left.parts) & set(right.parts)):
        old, new = left.parts[kind], right.parts[kind]
        place = (*where, names[kind]) if parts else where
        headers: list[Difference] = []
        if kind in left.headers and kind in right.headers:
            pair = left.headers[kind], right.headers[kind]
            headers = list(zips.without_consequences(entry_differences(place, *pair)))
            yield from headers
        if old.stored == new.stored or any(each.cause == "compression" for each in headers):
            continue
        if old.unpacked is not None and old.unpacked == new.unpacked:
            sides: tuple[Any, Any] = (old.stored, new.stored)
            yield Difference(place, "compressed bytes", "metadata", *sides, "compression")
        elif kind not in explained:
            sides = (old.unpacked or old.stored, new.unpacked or new.stored)
            yield Difference(place, "tar bytes", "metadata", *sides, "archive-format")


def _header(where: Where, left: Entry, right: Entry) -> Iterator[Difference]:
    kinds: tuple[Any, Any] = (left.kind, right.kind)
    if left.kind != right.kind and set(kinds) == {"file", "hardlink"}:
        yield Difference(where, "hard link", "metadata", *kinds, "archive-format")
    yield from said_differences(where, left.said, right.said)
    # A link has no mode; that the kinds differ has been said.
    if "link" in kinds or (left.kind != right.kind and "directory" in kinds):
        return
    old, new = left.mode or 0, right.mode or 0
    mask = ~_EXECUTABLE if "directory" not in kinds else ~0
    if old & mask != new & mask:
        yield Difference(where, "mode", "metadata", oct(old), oct(new), "mode")


def _kind(name: str) -> str:
    return name.partition("-")[0] if name.endswith(".tar.zst") else "metadata"


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK):
        yield piece


def _digest(pieces: Iterator[bytes]) -> str:
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
