"""Differences between two installed environments, wherever they were installed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.artifacts import compare_files
from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.notation import json_notation
from pytest_pixipack.compare.prefix_records import record_differences
from pytest_pixipack.compare.records import Where, compare_lists
from pytest_pixipack.compare.trees import mode_differences
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.prefix.placed import Place, place_of
from pytest_pixipack.regular_files import open_regular

if TYPE_CHECKING:
    from pytest_pixipack.prefix import Prefix
    from pytest_pixipack.prefix.files import PrefixFiles

_META = "conda-meta"
_STATE = "conda-meta/state"
_RECORD = re.compile(r"conda-meta/[^/]+\.json")
# Larger files are not searched for the path of the prefix.
_MOST_BYTES = 64 << 20
_SCRIPT = re.compile(r"activate\.\w+")


def compare_prefixes(left: Path, right: Path) -> Comparison:
    """Compares two prefixes, or two directories that a pack was unpacked to (`env` and scripts).

    The paths of the prefixes themselves are the same thing wherever they are written into files.
    That a package came from another place is metadata; the history is compared without its times
    and commands. Pipes and sockets that programs left there are not looked at. Raises as
    `read_prefix` does, and `InvalidInput` for one in the place of an installed file.
    """
    from pytest_pixipack.prefix import prefix_files, read_prefix

    first, second = _environment(left), _environment(right)
    prefixes = (read_prefix(first), read_prefix(second))
    files = (prefix_files(first), prefix_files(second))
    with Scratch() as scratch:
        found = list(_Prefixes(*prefixes, *files, scratch).differences())
    if first != left and second != right:
        found += _scripts(left, right, place_of(first), place_of(second))
    return Comparison.of(found)


def _environment(path: Path) -> Path:
    inner = path / "env"
    return inner if not (path / _META).is_dir() and (inner / _META).is_dir() else path


class _Prefixes:
    """Two prefixes and the files in them."""

    def __init__(
        self,
        left: Prefix,
        right: Prefix,
        first: PrefixFiles,
        second: PrefixFiles,
        scratch: Scratch,
    ) -> None:
        self.inside = Inside(scratch)
        self.left, self.right = left, right
        self.first, self.second = first, second
        self.where: Where = (left.path.name,)
        self.here, self.there = place_of(left.path), place_of(right.path)
        installed = [
            file
            for prefix in (left, right)
            for facts in prefix.packages.values()
            for file in (facts.files or {}).values()
        ]
        self.owned = {file.path for file in installed}
        self.binaries = {file.path for file in installed if file.placeholder_mode == "binary"}

    def differences(self) -> Iterator[Difference]:
        paths = [
            path
            for path in sorted({*self.first, *self.second})
            if not _RECORD.fullmatch(path) and path != f"{_META}/history"
        ]
        pairs = {path: self._pair(path) for path in paths}
        changed = {path for path, (old, new) in pairs.items() if old != new}
        yield from self._records(changed)
        yield from self._history()
        for path in paths:
            if any(pairs[path]):
                yield from self._file(path, *pairs[path], changed)

    def _records(self, changed: Collection[str]) -> Iterator[Difference]:
        left, right = self.left.records, self.right.records
        for name in sorted({*left, *right}):
            where = (*self.where, _META, name)
            old, new = left.get(name), right.get(name)
            if old is None or new is None:
                sides: tuple[Any, Any] = (old and _dist(old), new and _dist(new))
                cause = "file-added" if old is None else "file-removed"
                yield Difference(where, "package", "payload", *sides, cause)
                continue
            yield from record_differences(where, old, new, (self.here, self.there), changed)
            if old == new:
                texts = [
                    (prefix.path / _META / prefix.record_files[name]).read_bytes()
                    for prefix in (self.left, self.right)
                ]
                yield from json_notation(where, *texts, told=False)

    def _history(self) -> Iterator[Difference]:
        """What the history says beside what the records say."""
        dists = [{_dist(each) for each in prefix.records.values()}
                 for prefix in (self.left, self.right)]  # fmt: skip
        told = dists[0] ^ dists[1]
        left, right = (
            [line for line in _lines(prefix.history) if line.lstrip("+-") not in told]
            for prefix in (self.left, self.right)
        )
        where = (*self.where, f"{_META}/history")
        yield from compare_lists(where, "packages", left, right, kind="metadata")

    def _pair(self, path: str) -> tuple[FileFacts | None, FileFacts | None]:
        """The two files as if both prefixes were at one place."""
        old = self._found(path, self.first.get(path), self.here)
        new = self._found(path, self.second.get(path), self.there)
        return self._placed(path, old, new) if old and new and old != new else (old, new)

    def _found(self, path: str, file: FileFacts | None, place: Place) -> FileFacts | None:
        """The file, or None for a pipe, a socket or a device, which programs leave behind.

        Raises `InvalidInput` where it is in the place of a file that a package installed.
        """
        if file is None or file.kind != "file" or file.sha256 is not None:
            return file
        if path in self.owned:
            open_regular(place.root / path).close()
        return None

    def _file(
        self, path: str, old: FileFacts | None, new: FileFacts | None, changed: set[str]
    ) -> Iterator[Difference]:
        from pytest_pixipack.prefix import is_installers

        where = (*self.where, path)
        mine = is_installers(path) and path != _STATE
        found = list(compare_files(where, old, new, content=False))
        if old and new and old.kind == new.kind == "file":
            if old.executable == new.executable:
                found += self._mode(where, path)
            if old.sha256 != new.sha256:
                found += self._content(where, path, old, new, changed)
        for each in found:
            yield replace(each, kind="metadata") if mine else each

    def _mode(self, where: Where, path: str) -> Iterator[Difference]:
        """The other permission bits."""
        files = self.left.path / path, self.right.path / path
        for each in mode_differences(where, *files):
            yield replace(each, field="mode", kind="metadata")

    def _content(
        self, where: Where, path: str, old: FileFacts, new: FileFacts, changed: set[str]
    ) -> list[Difference]:
        data = self.here.content(path, _MOST_BYTES), self.there.content(path, _MOST_BYTES)
        if data[0] is None or data[1] is None:
            return [Difference(where, "content", "payload", old.sha256, new.sha256, "content")]
        pair = Content.of(data[0]), Content.of(data[1])
        return self.inside.differences(where, path, *pair, changed)

    def _placed(self, path: str, old: FileFacts, new: FileFacts) -> tuple[FileFacts, FileFacts]:
        """The two files as if both prefixes were at one place."""
        binary = path in self.binaries
        return (
            _as_if(self.here, path, old, binary=binary),
            _as_if(self.there, path, new, binary=binary),
        )


def _as_if(place: Place, path: str, file: FileFacts, *, binary: bool) -> FileFacts:
    if file.kind == "link":
        target = place.text(file.target or "")
        return replace(file, target=target, sha256=None)
    return replace(file, sha256=place.digest(path, binary=binary), size=None)


def _scripts(left: Path, right: Path, here: Place, there: Place) -> Iterator[Difference]:
    """The activation scripts beside the environments."""
    names = {path.name for each in (left, right) for path in each.iterdir() if path.is_file()}
    for name in sorted(filter(_SCRIPT.fullmatch, names)):
        old, new = _script(left / name, here), _script(right / name, there)
        if old == new:
            continue
        cause = "content"
        if old is None or new is None:
            cause = "file-added" if old is None else "file-removed"
        elif sorted(old.splitlines()) == sorted(new.splitlines()):
            cause = "line-order"
        yield Difference((left.name, name), "content", "payload", old, new, cause)


def _script(path: Path, place: Place) -> str | None:
    if not path.is_file():
        return None
    return place.text(path.read_bytes().decode("utf-8", "replace"))


def _dist(record: Mapping[str, Any]) -> str:
    return f"{record.get('name')}-{record.get('version')}-{record.get('build')}"


def _lines(history: str | None) -> list[str]:
    """The packages of a history, without the channel that they came from."""
    lines = (history or "").splitlines()
    return [line.rpartition("::")[2] for line in lines if line.startswith(("+", "-"))]
