"""The members of a pack, whatever its form: tar file, directory or self-extracting script."""

from __future__ import annotations

import base64
import binascii
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pytest_pixipack.artifact.tarstream import tar_owner
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.model import MemberKind, PackForm
from pytest_pixipack.pack.safety import (
    LIMITS,
    Limits,
    plain_name,
    refuse_foreign_owner,
    refuse_unsafe,
)

# pixi-unpack leaves its package cache in a directory pack; it is not part of the pack.
_LEFT_BEHIND = "cache"
# The lines around the base64 text of the archive (header.sh and header.ps1 of pixi-pack).
_MARKS = ((b"@@END_HEADER@@", b"@@END_ARCHIVE@@"), (b"__END_HEADER__", b"__END_ARCHIVE__"))
_CHUNK = 1 << 20


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
    with _reading(path), path.open("rb") as stream:
        head = stream.read(64 * 1024)
    is_script = head.startswith((b"#!", b"\xef\xbb\xbf", b"#", b"<#", b"param", b"function"))
    marked = any(begin in head for begin, _ in _MARKS)
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
    with _reading(path), path.open("rb") as stream:
        if form == "executable":
            with tempfile.TemporaryFile() as archive:
                decoded = cast(BinaryIO, archive)  # a wrapper on Windows, with the same methods
                _decode(path, stream, decoded)
                yield _Tar(path, decoded, limits)
        else:
            yield _Tar(path, stream, limits)


class _Directory:
    """A directory pack."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        found = sorted(_scan(root, ""), key=lambda item: item[0].split("/"))
        refuse_unsafe(((name, kind) for name, kind, _ in found), root, limits)
        self.entries = tuple(
            Entry(name, "directory" if kind == "directory" else "file", size(stat), mode(stat))
            for name, kind, stat in found
        )

    def open(self, name: str) -> BinaryIO:
        return (self._root / name).open("rb")


def size(stat: os.stat_result) -> int:
    """The size of a file in bytes, 0 for a directory (where systems differ)."""
    import stat as bits

    return 0 if bits.S_ISDIR(stat.st_mode) else stat.st_size


def mode(stat: os.stat_result) -> int:
    """The permission bits."""
    return stat.st_mode & 0o777


def _scan(root: Path, parent: str) -> Iterator[tuple[str, str, os.stat_result]]:
    try:
        with os.scandir(root / parent if parent else root) as entries:
            listed = list(entries)
    except OSError as error:
        raise Infrastructure(
            f"The directory cannot be read: {error.strerror or error}.", file=root / parent
        ) from None
    for entry in listed:
        name = f"{parent}/{entry.name}" if parent else entry.name
        if name == _LEFT_BEHIND:
            continue
        stat = entry.stat(follow_symlinks=False)
        if entry.is_symlink():
            yield name, "symbolic link", stat
        elif entry.is_dir(follow_symlinks=False):
            yield name, "directory", stat
            yield from _scan(root, name)
        else:
            yield name, "file" if entry.is_file(follow_symlinks=False) else "device", stat


class _Tar:
    """A tar file, or the one inside a self-extracting script."""

    def __init__(self, path: Path, stream: BinaryIO, limits: Limits) -> None:
        self._path = path
        members = self._members(stream)
        refuse_unsafe(((member.name, _kind(member)) for member in members), path, limits)
        refuse_foreign_owner(((member.name, member.mode) for member in members), path)
        self._by_name = {name: m for m in members if (name := plain_name(m.name)) is not None}
        self.entries = tuple(
            Entry(
                name,
                "directory" if m.isdir() else "file",
                0 if m.isdir() else m.size,
                m.mode,
                float(m.mtime),
                tar_owner(m),
            )
            for name, m in self._by_name.items()
        )
        self._refuse_bombs(stream, limits)

    def _members(self, stream: BinaryIO) -> list[tarfile.TarInfo]:
        with _parsing(self._path):
            # Not closed: that would close nothing but this object, the stream is the caller's.
            self._tar = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115
            members = self._tar.getmembers()
        # tarfile takes a broken header for the end of the archive.
        stream.seek(self._tar.offset)
        rest = stream.read(tarfile.BLOCKSIZE)
        if rest.strip(b"\0") or (not rest and not members):
            raise InvalidInput(
                f"The pack is broken: there is no member header at byte {self._tar.offset}.",
                file=self._path,
                remedy="Get or make the pack again.",
            )
        return members

    def _refuse_bombs(self, stream: BinaryIO, limits: Limits) -> None:
        stored = stream.seek(0, os.SEEK_END)
        total = sum(entry.size for entry in self.entries)
        if total > limits.expansion * stored + limits.allowance:
            raise InvalidInput(
                f"The pack is refused: its {stored} bytes would become {total} bytes.",
                file=self._path,
                remedy="Nothing was extracted. Get the pack from where it was made.",
            )

    def open(self, name: str) -> BinaryIO:
        with _parsing(self._path):
            content = self._tar.extractfile(self._by_name[name])
        assert content is not None
        return content  # type: ignore[return-value]


def _kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "directory"
    if member.issym():
        return "symbolic link"
    if member.islnk():
        return "hard link"
    if member.isreg():
        return "file"
    return "device" if member.isdev() else f"member of unknown type {member.type!r}"


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError) as error:
        raise InvalidInput(
            f"The file is not a pack: {error or type(error).__name__}.",
            file=path,
            remedy="A pack is a tar file made by pixi-pack, a directory, or a self-extracting one.",
        ) from None


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


def _decode(path: Path, script: BinaryIO, archive: BinaryIO) -> None:
    """Copies the tar inside a self-extracting script, whose lines are base64 without breaks."""
    ends = _find_header(script)
    pending = b""
    for line in _until(script, ends):
        pending += line.translate(None, b"\r\n")
        whole = len(pending) - len(pending) % 4
        try:
            archive.write(base64.b64decode(pending[:whole], validate=True))
        except binascii.Error as error:
            raise InvalidInput(f"The script's archive is broken: {error}.", file=path) from None
        pending = pending[whole:]
    if pending:
        raise InvalidInput("The script's archive is cut short.", file=path)
    archive.seek(0)


def _find_header(script: BinaryIO) -> bytes:
    # The header's own text names the marks too; only a line of its own counts.
    for line in script:
        for begin, end in _MARKS:
            if line.rstrip() == begin:
                return end
    return _MARKS[0][1]


def _until(script: BinaryIO, mark: bytes) -> Iterator[bytes]:
    """Pieces of lines up to the line that is `mark`."""
    while piece := script.readline(_CHUNK):
        if piece.rstrip() == mark:
            return
        yield piece
