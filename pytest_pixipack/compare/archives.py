"""How a package's archive is written, beside what it holds: members, their headers, compression."""

from __future__ import annotations

import hashlib
import posixpath
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.artifact.tarstream import TarEntry
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_order

_CHUNK = 1 << 20
# What installed files get from an archive; the other permission bits are the installer's.
_EXECUTABLE = 0o111


@dataclass(frozen=True, slots=True)
class Stored:
    """One member as it is stored: `part` is `info`, `pkg` or `both`, `sha256` that of a file."""

    part: str
    entry: TarEntry
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One tar inside a package: the digests of its bytes as stored and as unpacked."""

    stored: str
    unpacked: str
    wrapping: tuple[Any, ...] = ()


def stored_members(path: Path) -> dict[str, Stored]:
    """All members of a package in the order in which they are stored, by their plain names.

    Raises as `read_artifact` does.
    """
    from pytest_pixipack.artifact import DEFAULT_LIMITS
    from pytest_pixipack.artifact.containers import tar_streams

    found: dict[str, Stored] = {}
    with tar_streams(path, DEFAULT_LIMITS) as parts:
        for part, tar in parts:
            for entry in tar:
                digest = _digest(tar.content()) if entry.kind == "file" else None
                found[posixpath.normpath(entry.name)] = Stored(part, entry, digest)
    return found


def contents(path: Path, names: Collection[str], most: int) -> dict[str, bytes]:
    """The contents of the named files, without those that are larger than `most` bytes."""
    from pytest_pixipack.artifact import DEFAULT_LIMITS
    from pytest_pixipack.artifact.containers import tar_streams

    found: dict[str, bytes] = {}
    if not names:
        return found
    with tar_streams(path, DEFAULT_LIMITS) as parts:
        for _, tar in parts:
            for entry in tar:
                name = posixpath.normpath(entry.name)
                if name in names and entry.kind == "file" and entry.size <= most:
                    found[name] = b"".join(tar.content())
    return found


def part_names(path: Path) -> Mapping[str, str]:
    """The parts of a package by their kind: `pkg-a-1-0.tar.zst` for `pkg`; none in a `.tar.bz2`."""
    if not path.name.endswith(".conda"):
        return {}
    stem = path.name.removesuffix(".conda")
    return {part: f"{part}-{stem}.tar.zst" for part in ("pkg", "info")}


def compare_headers(
    where: Where,
    parts: Mapping[str, str],
    left: Mapping[str, Stored],
    right: Mapping[str, Stored],
) -> Iterator[Difference]:
    """Order of the members, and what their headers say that is not installed."""
    for part in dict.fromkeys(parts or ("both",)):
        first = [name for name, each in left.items() if _in(part, each)]
        second = [name for name, each in right.items() if _in(part, each)]
        place = (*where, parts[part]) if parts else where
        if (order := compare_order(place, "order of members", first, second)) is not None:
            yield order
    for name in sorted({*left, *right}):
        old, new = left.get(name), right.get(name)
        known = old or new
        assert known is not None
        place = (*where, *((parts[known.part],) if parts else ()), name)
        if old is not None and new is not None:
            yield from _header(place, old.entry, new.entry)
        elif known.entry.kind == "directory":
            sides: tuple[Any, Any] = ("directory", None) if old else (None, "directory")
            yield Difference(place, "directory entry", "metadata", *sides, "archive-format")


def compare_containers(
    where: Where, left: Path, right: Path, explained: bool
) -> Iterator[Difference]:
    """Compression and archive dialect. `explained` says that the tars are known to differ."""
    if left.suffix != right.suffix:
        yield Difference(where, "format", "metadata", left.suffix, right.suffix, "archive-format")
        return
    first, second = _streams(left), _streams(right)
    if (order := compare_order(where, "order of members", list(first), list(second))) is not None:
        yield order
    for name in sorted({*first, *second}):
        old, new = first.get(name), second.get(name)
        place = (*where, name) if name else where
        if old is None or new is None:
            # Parts are called after the package: another name, another part.
            continue
        if old.wrapping != new.wrapping:
            sides: tuple[Any, Any] = (list(old.wrapping), list(new.wrapping))
            yield Difference(place, "zip header", "metadata", *sides, "archive-format")
        if old.unpacked == new.unpacked and old.stored != new.stored:
            yield Difference(
                place, "compressed bytes", "metadata", old.stored, new.stored, "compression"
            )
        elif old.unpacked != new.unpacked and not explained:
            sides = (old.unpacked, new.unpacked)
            yield Difference(place, "tar bytes", "metadata", *sides, "archive-format")


def _in(part: str, member: Stored) -> bool:
    return part == "both" or member.part == part


def _header(where: Where, left: TarEntry, right: TarEntry) -> Iterator[Difference]:
    kinds = (left.kind, right.kind)
    if left.kind != right.kind and set(kinds) == {"file", "hardlink"}:
        yield Difference(where, "hard link", "metadata", *kinds, "archive-format")
    if "link" in kinds or (left.kind != right.kind and "directory" in kinds):
        # A link has no mode; that the kinds differ has been said.
        left, right = replace(left, mode=0), replace(right, mode=0)
    mask = ~_EXECUTABLE if "directory" not in kinds else ~0
    old, new = left.mode & mask, right.mode & mask
    pairs: tuple[tuple[str, Any, Any, str], ...] = (
        ("mtime", left.mtime, right.mtime, "timestamp"),
        ("owner", left.owner, right.owner, "owner"),
        ("mode", oct(left.mode), oct(right.mode), "mode"),
    )
    for field, first, second, cause in pairs:
        if first != second and (field != "mode" or old != new):
            yield Difference(where, field, "metadata", first, second, cause)


def _streams(path: Path) -> dict[str, Stream]:
    """The tars of a package that has been read without complaint, so that its size is known."""
    if not path.name.endswith(".conda"):
        import bz2

        with path.open("rb") as file:
            stored = _digest(_pieces(file))
        with bz2.open(path, "rb") as unpacked:
            return {"": Stream(stored, _digest(_pieces(unpacked)))}
    import zstandard

    found = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            with archive.open(info) as packed:
                stored = _digest(_pieces(packed))
            with archive.open(info) as packed:
                reader: Any = packed
                if info.filename.endswith(".zst"):
                    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
                    reader = decompressor.stream_reader(packed, read_across_frames=True)
                unpacked_digest = _digest(_pieces(reader))
            wrapping = (info.compress_type, list(info.date_time), info.create_system)
            found[info.filename] = Stream(stored, unpacked_digest, wrapping)
    return found


def _pieces(stream: IO[bytes] | Any) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK):
        yield piece


def _digest(pieces: Iterator[bytes]) -> str:
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
