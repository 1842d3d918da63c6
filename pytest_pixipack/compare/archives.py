"""How a package's archive is written, beside what it holds: members, their headers, compression."""

from __future__ import annotations

import hashlib
import itertools
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
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
    dialect_difference,
    entry_differences,
    listing,
    said_differences,
)
from pytest_pixipack.compare.inside.tars import Tar
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.notation import json_notation
from pytest_pixipack.compare.records import Where, compare_order, compare_records
from pytest_pixipack.damages import is_damage

_CHUNK = 1 << 20
_WINDOW = 1 << 27
_READ = 1 << 18
_LARGEST_METADATA = 1 << 16
# What installed files get from an archive; the other permission bits are the installer's.
_EXECUTABLE = 0o111
BOTH = "both"


@dataclass(frozen=True, slots=True)
class Part:
    """One tar of a package: `info`, `pkg`, or `both` of a `.tar.bz2`.

    `name` is that of the member of the zip, `start` and `size` where its bytes are in the file.
    What was not looked into has no `listing`.
    """

    name: str
    start: int
    size: int
    listing: Listing | None = None


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

    def parts(self) -> Mapping[str, Part]:
        """The parts without a look into them. Raises `InvalidInput`."""
        return self._parts

    @cached_property
    def _parts(self) -> Mapping[str, Part]:
        if not self.is_conda:
            return {BOTH: Part("", 0, self.path.stat().st_size)}
        places = self._told(lambda: zips.places(lambda: self.path.open("rb")))
        return {_kind(name): Part(name, *place) for name, place in places.items()}

    def scan(self, wanted: Collection[str]) -> Scanned:
        """The package as it is stored, with the members of the wanted parts."""
        found: dict[str, tuple[Part, Listing | None]] = {}
        for kind, part in self.parts().items():
            listed = None
            if kind in wanted and kind != "metadata":
                tar = Tar(lambda: self.unpacked(kind))  # noqa: B023
                listed = self._told(lambda: listing(tar))  # noqa: B023
            found[kind] = part, listed
        return self.scanned(found)

    def scanned(self, parts: Mapping[str, tuple[Part, Listing | None]]) -> Scanned:
        """The package with members that were listed already."""
        listed = {kind: replace(part, listing=found) for kind, (part, found) in parts.items()}
        if not self.is_conda:
            return Scanned(listed)
        archive = zips.Zip(lambda: self.path.open("rb"))
        entries = self._told(lambda: [entry for entry, _ in archive.members()])
        return Scanned(listed, {_kind(each.name): each for each in entries}, archive.properties())

    def contents(self, kind: str, names: set[str], scratch: Scratch) -> dict[str, Content]:
        """The contents of some members of one part."""
        if kind not in self.parts():
            return {}
        tar = Tar(lambda: self.unpacked(kind))
        found: dict[str, Content] = self._told(lambda: contents(tar, names, scratch))
        return found

    def metadata(self) -> bytes:
        """`metadata.json` of a `.conda`, which was found to be small. Raises `InvalidInput`."""

        def read() -> bytes:
            with self._member("metadata") as stream:
                return stream.read(_LARGEST_METADATA)

        return bytes(self._told(read))

    def stored_digest(self, part: Part) -> str:
        """The sha256 of a part's bytes as they are stored."""
        with self.path.open("rb") as file:
            file.seek(part.start)
            return _digest(_pieces(file, part.size))

    def unpacked_digest(self, kind: str) -> str:
        """The sha256 of the tar in a part."""
        with self.unpacked(kind) as stream:
            return _digest(_pieces(stream))

    def _told(self, reading: Callable[[], Any]) -> Any:
        try:
            return reading()
        except Unreadable as reason:
            refuse(self.path, None, f"cannot be read: {reason}")

    @contextmanager
    def unpacked(self, kind: str) -> Iterator[Any]:
        """The tar in a part, as a stream. Raises `Unreadable` where it is damaged."""
        try:
            if kind == BOTH:
                import bz2

                with bz2.open(self.path, "rb") as stream:
                    yield stream
                return
            import zstandard

            with self._member(kind) as packed:
                decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
                with decompressor.stream_reader(
                    packed, read_size=_READ, read_across_frames=True
                ) as reader:
                    yield reader
        except Exception as error:
            if isinstance(error, OSError) or is_damage(error):
                raise Unreadable(f"it is damaged ({error})") from None
            raise

    @contextmanager
    def _member(self, kind: str) -> Iterator[IO[bytes]]:
        """The member of the zip with a part. Raises `Unreadable` where it cannot be opened."""
        with ExitStack() as stack:
            try:
                name = self.parts()[kind].name
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                packed = stack.enter_context(archive.open(name))
            except (RuntimeError, NotImplementedError, KeyError) as error:
                # It is encrypted, packed in a way that nobody knows, or has another name.
                raise Unreadable(f"it is damaged ({error})") from None
            yield packed


