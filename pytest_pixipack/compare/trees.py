"""Two directories of files of no layer of their own, and of packages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_pixipack.compare.files import content, unreadable
from pytest_pixipack.compare.inside import Inside, Scratch
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.pairing import Named, paired
from pytest_pixipack.compare.records import Where
from pytest_pixipack.errors import InvalidInput, Unsupported

_PACKAGES = (".conda", ".tar.bz2")
_EXECUTABLE = 0o111
_PERMISSIONS = 0o777


def compare_directories(left: Path, right: Path) -> tuple[Comparison, int | None]:
    """Compares two directories file by file, and counts the packages in them.

    Times and owners of the files are no part of them. Packages are compared as such, also one with
    another build or version of it; what is no package, or cannot be read as one, as the file that
    it is. Raises `Infrastructure` where something cannot be read.
    """
    with Scratch() as scratch:
        trees = _Trees(left, right, Inside(scratch))
        return Comparison.of(trees.differences()), trees.packages


class _Trees:
    """The files of two directories, and which of them belong together."""

    def __init__(self, left: Path, right: Path, inside: Inside) -> None:
        self.inside = inside
        self.where: Where = (left.name,)
        self.old, self.new = _files(left), _files(right)
        self.pairs = _pairs(self.old, self.new)
        same = {
            name
            for name, other in self.pairs.items()
            if name == other and _same(self.old[name], self.new[other])
        }
        self.same = same
        self.changed = {*self.old, *self.new} - same

    @property
    def packages(self) -> int | None:
        """How many packages there are, those that belong together as one; None for none."""
        left, right = (set(filter(_is_package, files)) for files in (self.old, self.new))
        return len(left) + len(right - set(self.pairs.values())) or None

    def differences(self) -> Iterator[Difference]:
        """All that differs."""
        for name, first in self.old.items():
            if name in self.pairs:
                yield from self._both(name, self.pairs[name])
            else:
                sides: tuple[Any, Any] = (_told(first), None)
                yield Difference((*self.where, name), "file", "payload", *sides, "file-removed")
        for name in sorted(set(self.new) - set(self.pairs.values())):
            sides = (None, _told(self.new[name]))
            yield Difference((*self.where, name), "file", "payload", *sides, "file-added")

    def _both(self, name: str, other: str) -> Iterator[Difference]:
        where = (*self.where, name)
        first, second = self.old[name], self.new[other]
        if first.is_symlink() or second.is_symlink():
            targets = _told(first), _told(second)
            if targets[0] != targets[1]:
                yield Difference(where, "target", "payload", *targets, "link-target")
            return
        yield from mode_differences(where, first, second)
        if name in self.same:
            return
        found = _of_packages(where, first, second) if _is_package(name) else None
        if found is None:
            contents = content(first), content(second)
            found = self.inside.differences(where, name, *contents, self.changed)
        yield from found
        if not found and name != other:
            names = name.rpartition("/")[2], other.rpartition("/")[2]
            yield Difference(where, "file name", "payload", *names, "build-string")


def mode_differences(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    """What the permission bits of two files differ in; nothing on Windows, which has none."""
    if os.name == "nt":
        return
    old, new = (path.lstat().st_mode & _PERMISSIONS for path in (left, right))
    executable = bool(old & _EXECUTABLE), bool(new & _EXECUTABLE)
    if executable[0] != executable[1]:
        yield Difference(where, "executable", "payload", *executable, "mode")
    elif old != new:
        yield Difference(where, "mode", "metadata", oct(old), oct(new), "mode")


def _of_packages(where: Where, left: Path, right: Path) -> list[Difference] | None:
    """What two packages differ in; None where one is none, or cannot be read."""
    from pytest_pixipack.compare.artifacts import compare_artifacts

    try:
        return list(compare_artifacts(left, right, where).differences)
    except (InvalidInput, Unsupported):
        return None


def _pairs(old: Mapping[str, Path], new: Mapping[str, Path]) -> dict[str, str]:
    """The files of both sides that belong together, by their paths."""
    same = {name: name for name in old if name in new}
    left, right = ([name for name in files if _is_package(name)] for files in (old, new))
    if set(left) <= set(same) or set(right) <= set(same):
        return same
    return same | paired(_named(left), _named(right))


def _named(names: Iterable[str]) -> Iterator[Named]:
    """The packages among some files, as their names tell them: `name-version-build`."""
    for name in names:
        path = PurePosixPath(name)
        suffix = next(each for each in _PACKAGES if name.endswith(each))
        parts = path.name.removesuffix(suffix).rsplit("-", 2)
        if len(parts) == 3:
            yield Named(name, str(path.parent), *parts)


def _is_package(name: str) -> bool:
    return name.endswith(_PACKAGES)


def _files(root: Path) -> dict[str, Path]:
    """All files and links by their paths with `/`."""
    found: dict[str, Path] = {}
    for directory, folders, names in os.walk(root, onerror=_raise):
        links = [name for name in folders if Path(directory, name).is_symlink()]
        for name in (*names, *links):
            path = Path(directory, name)
            if path.is_symlink() or path.is_file():
                found[path.relative_to(root).as_posix()] = path
    return dict(sorted(found.items()))


def _raise(error: OSError) -> None:
    raise unreadable(error.filename, error) from None


def _same(left: Path, right: Path) -> bool:
    from pytest_pixipack.compare.artifacts import same_bytes

    if left.is_symlink() or right.is_symlink():
        return _told(left) == _told(right)
    return same_bytes(left, right)


def _told(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink().as_posix()}"
    return content(path).digest()
