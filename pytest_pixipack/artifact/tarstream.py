"""Reading a tar archive from a stream, member by member, without trusting it.

Python's `tarfile` ends silently at a damaged header, reads headers of any size into memory and
follows a size that is negative backwards; here all are errors. The dialects are those of
`artifact.tar_header`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, NoReturn, Protocol

from pytest_pixipack.artifact import tar_header
from pytest_pixipack.artifact.safety import ArtifactLimits, refuse
from pytest_pixipack.artifact.tar_header import BLOCK, BadHeader, Header
from pytest_pixipack.safe_names import LONGEST_NAME, shown

_CHUNK = 1 << 18
# Pieces of all sparse files of one archive.
_MOST_BLOCKS = 100_000
_KINDS: dict[bytes, Literal["link", "hardlink", "directory"]] = {
    tar_header.LINK: "link", tar_header.HARD_LINK: "hardlink", tar_header.DIRECTORY: "directory",
}  # fmt: skip


class ByteStream(Protocol):
    """Where the bytes come from: `read` gives at most `size`, and nothing at the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...

    def skip(self, size: int, /) -> int:
        """Passes over `size` bytes; how many there were, less only at the end."""
        ...


class FileStream:
    """A seekable file from its beginning, as a stream whose bytes can be passed over."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = file.seek(0, os.SEEK_END)
        file.seek(0)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def skip(self, size: int, /) -> int:
        """Passes over `size` bytes without reading them; how many there were."""
        size = min(size, max(self._left, 0))
        self._file.seek(size, os.SEEK_CUR)
        self._left -= size
        return size


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member. `target` is that of a symbolic or hard link; `size` is in bytes.

    `mtime` is in seconds since the epoch; `owner` is `uid:gid user:group`. `start` is where the
    content begins in the tar. That of a sparse file has only the pieces of `blocks`, (place,
    length) each; the rest is zeros.
    """

    name: str
    kind: Literal["file", "link", "hardlink", "directory"]
    size: int
    mode: int
    target: str | None = None
    mtime: float = 0.0
    owner: str = ""
    start: int = 0
    blocks: tuple[tuple[int, int], ...] | None = None


class Complaints:
    """What is said of an archive that is refused; that of a package."""

    kind = "package"

    def __init__(self, archive: object) -> None:
        self.archive = archive

    def unsafe(self, member: str | None, problem: str) -> NoReturn:
        """Raises `InvalidInput` for what no such archive may hold."""
        refuse(self.archive, member, problem)

    def broken(self, member: str | None, problem: str) -> NoReturn:
        """Raises `InvalidInput` for an archive that is damaged, cut off or can be misread."""
        refuse(self.archive, member, problem)


