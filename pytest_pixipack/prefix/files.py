"""The files that really are in a prefix."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.facts import FileFacts

_CHUNK = 1 << 20
# What an installer puts into a prefix that no package owns.
_INSTALLERS = frozenset({"conda-meta", "CACHEDIR.TAG", ".pixi", ".condarc"})


class PrefixFiles(Mapping[str, FileFacts]):
    """All files and links below a prefix by path (with `/`), sorted; directories are left out.

    The tree is listed once; a file is read and hashed when it is asked for. A link's `target` is
    its text, with `/`, and its sha256 that of this text, as conda-meta records it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths = dict.fromkeys(sorted(_walk(root, "")))
        self._known: dict[str, FileFacts] = {}

    def __getitem__(self, path: str) -> FileFacts:
        if path not in self._paths:
            raise KeyError(path)
        if path not in self._known:
            self._known[path] = _facts(self._root, path)
        return self._known[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths


def prefix_files(path: Path) -> PrefixFiles:
    """The files below the prefix at `path`; see `PrefixFiles`.

    Raises `Infrastructure`, here and on access, where something cannot be read.
    """
    return PrefixFiles(path)


def is_installers(path: str) -> bool:
    """Whether a file belongs to the installer rather than to a package: records, cache tags."""
    return path.partition("/")[0] in _INSTALLERS


def _walk(root: Path, parent: str) -> Iterator[str]:
    try:
        with os.scandir(root / parent if parent else root) as entries:
            listed = list(entries)
    except OSError as error:
        raise _unreadable(root / parent, error) from None
    for entry in listed:
        path = f"{parent}/{entry.name}" if parent else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path)
        else:
            yield path


def _facts(root: Path, path: str) -> FileFacts:
    file = root / path
    try:
        if file.is_symlink():
            target = os.readlink(file).replace(os.sep, "/")  # noqa: PTH115 - Path normalises it
            digest = hashlib.sha256(target.encode(errors="surrogateescape")).hexdigest()
            return FileFacts(path, kind="link", sha256=digest, target=target)
        stat = file.stat()
        return FileFacts(
            path,
            sha256=_digest(file),
            size=stat.st_size,
            executable=bool(stat.st_mode & 0o100),
        )
    except OSError as error:
        raise _unreadable(file, error) from None


def _digest(file: Path) -> str:
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def _unreadable(file: Path, error: OSError) -> Infrastructure:
    return Infrastructure(f"The file cannot be read: {error.strerror or error}.", file=file)
