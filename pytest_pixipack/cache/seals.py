"""Seals: the digest of all that is in a thing, written down when it is made.

They lie in a directory beside the things, which has the time at which the last of them was made.

What lies in a cache for months can be damaged by a disk, by a copy that broke off, by a build that
writes where it should not. What is not what its seal says is never used; it is made anew. The whole
content is read when a process first uses a thing; after that a look at the files is enough, for no
write leaves the time of the last change of a file's status (`st_ctime`) as it was.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

MADE = ".made"
_CHUNK = 1 << 20


def seal_of(home: Path) -> Path:
    """The file that holds the seal of a thing."""
    return home.parent / MADE / home.name


def is_whole(home: Path) -> bool:
    """Whether a thing is there and is what its seal says."""
    try:
        written = seal_of(home).read_text(encoding="ascii")
        return written.strip() == content_digest(home)
    except (OSError, ValueError):
        return False


def write_seal(home: Path, fresh: Path, temporary: Path) -> None:
    """Seals what is about to become `home` and is still called `fresh`. Raises `OSError`.

    `temporary` is a name to write the seal under first.
    """
    digest = content_digest(fresh)
    seal = seal_of(home)
    _make_room(seal.parent)
    try:
        temporary.write_text(f"{digest}\n", encoding="ascii")
        temporary.replace(seal)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_room(seals: Path) -> None:
    """Makes the directory of the seals, also where something else has its name."""
    try:
        seals.mkdir(exist_ok=True)
    except FileExistsError:
        # Not asked first: others make it at the same time, under the locks of other things.
        with contextlib.suppress(OSError):
            seals.unlink(missing_ok=True)
        seals.mkdir(exist_ok=True)


def remove_seal(home: Path) -> None:
    """Removes the seal of a thing; what has none is never taken."""
    with contextlib.suppress(OSError):
        seal_of(home).unlink(missing_ok=True)


def content_digest(path: Path) -> str:
    """The sha256 of a file, or of a directory with all that is in it, links by where they lead.

    Remembered for as long as no file has been touched. Raises `OSError` for what cannot be read.
    """
    facts = path.lstat()
    # Not by its path: what is renamed into its place is what it was.
    one = facts.st_dev, facts.st_ino
    seen = look_of(path)
    known = _digests().get(one)
    if known is not None and known[0] == seen:
        return known[1]
    digest = tree_digest(path)
    if look_of(path) == seen:
        _digests()[one] = seen, digest
    return digest


def tree_digest(
    root: Path, is_part: Callable[[str], bool] = lambda _: True, *, folders: bool = True
) -> str:
    """The sha256 of a file, or of a directory: of its files by their path, of where links lead, of
    executable bits and, with `folders`, of directories, too.

    What has a name of which `is_part` says no is left out. Raises `OSError`.
    """
    facts = root.lstat()
    if stat.S_ISREG(facts.st_mode):
        return _file_digest(root)
    if not stat.S_ISDIR(facts.st_mode):
        raise OSError(f"{root.name} is neither a file nor a directory")
    total = hashlib.sha256()
    for place, path, status in _walk(root, is_part):
        kind, value = _described(path, status)
        if folders or kind != "directory":
            total.update(f"{json.dumps([kind, place, value])}\n".encode())
    return total.hexdigest()


def look_of(path: Path) -> str:
    """What the file system says of a file or a directory without its being read, as a digest.

    It is another one after any change. A directory's own times are left out: they say when it was
    last used. Raises `OSError`.
    """
    facts = path.lstat()
    seen = hashlib.sha256(f"{facts.st_mode}\n".encode())
    if stat.S_ISDIR(facts.st_mode):
        for place, _, status in _walk(path, lambda _: True):
            seen.update(f"{json.dumps([place, *_status(status)])}\n".encode())
    else:
        seen.update(json.dumps(_status(facts)).encode())
    return seen.hexdigest()


@functools.cache
def _digests() -> dict[tuple[int, int], tuple[str, str]]:
    """What this process has read: of each thing how its files looked, and its digest."""
    return {}


def _status(facts: os.stat_result) -> list[int]:
    times = facts.st_mtime_ns, facts.st_ctime_ns
    return [facts.st_ino, facts.st_mode, facts.st_size, *times]


def _walk(root: Path, is_part: Callable[[str], bool]) -> Iterator[tuple[str, str, os.stat_result]]:
    """What is below a directory, in an order that depends on names alone; links are not followed.

    Its place with `/`, its path, and what the file system says of it.
    """
    folders = [(str(root), "")]
    while folders:
        folder, above = folders.pop()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if not is_part(entry.name):
                continue
            # Not of the entry: on Windows, that one knows no inode.
            status = os.stat(entry.path, follow_symlinks=False)  # noqa: PTH116 - many of them
            yield f"{above}{entry.name}", entry.path, status
            if stat.S_ISDIR(status.st_mode):
                folders.append((entry.path, f"{above}{entry.name}/"))


def _described(path: str, status: os.stat_result) -> tuple[str, str]:
    if stat.S_ISLNK(status.st_mode):
        return "link", os.readlink(path)  # noqa: PTH115 - as it is written
    if stat.S_ISDIR(status.st_mode):
        return "directory", ""
    if not stat.S_ISREG(status.st_mode):
        return "other", ""  # to open a pipe would wait for ever
    kind = "program" if status.st_mode & 0o100 else "file"
    return kind, _file_digest(path)


def _file_digest(path: str | Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - many of them
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