class TarStream:
    """Iterates over the members; `content` reads that of the member just given.

    Sparse files are refused unless `sparse`; with `ended`, so is an archive without the two blocks
    of zeros that mark its end.
    """

    def __init__(
        self,
        stream: ByteStream,
        archive: object,
        limits: ArtifactLimits,
        *,
        complaints: Complaints | None = None,
        sparse: bool = False,
        ended: bool = False,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._say = complaints or Complaints(archive)
        self._sparse = sparse
        self._ended = ended
        self._at = 0  # bytes that were read or passed over
        self._left = 0  # bytes of the current member that were not read yet
        self._padding = 0
        self._member: str | None = None
        self._members = self._names = self._blocks = 0

    def __iter__(self) -> Iterator[TarEntry]:
        while (entry := self._next()) is not None:
            yield entry

    @property
    def has_begun(self) -> bool:
        """Whether a member was found, be it one that is refused."""
        return self._members > 0

    def content(self) -> Iterator[bytes]:
        """The content of the current member in pieces; of a sparse file, what is stored of it."""
        while self._left:
            piece = self._stream.read(min(self._left, _CHUNK))
            if not piece:
                self._say.broken(self._member, "is cut off")
            self._at += len(piece)
            self._left -= len(piece)
            yield piece

    def _next(self) -> TarEntry | None:
        extensions: dict[bytes, bytes] = {}
        while True:
            self._skip()
            start = self._at
            try:
                block = self._exactly(BLOCK, "ends within a tar header", at_end_ok=True)
                if not block or not block.strip(b"\0"):
                    if extensions:
                        raise BadHeader("a tar header without a member")
                    self._check_end(block)
                    return None
                header = tar_header.parse_header(block)
                if header.kind not in tar_header.EXTENSIONS:
                    return self._entry(*self._extended(header, extensions))
                self._extend(header, extensions)
            except BadHeader as reason:
                verb = "has" if self._member is None else "is followed by"
                self._say.broken(self._member, f"{verb} {reason} at byte {start}")

    def _extend(self, header: Header, extensions: dict[bytes, bytes]) -> None:
        """Notes what an extension header says of the member that follows."""
        is_long = header.kind in (tar_header.LONG_NAME, tar_header.LONG_LINK)
        # A long name ends in a NUL, and is padded.
        most = LONGEST_NAME + BLOCK if is_long else self._limits.max_header_bytes
        if header.size > min(most, self._limits.max_header_bytes):
            raise BadHeader("an oversized tar header")
        data = self._exactly(header.size, "ends within a tar header")
        self._padding = -header.size % BLOCK
        if header.kind == tar_header.PAX_GLOBAL:
            # Comments and times; of the rest, tarfile takes notice and the tar crate does not.
            if tar_header.parse_pax(data):
                raise BadHeader("a header that names all members")
            return
        kind = tar_header.PAX if header.kind == tar_header.PAX_SOLARIS else header.kind
        if kind in extensions:
            raise BadHeader("two tar headers for one member")
        extensions[kind] = data

    def _extended(
        self, header: Header, extensions: dict[bytes, bytes]
    ) -> tuple[Header, str, str, int]:
        """A header with the name, the target and the size of its member."""
        pax = tar_header.parse_pax(extensions.get(tar_header.PAX, b""))
        given = {
            "path": _long(extensions.get(tar_header.LONG_NAME)),
            "linkpath": _long(extensions.get(tar_header.LONG_LINK)),
        }
        for key, text in given.items():
            if text is not None and pax.setdefault(key, text) != text:
                raise BadHeader("a member of two different names")
        name = pax.get("path", header.name)
        header = replace(header, kind=tar_header.kind_of(header, name))
        return header, name, pax.get("linkpath", header.target), tar_header.pax_size(header, pax)

    def _entry(self, header: Header, name: str, target: str, size: int) -> TarEntry:
        self._count(name, target)
        self._member = name
        if problem := tar_header.SPECIAL.get(header.kind):
            self._say.unsafe(name, f"{problem}, which no {self._say.kind} may hold")
        carried = (header.mtime, header.owner)
        kind = _KINDS.get(header.kind)
        if kind is not None:
            where = target if kind != "directory" else None
            return TarEntry(name, kind, 0, header.mode, where, *carried, self._at)
        if header.kind not in tar_header.FILES:
            tar_type = shown(header.kind.decode("latin-1"))
            self._say.unsafe(name, f"is of unknown type: it has the unknown tar type `{tar_type}`")
        blocks = self._pieces(header) if header.kind == tar_header.SPARSE else None
        self._left, self._padding = size, -size % BLOCK
        real = size if blocks is None else header.real_size
        return TarEntry(
            name, "file", real, header.mode, None, *carried, start=self._at, blocks=blocks
        )

    def _pieces(self, header: Header) -> tuple[tuple[int, int], ...]:
        if not self._sparse:
            problem = f"is a sparse file, which no {self._say.kind} may hold"
            self._say.unsafe(self._member, problem)
        blocks, more = list(header.blocks), header.more_blocks
        while more and self._blocks + len(blocks) <= _MOST_BLOCKS:
            block = self._exactly(BLOCK, "ends within a tar header")
            found, more = tar_header.parse_more_blocks(block)
            blocks += found
            more = more and bool(found)
        self._blocks += len(blocks)
        if self._blocks > _MOST_BLOCKS:
            self._say.unsafe(None, f"has sparse files of more than {_MOST_BLOCKS} pieces")
        try:
            tar_header.checked_blocks(header, tuple(blocks))
        except BadHeader as reason:
            self._say.broken(self._member, f"is {reason}")
        return tuple(blocks)

    def _count(self, name: str, target: str) -> None:
        self._members += 1
        if self._members > self._limits.max_members:
            self._say.unsafe(None, f"has more than {self._limits.max_members} members")
        self._names += _bytes(name) + _bytes(target)
        if self._names > self._limits.max_names_bytes:
            self._say.unsafe(None, f"has names of more than {self._limits.max_names_bytes} bytes")

    def _skip(self) -> None:
        while self._left:
            passed = self._stream.skip(min(self._left, _CHUNK << 12))
            if not passed:
                self._say.broken(self._member, "is cut off")
            self._at += passed
            self._left -= passed
        self._exactly(self._padding, "ends within a member's padding")
        self._padding = 0

    def _exactly(self, size: int, problem: str, *, at_end_ok: bool = False) -> bytes:
        parts, left = [], size
        while left:
            piece = self._stream.read(left)
            if not piece:
                if at_end_ok and left == size:
                    return b""
                self._say.broken(None, problem)
            parts.append(piece)
            left -= len(piece)
        self._at += size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check_end(self, first: bytes) -> None:
        # To the end also because the last bytes hold the checksums.
        zeros = len(first)
        while piece := self._stream.read(_CHUNK):
            zeros += len(piece)
            if piece.strip(b"\0"):
                self._say.broken(None, "holds data behind the end of its tar archive")
        if self._ended and zeros < 2 * BLOCK:
            self._say.broken(None, "is cut off: the blocks that end a tar archive are missing")


def _bytes(text: str) -> int:
    """What a text takes in memory, or somewhat more."""
    return len(text) * (1 if text.isascii() else 4)


def _long(data: bytes | None) -> str | None:
    """The text of a long name or target, which ends in a NUL."""
    if data is None:
        return None
    text = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    if not text or "\0" in text:
        raise BadHeader(f"a name that cannot be used ({shown(text) or 'it is empty'})")
    return text
