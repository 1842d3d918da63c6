"""Two files or directories of no layer of their own: wheels, archives, libraries, trees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.errors import Infrastructure

_EXECUTABLE = 0o111


def compare_files(left: Path, right: Path) -> Comparison:
    """Compares two files, whatever they are. Raises `Infrastructure` where one is unreadable."""
    with Scratch() as scratch:
        contents = _content(left), _content(right)
        found = Inside(scratch).differences((left.name,), left.name, *contents)
        return Comparison.of(found)


def compare_trees(left: Path, right: Path) -> Comparison:
    """Compares two directories file by file. Times and owners of the files are no part of them.

    Raises `Infrastructure` where something cannot be read.
    """
    with Scratch() as scratch:
        return Comparison.of(_tree(left, right, Inside(scratch)))


def _tree(left: Path, right: Path, inside: Inside) -> Iterator[Difference]:
    old, new = _files(left), _files(right)
    pairs = {name: (old.get(name), new.get(name)) for name in sorted({*old, *new})}
    same = {name for name, pair in pairs.items() if None not in pair and _same(*pair)}
    changed = set(pairs) - same
    for name, (first, second) in pairs.items():
        where = (left.name, name)
        if first is None or second is None:
            known = first or second
            assert known is not None
            sides: tuple[Any, Any] = (_told(known), None) if first else (None, _told(known))
            cause = "file-removed" if first else "file-added"
            yield Difference(where, "file", "payload", *sides, cause)
        elif first.is_symlink() or second.is_symlink():
            targets = _told(first), _told(second)
            if targets[0] != targets[1]:
                yield Difference(where, "target", "payload", *targets, "link-target")
        else:
            yield from _mode(where, first, second)
            if name not in same:
                contents = _content(first), _content(second)
                yield from inside.differences(where, name, *contents, changed)


def _files(root: Path) -> dict[str, Path]:
    """All files and links by their paths with `/`."""
    found: dict[str, Path] = {}
    for directory, folders, names in os.walk(root, onerror=_raise):
        links = [name for name in folders if Path(directory, name).is_symlink()]
        for name in (*names, *links):
            path = Path(directory, name)
            if path.is_symlink() or path.is_file():
                found[path.relative_to(root).as_posix()] = path
    return found


def _raise(error: OSError) -> None:
    raise _unreadable(error.filename, error) from None


def _unreadable(path: Path | str, error: OSError) -> Infrastructure:
    return Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path)


def _same(left: Path | None, right: Path | None) -> bool:
    from pytest_pixipack.compare.artifacts import same_bytes

    assert left is not None
    assert right is not None
    if left.is_symlink() or right.is_symlink():
        return _told(left) == _told(right)
    return same_bytes(left, right)


def _told(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink().as_posix()}"
    return _content(path).digest()


def _mode(where: tuple[str, ...], left: Path, right: Path) -> Iterator[Difference]:
    if os.name == "nt":
        return  # files have no such bits there
    old, new = (bool(path.stat().st_mode & _EXECUTABLE) for path in (left, right))
    if old != new:
        yield Difference(where, "executable", "payload", old, new, "mode")


def _content(path: Path) -> Content:
    try:
        with path.open("rb"):
            return Content.file(path)
    except OSError as error:
        raise _unreadable(path, error) from None
