"""Looking into two files of one name: what they are decides how they are compared."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from pytest_pixipack.compare.inside import (
    ars,
    fat,
    streams,
    tars,
    wheel_metadata,
    wheel_record,
    zips,
)
from pytest_pixipack.compare.inside.binary import binary_differences
from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.inside.lockstep import NotAligned, aligned
from pytest_pixipack.compare.inside.members import (
    Archive,
    Listing,
    contents,
    header_differences,
    listing,
    without_padding,
)
from pytest_pixipack.compare.inside.programs import program_differences, program_reader
from pytest_pixipack.compare.inside.pyc import is_pyc, pyc_differences
from pytest_pixipack.compare.inside.structured import (
    as_white_space,
    is_json,
    parsed_json,
    structured_differences,
)
from pytest_pixipack.compare.inside.text import Text, carrier_differences, decoded, text_differences
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import compare_record_texts
from pytest_pixipack.damages import DAMAGES

Where = tuple[str, ...]
_HEAD = 4096
# Texts that are larger are compared as bytes.
_MOST_TEXT = 16 << 20
# Archives in archives: what is deeper is compared as bytes.
_DEEPEST = 16
_RECORDS = re.compile(r"(?:.*/)?(?:info/index\.json|conda-meta/[^/]+\.json|repodata\.json)")
# Differing members of an archive that are taken out in one go.
_AT_ONCE = 500


class Inside:
    """Compares contents; `scratch` holds what has to be unpacked."""

    def __init__(self, scratch: Scratch, depth: int = 0) -> None:
        self._scratch = scratch
        self._depth = depth

    def differences(
        self,
        where: Where,
        name: str,
        left: Content,
        right: Content,
        changed: Collection[str] = (),
    ) -> list[Difference]:
        """What two contents of a file differ in; at least one difference where their bytes differ.

        `where` is the place of the file, `name` its path in what holds it. `changed` are the paths
        beside it that differ as well: what only repeats that (a `RECORD`) may give no difference.
        """
        if left.size == right.size and left.digest() == right.digest():
            return []
        try:
            found = self._known(where, name, left, right, changed)
        except Unreadable as reason:
            return _unread(where, left, right, str(reason))
        except DAMAGES as error:
            # Of all that a hostile file can be, a reader has not foreseen something.
            return _unread(where, left, right, f"it is damaged ({type(error).__name__})")
        if found is None or not (found or wheel_record.is_record(name)):
            return binary_differences(where, left, right)
        return found

    def _known(
        self, where: Where, name: str, left: Content, right: Content, changed: Collection[str]
    ) -> list[Difference] | None:
        heads = left.head(_HEAD), right.head(_HEAD)
        if self._depth < _DEEPEST:
            compressions = [streams.compression_of(each) for each in heads]
            if compressions[0] and compressions[1]:
                sides = (compressions[0], compressions[1])
                return self._stream(where, name, left, right, sides)
            if all(map(tars.looks_like_tar, heads)):
                return self._archive(where, _tar(left), _tar(right))
            if all(map(_is_zip, heads)):
                return self._zip(where, left, right)
            fronts = zips.front(left.open), zips.front(right.open)
            if fronts[0] and fronts[1]:
                return self._zip_behind(where, name, left, right, (fronts[0], fronts[1]))
            if all(map(ars.is_ar, heads)):
                return self._ar(where, left, right)
            if all(map(fat.is_fat, heads)):
                return self._archive(where, fat.Fat(left.open), fat.Fat(right.open))
        if all(is_pyc(name, each) for each in heads):
            return pyc_differences(where, left, right)
        readers = [program_reader(each) for each in heads]
        if readers[0] is not None and readers[0] is readers[1]:
            return program_differences(where, left, right, readers[0], self._scratch, self._deeper)
        return self._text(where, name, left, right, changed)

    def _text(
        self, where: Where, name: str, left: Content, right: Content, changed: Collection[str]
    ) -> list[Difference] | None:
        data = left.whole(_MOST_TEXT), right.whole(_MOST_TEXT)
        if data[0] is None or data[1] is None:
            return None
        first, second = decoded(data[0]), decoded(data[1])
        if first is None or second is None:
            return None
        if wheel_record.is_record(name):
            record = wheel_record.record_differences(where, name, first, second, changed)
            if record is not None:
                return record
        if first.plain != second.plain:
            carried = list(carrier_differences(where, first, second))
            known = _record(where, name, first, second)
            if known is None:
                known = structured_differences(where, name, first, second)
            if known is not None:
                return [*as_white_space(carried), *known]
            headers = wheel_metadata.header_file(name)
            if headers is not None:
                found = wheel_metadata.header_differences(where, headers, first, second)
                if found is not None:
                    return found
        elif is_json(first):
            return as_white_space(text_differences(where, first, second))
        return text_differences(where, first, second)

    def _stream(
        self, where: Where, name: str, left: Content, right: Content, sides: tuple[str, str]
    ) -> list[Difference]:
        """Two compressed files: their headers, and what they unpack to."""
        if sides == ("gzip", "gzip") and _same_bodies(left, right):
            return list(_gzip(where, left, right, same=True))
        inner = [
            self._scratch.keep(streams.unpacked(content, compression))
            for content, compression in ((left, sides[0]), (right, sides[1]))
        ]
        found = self._deeper(where, _unpacked_name(name), inner[0], inner[1])
        same = not found
        for each in inner:
            self._scratch.drop(each)
        if sides[0] != sides[1]:
            found.append(Difference(where, "compression", "metadata", *sides, "compression"))
        elif sides[0] == "gzip":
            found += _gzip(where, left, right, same=same)
        elif same:
            told = _told(left, right)
            found.append(Difference(where, "compressed bytes", "metadata", *told, "compression"))
        return found

    def _zip(self, where: Where, left: Content, right: Content) -> list[Difference]:
        return self._zipped(where, left, right) or [_other_form(where, left, right)]

    def _zip_behind(
        self, where: Where, name: str, left: Content, right: Content, fronts: tuple[int, int]
    ) -> list[Difference]:
        """Two archives behind something else: launchers of Windows, zipapps, installers."""
        pieces = [
            self._scratch.keep(_pieces(content, size))
            for content, size in zip((left, right), fronts, strict=True)
        ]
        found = self._deeper(where, name, pieces[0], pieces[1])
        for each in pieces:
            self._scratch.drop(each)
        zipped = self._zipped(where, left, right)
        found += [each for each in zipped if each.field != "bytes in front"]
        return found or [_other_form(where, left, right)]

    def _zipped(self, where: Where, left: Content, right: Content) -> list[Difference]:
        first, second = zips.Zip(left.open), zips.Zip(right.open)
        raw, changed = self._members(where, first, second)
        found = list(zips.without_consequences(raw))
        spoken = {each.where for each in found if each.cause == "compression"}
        spoken |= {(*where, name) for name in changed}
        packed = zips.packed_digests(left.open), zips.packed_digests(right.open)
        for name in sorted(set(packed[0]) & set(packed[1])):
            place = (*where, name)
            if packed[0][name] != packed[1][name] and place not in spoken:
                sides = (packed[0][name], packed[1][name])
                found.append(
                    Difference(place, "compressed bytes", "metadata", *sides, "compression")
                )
        return found

    def _ar(self, where: Where, left: Content, right: Content) -> list[Difference]:
        found = self._members(where, ars.Ar(left.open), ars.Ar(right.open))[0]
        place = (*where, ars.SYMBOLS)
        members = [
            each
            for each in found
            if not (each.where[: len(place)] == place and each.field != "mtime")
            # Without members, an archive is of any dialect.
            and not (each.field == "dialect" and None in (each.left, each.right))
        ]
        follows = any(each.cause != "archive-member-header" for each in members)
        if len(members) < len(found) and not follows:
            members.append(Difference(place, "symbols", "metadata", None, None, "archive-format"))
        return members or [_other_form(where, left, right)]

    def _archive(self, where: Where, left: Archive, right: Archive) -> list[Difference]:
        found = without_padding(self._members(where, left, right)[0])
        return found or [Difference(where, "bytes", "metadata", None, None, "archive-format")]

    def _members(
        self, where: Where, left: Archive, right: Archive
    ) -> tuple[list[Difference], set[str]]:
        """What differs, and the names of all members that are not the same on both sides."""
        if isinstance(left, tars.Tar) and isinstance(right, tars.Tar):
            try:
                return self._side_by_side(where, left, right)
            except NotAligned:
                pass  # they are listed one by one
        first, second = listing(left), listing(right)
        found = list(header_differences(where, first, second))
        names = _differing(first, second)
        changed = {*names, *(set(first.members) ^ set(second.members))}
        for start in range(0, len(names), _AT_ONCE):
            wanted = set(names[start : start + _AT_ONCE])
            old = contents(left, wanted, self._scratch)
            new = contents(right, wanted, self._scratch)
            for name in sorted(wanted):
                found += self._deeper((*where, name), name, old[name], new[name], changed)
                self._scratch.drop(old[name])
                self._scratch.drop(new[name])
        return found, changed

    def _side_by_side(
        self, where: Where, left: tars.Tar, right: tars.Tar
    ) -> tuple[list[Difference], set[str]]:
        with left.opening() as one, right.opening() as other:
            both = aligned(one, other, self._scratch)
        old, new = (contents(each, both.late, self._scratch) for each in (left, right))
        for name in both.late:
            both.add(name, old[name], new[name])
        found = list(header_differences(where, both.left, both.right))
        changed = set(both.differing)
        for name, pair in sorted(both.differing.items()):
            found += self._deeper((*where, name), name, *pair, changed)
            self._scratch.drop(pair[0])
            self._scratch.drop(pair[1])
        return found, changed

    def _deeper(
        self, where: Where, name: str, left: Content, right: Content, changed: Collection[str] = ()
    ) -> list[Difference]:
        return Inside(self._scratch, self._depth + 1).differences(where, name, left, right, changed)


def _unread(where: Where, left: Content, right: Content, reason: str) -> list[Difference]:
    found = binary_differences(where, left, right)
    return [replace(each, evidence=f"not looked into: {reason}") for each in found]


def _tar(content: Content) -> tars.Tar:
    return tars.Tar(lambda: closing(content.open()))


def _told(left: Content, right: Content) -> tuple[Any, Any]:
    """Sizes where they differ, else digests."""
    if left.size != right.size:
        return left.size, right.size
    return left.digest(), right.digest()


def _differing(left: Listing, right: Listing) -> list[str]:
    return [
        name
        for name, old in left.members.items()
        if (new := right.members.get(name)) is not None
        and old.entry.kind == new.entry.kind == "file"
        and old.sha256 != new.sha256
    ]


def _is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _unpacked_name(name: str) -> str:
    for suffix, instead in streams.SUFFIXES.items():
        if name.endswith(suffix):
            return name.removesuffix(suffix) + instead
    return name


def _gzip(where: Where, left: Content, right: Content, *, same: bool) -> Iterator[Difference]:
    first, second = streams.gzip_header(left), streams.gzip_header(right)
    old, new = first.fields(), second.fields()
    for field in old:
        if old[field] != new[field]:
            yield Difference(where, field, "metadata", old[field], new[field], "gzip-header")
    if not same:
        return
    if not _same_bodies(left, right):
        sides: tuple[Any, Any] = _told(left, right)
        yield Difference(where, "compressed bytes", "metadata", *sides, "compression")
    elif first.extra_flags != second.extra_flags:
        sides = first.extra_flags, second.extra_flags
        yield Difference(where, "extra flags in header", "metadata", *sides, "gzip-header")


def _same_bodies(left: Content, right: Content) -> bool:
    """Whether two gzip streams are the same behind their headers."""
    first, second = streams.gzip_header(left).length, streams.gzip_header(right).length
    if left.size - first != right.size - second:
        return False
    return _rest(left, first) == _rest(right, second)


def _pieces(content: Content, size: int) -> Iterator[bytes]:
    with content.open() as stream:
        while size > 0 and (piece := stream.read(min(size, 1 << 18))):
            size -= len(piece)
            yield piece


def _rest(content: Content, start: int) -> str:
    hasher = hashlib.sha256()
    with content.open() as stream:
        stream.seek(start)
        while piece := stream.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()


def _record(where: Where, name: str, left: Text, right: Text) -> list[Difference] | None:
    """Records of packages that are found in archives, by what their fields mean."""
    if not _RECORDS.fullmatch(name):
        return None
    try:
        values = parsed_json(left.plain), parsed_json(right.plain)
    except ValueError:
        return None
    if not all(isinstance(each, Mapping) for each in values):
        return None
    return compare_record_texts(where, posixpath.basename(name), *values, left.plain, right.plain)


def _other_form(where: Where, left: Content, right: Content) -> Difference:
    sides = (left.digest(), right.digest())
    return Difference(where, "bytes", "metadata", *sides, "archive-format")
