"""The members of a pack, whatever its form: tar file, directory or self-extracting script."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pytest_pixipack.artifact.safety import ArtifactLimits
from pytest_pixipack.artifact.tarstream import FileStream, TarEntry, TarStream
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.model import MemberKind, PackForm
from pytest_pixipack.pack.safety import (
    LIMITS,
    Limits,
    PackComplaints,
    plain_name,
    refuse_foreign_owner,
    refuse_unsafe,
)
from pytest_pixipack.pack.script import LONGEST_HEADER, MARKS, decode_archive
from pytest_pixipack.pack.stored import stored_content
from pytest_pixipack.regular_files import kind_of, open_regular

# pixi-unpack leaves its package cache in a directory pack; it is not part of the pack.
_LEFT_BEHIND = "cache"
_KINDS = {"link": "symbolic link", "hardlink": "hard link"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: its name without `./` and trailing slash, size in bytes, permission bits.

    `mtime` (seconds since the epoch) and `owner` are None where the pack is a directory: there they
    tell of the copying, not of the pack.
    """

    name: str
    kind: MemberKind
    size: int
    mode: int
    mtime: float | None = None
    owner: str | None = None


class Container(Protocol):
    """An open pack whose member names are known to be safe."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All members, in the order in which they are stored."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The content of a file member."""
        ...


def pack_form(path: Path) -> PackForm:
    """Which form of pack a path is, by its first bytes. Raises `InvalidInput` if it is absent."""
    if path.is_dir():
        return "directory"
    with _reading(path), open_regular(path) as stream:
        head = stream.read(LONGEST_HEADER)
    is_script = head.startswith((b"#!", b"\xef\xbb\xbf", b"#", b"<#", b"param", b"function"))
    marked = any(begin in head for begin, _ in MARKS)
    return "executable" if marked and (is_script or b"ustar" not in head[:512]) else "tar"


@contextmanager
def open_container(path: Path, limits: Limits = LIMITS) -> Iterator[Container]:
    """Opens a pack and checks the names and kinds of its members; nothing is written.

    Raises `InvalidInput` where it is no pack, is broken, or holds unsafe members.
    """
    form = pack_form(path)
    if form == "directory":
        yield _Directory(path, limits)
        return
    with _reading(path), open_regular(path) as stream:
        if form == "executable":
            with tempfile.TemporaryFile() as archive:
                decoded = cast(BinaryIO, archive)  # a wrapper on Windows, with the same methods
                decode_archive(path, stream, decoded)
                yield _Tar(path, decoded, limits)
        else:
            yield _Tar(path, stream, limits)


class _Directory:
    """A directory pack."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        found = sorted(_scan(root, limits), key=lambda item: item[0].split("/"))
        refuse_unsafe(((name, kind) for name, kind, _ in found), root, limits)
        # Directories get such bits from those above them.
        files = ((name, stat.st_mode) for name, kind, stat in found if kind == "file")
        refuse_foreign_owner(files, root)
        self.entries = tuple(
            Entry(name, "directory" if kind == "directory" else "file", size(stat), mode(stat))
            for name, kind, stat in found
        )

    def open(self, name: str) -> BinaryIO:
        return open_regular(self._root / name)


def size(stat: os.stat_result) -> int:
    """The size of a file in bytes, 0 for a directory (where systems differ)."""
    import stat as bits

    return 0 if bits.S_ISDIR(stat.st_mode) else stat.st_size


def mode(stat: os.stat_result) -> int:
    """The permission bits."""
    return stat.st_mode & 0o777


def _scan(root: Path, limits: Limits) -> Iterator[tuple[str, str, os.stat_result]]:
    """What is below a directory, one more than the limit allows at most."""
    waiting, left = [""], limits.members
    while waiting and left >= 0:
        parent = waiting.pop()
        try:
            with os.scandir(root / parent if parent else root) as entries:
                for entry in entries:
                    name = f"{parent}/{entry.name}" if parent else entry.name
                    if name == _LEFT_BEHIND:
                        continue
                    stat = entry.stat(follow_symlinks=False)
                    kind = _kind(entry, stat)
                    if kind == "directory":
                        waiting.append(name)
                    yield name, kind, stat
                    left -= 1
                    if left < 0:
                        break
        except OSError as error:
            raise Infrastructure(
                f"The directory cannot be read: {error.strerror or error}.", file=root
            ) from None


def _kind(entry: os.DirEntry[str], stat: os.stat_result) -> str:
    if entry.is_symlink():
        return "symbolic link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if kind_of(stat.st_mode) is None else "device"


class _Tar:
    """A tar file, or the one inside a self-extracting script."""

    def __init__(self, path: Path, stream: BinaryIO, limits: Limits) -> None:
        self._path = path
        self._stream = stream
        members = self._members(limits)
        refuse_unsafe(((m.name, _KINDS.get(m.kind, m.kind)) for m in members), path, limits)
        refuse_foreign_owner(((member.name, member.mode) for member in members), path)
        self._by_name = {name: m for m in members if (name := plain_name(m.name)) is not None}
        self.entries = tuple(
            Entry(
                name,
                "directory" if m.kind == "directory" else "file",
                m.size,
                m.mode,
                m.mtime,
                m.owner,
            )
            for name, m in self._by_name.items()
        )
        self._refuse_bombs(limits)

    def _members(self, limits: Limits) -> list[TarEntry]:
        tar = TarStream(
            FileStream(self._stream),
            self._path,
            ArtifactLimits(max_members=limits.members),
            complaints=PackComplaints(self._path),
            sparse=True,
            ended=True,
        )
        members: list[TarEntry] = []
        try:
            for member in tar:
                members.append(member)
        except InvalidInput as error:
            if members or tar.has_begun:
                raise
            raise InvalidInput(
                f"The file is not a pack: {error.message.partition(': ')[2]}",
                file=self._path,
                remedy="A pack is a tar file made by pixi-pack, a directory, or a self-extracting "
                "one.",
            ) from None
        return members

    def _refuse_bombs(self, limits: Limits) -> None:
        stored = self._stream.seek(0, os.SEEK_END)
        total = sum(entry.size for entry in self.entries)
        if total > limits.expansion * stored + limits.allowance:
            raise InvalidInput(
                f"The pack is refused: its {stored} bytes would become {total} bytes.",
                file=self._path,
                remedy="Nothing was extracted. Get the pack from where it was made.",
            )

    def open(self, name: str) -> BinaryIO:
        member = self._by_name[name]
        return stored_content(self._stream, member.start, member.size, member.blocks)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InvalidInput("There is no such pack.", file=path) from None
    except OSError as error:
        raise Infrastructure(
            f"The pack cannot be read: {error.strerror or error}.", file=path
        ) from None
