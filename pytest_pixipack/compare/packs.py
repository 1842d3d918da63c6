"""Differences between two packs, whatever their form."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.artifacts import compare_artifacts, same_bytes
from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.inside.members import without_padding
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.notation import json_notation, yaml_notation
from pytest_pixipack.compare.pack_carrier import carrier_differences
from pytest_pixipack.compare.pairing import Named, paired
from pytest_pixipack.compare.records import (
    Where,
    compare_lists,
    compare_order,
    compare_records,
    without_repeated,
)
from pytest_pixipack.compare.repodata import TABLES, compare_entries, entries, entry_of
from pytest_pixipack.compare.shares import done_in_shares
from pytest_pixipack.errors import PixipackError

if TYPE_CHECKING:
    from pytest_pixipack.pack import Pack, PackMember
    from pytest_pixipack.pack.container import Container

_SUFFIXES = (".conda", ".tar.bz2")
# Repodata says these of the file: where the file differs, they have to.
_OF_THE_FILE = ("sha256", "md5", "size")
_CHUNK = 1 << 20


def compare_packs(left: Path, right: Path) -> Comparison:
    """Compares two packs: tar files, directories, self-extracting scripts, also of two forms.

    Packages are compared as `compare_artifacts` does. Files with the same bytes are identical
    without being opened. Raises as `read_pack` and `read_artifact` do.
    """
    if left.is_file() and right.is_file() and same_bytes(left, right):
        return Comparison()
    from pytest_pixipack.pack import read_pack
    from pytest_pixipack.pack.container import open_container

    packs = (read_pack(left, digests=False), read_pack(right, digests=False))
    with (
        open_container(left) as first,
        open_container(right) as second,
        tempfile.TemporaryDirectory(prefix="pixipack-") as scratch,
    ):
        return Comparison.of(_Packs(*packs, first, second, Path(scratch)).differences())


class _Packs:
    """Two packs that are not the same byte for byte, and their open containers."""

    def __init__(
        self, left: Pack, right: Pack, first: Container, second: Container, scratch: Path
    ) -> None:
        self.scratch = scratch
        self.compared: dict[tuple[str, str], bool] = {}
        self.left, self.right = left, right
        self.first, self.second = first, second
        self.where: Where = (left.path.name,)
        self.old, self.new = _files(left), _files(right)

    def differences(self) -> list[Difference]:
        pairs = self._pairs()
        packages = list(self._packages(pairs))
        repodata = without_repeated(packages, list(self._repodata(pairs)))
        found = [
            *self._metadata(),
            *self._environment(),
            *packages,
            *repodata,
            *self._others(pairs),
            *carrier_differences(self.where, self.left, self.right, self.first, self.second),
        ]
        if not found and self.left.form != "directory":
            sides: tuple[Any, Any] = (self.left.path.stat().st_size, self.right.path.stat().st_size)
            found.append(Difference(self.where, "bytes", "metadata", *sides, "archive-format"))
        return without_padding(found)

    def _metadata(self) -> Iterator[Difference]:
        from pytest_pixipack.pack.model import METADATA

        left, right, key = dict(self.left.metadata), dict(self.right.metadata), "pixi-pack-version"
        where = (*self.where, METADATA)
        old, new = left.pop(key, None), right.pop(key, None)
        if old != new:
            yield Difference(where, key, "metadata", old, new, "tool-version")
        for field in sorted({*left, *right}):
            if left.get(field) != right.get(field):
                kind = "payload" if field == "platform" else "metadata"
                sides: tuple[Any, Any] = (left.get(field), right.get(field))
                yield Difference(where, field, kind, *sides, "unknown")  # type: ignore[arg-type]
        yield from self._text(METADATA, told=self.left.metadata != self.right.metadata)

    def _environment(self) -> Iterator[Difference]:
        from pytest_pixipack.pack.model import ENVIRONMENT

        where = (*self.where, ENVIRONMENT)
        left, right = self.left.environment_yml, self.right.environment_yml
        if left is None or right is None:
            return  # a file that was added or removed
        if left.channels != right.channels:
            sides: tuple[Any, Any] = (list(left.channels), list(right.channels))
            yield Difference(where, "channels", "payload", *sides, "unknown")
        for field in ("dependencies", "pip"):
            old, new = self._unexplained(getattr(left, field), getattr(right, field))
            yield from compare_lists(where, field, old, new, cause="dependency-change")
        if replace(left, text="") == replace(right, text="") and left.text != right.text:
            yield from yaml_notation(where, left.text, right.text)

    def _unexplained(
        self, left: tuple[str, ...], right: tuple[str, ...]
    ) -> tuple[list[str], list[str]]:
        """Two lists of requirements without the packages that are not the same in both packs."""
        sides = [{facts.dist for facts in pack.records} for pack in (self.left, self.right)]
        wheels = [set(pack.wheels) for pack in (self.left, self.right)]
        changed = {_plain_name(facts.name) for pack in (self.left, self.right)
                   for facts in pack.records if facts.dist in sides[0] ^ sides[1]}  # fmt: skip
        changed |= {_wheel_name(name) for name in wheels[0] ^ wheels[1]}
        old, new = ([each for each in side if _required(each) not in changed]
                    for side in (left, right))  # fmt: skip
        return old, new

    def _pairs(self) -> dict[str, str]:
        """Which package file belongs to which: the same name, else the same package."""
        old, new = _packages(self.old), _packages(self.new)
        same = {name: name for name in old & new}
        return same | paired(_named(self.left, old), _named(self.right, new))

    def _packages(self, pairs: Mapping[str, str]) -> Iterator[Difference]:
        unlike = [pair for pair in sorted(pairs.items()) if not self._same(*pair)]
        inside = dict(zip(unlike, self._insides(unlike), strict=True))
        for name, other in sorted(pairs.items()):
            if (name, other) in inside:
                yield from inside[name, other]
            elif name != other:
                sides = (name.rpartition("/")[2], other.rpartition("/")[2])
                where = (*self.where, name)
                yield Difference(where, "file name", "payload", *sides, "build-string")

    def _insides(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[Difference, ...]]:
        """What the two packages of each pair differ in."""
        containers = self.first, self.second

        def here(share: Sequence[tuple[str, str]]) -> Iterator[tuple[Difference, ...]]:
            return (self._inside(pair, containers, self.scratch) for pair in share)

        def there(share: Sequence[tuple[str, str]]) -> Iterator[tuple[Difference, ...]]:
            from pytest_pixipack.pack.container import open_container

            place = self.scratch / str(os.getpid())
            with (
                open_container(self.left.path) as first,
                open_container(self.right.path) as second,
            ):
                yield from (self._inside(pair, (first, second), place) for pair in share)

        # A script has to be decoded as a whole before anything can be read.
        scripts = "executable" in (self.left.form, self.right.form)
        return list(here(pairs)) if scripts else done_in_shares(pairs, here, there)

    def _inside(
        self, names: tuple[str, str], containers: tuple[Container, Container], scratch: Path
    ) -> tuple[Difference, ...]:
        """What two packages differ in, each of which is read from a file of its own."""
        sides = zip((self.left, self.right), containers, names, strict=True)
        paths = {}
        for number, (pack, container, member) in enumerate(sides):
            path = Path(scratch, str(number), Path(member).name)
            _copy(container, member, path)
            paths[path] = pack.path, member
        try:
            left, right = paths
            return compare_artifacts(left, right, (*self.where, names[0])).differences
        except PixipackError as error:
            raise _in_its_pack(error, paths) from None
        finally:
            for path in paths:
                path.unlink()

    def _repodata(self, pairs: Mapping[str, str]) -> Iterator[Difference]:
        from pytest_pixipack.pack.model import CHANNEL, REPODATA

        for subdir in sorted({*self.left.repodata, *self.right.repodata}):
            name = f"{CHANNEL}/{subdir}/{REPODATA}"
            left, right = self.left.repodata.get(subdir), self.right.repodata.get(subdir)
            if left is None or right is None:
                continue  # a file that was added or removed
            found = list(self._subdir(name, left, right, pairs))
            yield from found
            told = left != right or bool(found)
            ordered = not any(each.cause == "member-order" for each in found)
            yield from self._text(name, told=told, ordered=ordered)

    def _subdir(
        self, name: str, left: Mapping[str, Any], right: Mapping[str, Any], pairs: Mapping[str, str]
    ) -> Iterator[Difference]:
        where, directory = (*self.where, name), name.rpartition("/")[0]
        yield from compare_records(where, left, right, ignore=TABLES, kind="metadata")
        old, new = entries(left), entries(right)
        found = set()
        for table, file_name in sorted(old):
            path = f"{directory}/{file_name}"
            other = pairs.get(path, path)
            key = entry_of(new, table, other.rpartition("/")[2])
            if key is None:
                if not self._has_only(self.old, self.new, path):
                    yield _entry(where, file_name, table, "file-removed")
                continue
            found.add(key)
            ignore = () if self._same(path, other) else _OF_THE_FILE
            yield from compare_entries(where, (table, file_name), key, old, new, ignore)
        for table, file_name in sorted(set(new) - found):
            if not self._has_only(self.new, self.old, f"{directory}/{file_name}"):
                yield _entry(where, file_name, table, "file-added")
        for table in TABLES:
            names = [[name for key, name in each if key == table] for each in (old, new)]
            if (order := compare_order(where, table, *names)) is not None:
                yield order

    def _others(self, pairs: Mapping[str, str]) -> Iterator[Difference]:
        """Files that were added or removed, and those that nothing else speaks of."""
        left = set(self.old) - set(pairs)
        right = set(self.new) - set(pairs.values())
        wheels = dict(_renamed_wheels(left - right, right - left))
        for name, other in wheels.items():
            sides: tuple[Any, Any] = (name.rpartition("/")[2], other.rpartition("/")[2])
            yield Difference((*self.where, name), "file name", "payload", *sides, "version-change")
        for name in sorted((left ^ right) - {*wheels, *wheels.values()}):
            sides = (
                _digest(self.first, name) if name in left else None,
                _digest(self.second, name) if name in right else None,
            )
            cause = "file-removed" if name in left else "file-added"
            yield Difference((*self.where, name), "file", "payload", *sides, cause)
        with Scratch() as scratch:
            for name in sorted(left & right):
                if _is_read(name) or self._same(name, name):
                    continue
                contents = (_kept(self.first, name, scratch), _kept(self.second, name, scratch))
                yield from Inside(scratch).differences((*self.where, name), name, *contents)
                for each in contents:
                    scratch.drop(each)

    def _text(self, name: str, *, told: bool, ordered: bool = True) -> Iterator[Difference]:
        if name not in self.old or name not in self.new or self._same(name, name):
            return
        with self.first.open(name) as left, self.second.open(name) as right:
            texts = left.read(), right.read()
            place = (*self.where, name)
            yield from json_notation(place, *texts, told=told, ordered=ordered)

    @staticmethod
    def _has_only(
        mine: Mapping[str, PackMember], other: Mapping[str, PackMember], name: str
    ) -> bool:
        """Whether only one side has a file, which is told as such."""
        return name in mine and name not in other

    def _same(self, name: str, other: str) -> bool:
        """Whether two files have the same bytes, or neither pack has one."""
        old, new = self.old.get(name), self.new.get(other)
        if old is None or new is None or old.size != new.size:
            return old is new
        if (name, other) not in self.compared:
            with self.first.open(name) as left, self.second.open(other) as right:
                pieces = iter(lambda: (left.read(_CHUNK), right.read(_CHUNK)), (b"", b""))
                self.compared[name, other] = all(one == two for one, two in pieces)
        return self.compared[name, other]


def _digest(container: Container, name: str) -> str:
    hasher = hashlib.sha256()
    with container.open(name) as stream:
        while piece := stream.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def _files(pack: Pack) -> dict[str, PackMember]:
    return {member.name: member for member in pack.members if member.kind == "file"}


def _packages(files: Mapping[str, PackMember]) -> set[str]:
    return {name for name in files if name.startswith("channel/") and name.endswith(_SUFFIXES)}


def _named(pack: Pack, names: set[str]) -> Iterator[Named]:
    for facts in pack.records:
        name = f"channel/{facts.subdir}/{facts.file_name}"
        if name in names:
            known = str(facts.version), str(facts.build)
            yield Named(name, str(facts.subdir), facts.name, *known)


def _in_its_pack(error: PixipackError, paths: Mapping[Path, tuple[Path, str]]) -> PixipackError:
    """The error of a package that was read from a copy, with the place where it really is."""
    for path, (pack, member) in paths.items():
        if error.file == str(path):
            message = f"`{member}` cannot be read: {error.message}"
            return type(error)(message, file=pack, remedy=error.remedy)
    return error


def _is_read(name: str) -> bool:
    from pytest_pixipack.pack.model import ENVIRONMENT, METADATA, REPODATA

    return name in (ENVIRONMENT, METADATA) or name.rpartition("/")[2] == REPODATA


def _entry(where: Where, file_name: str, table: str, cause: str) -> Difference:
    sides: tuple[Any, Any] = (table, None) if cause == "file-removed" else (None, table)
    return Difference((*where, file_name), "record", "payload", *sides, cause)


def _required(text: str) -> str:
    """The name in a line of environment.yml: `name=version=build`, or of pip: `name==version`."""
    return _plain_name(text.partition("=")[0].strip())


def _wheel_name(file: str) -> str:
    return _plain_name(file.partition("-")[0])


def _plain_name(name: str) -> str:
    return name.lower().replace("_", "-")


def _renamed_wheels(left: set[str], right: set[str]) -> Iterator[tuple[str, str]]:
    """Wheels of the same project, of which both packs have one."""
    sides = []
    for names in (left, right):
        found: dict[str, list[str]] = {}
        for name in names:
            if name.endswith(".whl"):
                found.setdefault(_wheel_name(name.rpartition("/")[2]), []).append(name)
        sides.append(found)
    for project in sorted(set(sides[0]) & set(sides[1])):
        if len(sides[0][project]) == len(sides[1][project]) == 1:
            yield sides[0][project][0], sides[1][project][0]


def _kept(container: Container, name: str, scratch: Scratch) -> Content:
    with container.open(name) as stream:
        return scratch.keep(iter(lambda: stream.read(_CHUNK), b""))


def _copy(container: Container, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with container.open(name) as source, path.open("wb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