def same_stored(left: PackageFile, right: PackageFile, old: Part, new: Part) -> bool:
    """Whether a part has the same bytes in both packages."""
    if old.size != new.size:
        return False
    with left.path.open("rb") as first, right.path.open("rb") as second:
        first.seek(old.start)
        second.seek(new.start)
        # A header that lies about sizes leads behind the end of the file.
        pairs = itertools.zip_longest(_pieces(first, old.size), _pieces(second, new.size))
        return all(one == other for one, other in pairs)


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
            yield from dialect_difference(place, old.listing.members, new.listing.members)
    for name in sorted({*first, *second}):
        known = first.get(name) or second[name]
        place = (*where, *((parts[known[0]],) if known[0] in parts else ()), name)
        if name in first and name in second:
            if first[name][1].entry is second[name][1].entry:
                continue
            yield from _header(place, first[name][1].entry, second[name][1].entry)
        elif known[1].entry.kind == "directory":
            sides: tuple[Any, Any] = ("directory", None) if name in first else (None, "directory")
            yield Difference(place, "directory entry", "metadata", *sides, "archive-format")


def compare_containers(
    where: Where,
    parts: Mapping[str, str],
    files: tuple[PackageFile, PackageFile],
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
        if any(each.cause == "compression" for each in headers):
            continue
        if kind == "metadata":
            yield from _metadata(place, *(file.metadata() for file in files))
            continue
        if old.listing is None or same_stored(*files, old, new):
            continue
        if kind in explained:
            continue
        tars = files[0].unpacked_digest(kind), files[1].unpacked_digest(kind)
        if tars[0] == tars[1]:
            sides: tuple[Any, Any] = (old.size, new.size)
            if old.size == new.size:
                sides = (files[0].stored_digest(old), files[1].stored_digest(new))
            yield Difference(place, "compressed bytes", "metadata", *sides, "compression")
        else:
            yield Difference(place, "tar bytes", "metadata", *tars, "archive-format")


def _metadata(where: Where, left: bytes, right: bytes) -> Iterator[Difference]:
    """`metadata.json` of a `.conda`, of which nothing is installed."""
    values = _object(left), _object(right)
    found = list(compare_records(where, *values, kind="metadata"))
    yield from found
    yield from json_notation(where, left, right, told=bool(found))


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {"": found}


def _header(where: Where, left: Entry, right: Entry) -> Iterator[Difference]:
    kinds: tuple[Any, Any] = (left.kind, right.kind)
    if left.kind != right.kind and set(kinds) == {"file", "hardlink"}:
        yield Difference(where, "hard link", "metadata", *kinds, "archive-format")
    yield from said_differences(where, left.said, right.said)
    # A link has no mode; that the kinds differ has been said.
    if "link" in kinds or (left.kind != right.kind and "directory" in kinds):
        return
    old, new = left.mode or 0, right.mode or 0
    # That only one of two files can be run is told of their content.
    runs = bool(old & _EXECUTABLE), bool(new & _EXECUTABLE)
    mask = ~0 if "directory" in kinds or runs[0] == runs[1] else ~_EXECUTABLE
    if old & mask != new & mask:
        yield Difference(where, "mode", "metadata", oct(old), oct(new), "mode")


def _kind(name: str) -> str:
    return name.partition("-")[0] if name.endswith(".tar.zst") else "metadata"


def _pieces(stream: Any, size: int | None = None) -> Iterator[bytes]:
    left = size
    while left is None or left > 0:
        piece = stream.read(_CHUNK if left is None else min(_CHUNK, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def _digest(pieces: Iterator[bytes]) -> str:
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
