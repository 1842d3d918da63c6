"""The files that really are in a prefix."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.regular_files import kind_of, open_regular

_CHUNK = 1 << 20
# What an installer puts into a prefix that no package owns.
_INSTALLERS = frozenset({"conda-meta", "CACHEDIR.TAG", ".pixi", ".condarc"})


class PrefixFiles(Mapping[str, FileFacts]):
    """All files and links below a prefix by path (with `/`), sorted; directories are left out.

    The tree is listed once; a file is read and hashed when it is asked for. A link's `target` is
    its text, with `/`, and its sha256 that of this text, as conda-meta records it. What is neither
    file nor link (a named pipe, a device, a socket) is not opened, and has no digest.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths = dict.fromkeys(sorted(_walk(root)))
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


def _walk(root: Path) -> Iterator[str]:
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        try:
            with os.scandir(root / parent if parent else root) as entries:
                for entry in entries:
                    path = f"{parent}/{entry.name}" if parent else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    else:
                        yield path
        except OSError as error:
            # A directory that is thousands deep has a path that nothing can show.
            raise _unreadable(root / parent if len(parent) < 1000 else root, error) from None


def _facts(root: Path, path: str) -> FileFacts:
    file = root / path
    try:
        status = file.lstat()
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(file).replace(os.sep, "/")  # noqa: PTH115 - Path normalises it
            digest = hashlib.sha256(target.encode(errors="surrogateescape")).hexdigest()
            return FileFacts(path, kind="link", sha256=digest, target=target)
        if kind_of(status.st_mode) is not None:
            return FileFacts(path)
        return FileFacts(
            path,
            sha256=_digest(file),
            size=status.st_size,
            executable=bool(status.st_mode & 0o100),
        )
    except OSError as error:
        raise _unreadable(file, error) from None


def _digest(file: Path) -> str:
    hasher = hashlib.sha256()
    with open_regular(file) as stream:
        while piece := stream.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def _unreadable(file: Path, error: OSError) -> Infrastructure:
    return Infrastructure(f"The file cannot be read: {error.strerror or error}.", file=file)
