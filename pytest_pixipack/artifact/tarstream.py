"""Reading a tar archive from a stream, member by member, without trusting it.

Python's `tarfile` ends silently at a damaged header and reads headers of any size into memory; here
both are errors. The dialects are those of `tarfile`'s own header parser plus GNU long names and pax
records (POSIX.1-2001).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pytest_pixipack.artifact.safety import ArtifactLimits, refuse

_BLOCK = 512
_CHUNK = 1 << 18
_PAX_IGNORED = b"g"  # global records hold comments and times
_UNSUPPORTED = {
    tarfile.CHRTYPE: "is a device",
    tarfile.BLKTYPE: "is a device",
    tarfile.FIFOTYPE: "is a named pipe",
    tarfile.GNUTYPE_SPARSE: "is a sparse file",
}


class ByteStream(Protocol):
    """Where the bytes come from: `read` gives at most `size`, and nothing at the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member. `target` is that of a symbolic or hard link; `size` is in bytes.

    `mtime` is in seconds since the epoch; `owner` is `uid:gid user:group`.
    """

    name: str
    kind: Literal["file", "link", "hardlink", "directory"]
    size: int
    mode: int
    target: str | None = None
    mtime: float = 0.0
    owner: str = ""


class TarStream:
    """Iterates over the members; `content` reads that of the member just given."""

    def __init__(self, stream: ByteStream, archive: object, limits: ArtifactLimits) -> None:
        self._stream = stream
        self._archive = archive
        self._limits = limits
        self._left = 0  # bytes of the current member that were not read yet
        self._padding = 0
        self._member: str | None = None

    def __iter__(self) -> Iterator[TarEntry]:
        while (entry := self._next()) is not None:
            yield entry

    def content(self) -> Iterator[bytes]:
        """The content of the current member in pieces."""
        while self._left:
            piece = self._stream.read(min(self._left, _CHUNK))
            if not piece:
                refuse(self._archive, self._member, "is cut off")
            self._left -= len(piece)
            yield piece

    def _next(self) -> TarEntry | None:
        long_name = long_target = None
        pax: dict[str, str] = {}
        while True:
            self._skip()
            block = self._exactly(_BLOCK, "ends within a tar header", at_end_ok=True)
            if not block or not block.strip(b"\0"):
                self._check_end()
                return None
            info = self._header(block)
            if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                text = _text(self._extension(info).rstrip(b"\0"))
                if info.type == tarfile.GNUTYPE_LONGNAME:
                    long_name = text
                else:
                    long_target = text
            elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                pax.update(self._pax(self._extension(info)))
            elif info.type == _PAX_IGNORED:
                self._extension(info)
            else:
                name = pax.get("path", long_name if long_name is not None else info.name)
                target = pax.get("linkpath", long_target or info.linkname)
                return self._entry(info, name, target, self._size(info, pax))

    def _entry(self, info: tarfile.TarInfo, name: str, target: str, size: int) -> TarEntry:
        self._member = name
        if problem := _UNSUPPORTED.get(info.type):
            refuse(self._archive, name, f"{problem}, which no package may hold")
        mode = info.mode & 0o7777
        carried = (float(info.mtime), tar_owner(info))
        if info.issym() or info.islnk():
            kind: Literal["link", "hardlink"] = "link" if info.issym() else "hardlink"
            return TarEntry(name, kind, 0, mode, target, *carried)
        if info.isdir():
            return TarEntry(name, "directory", 0, mode, None, *carried)
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            refuse(self._archive, name, f"has the unknown tar type {info.type!r}")
        self._left, self._padding = size, -size % _BLOCK
        return TarEntry(name, "file", size, mode, None, *carried)

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            refuse(self._archive, self._member, f"is followed by a damaged tar header ({error})")

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        if not 0 <= info.size <= self._limits.max_header_bytes:
            refuse(self._archive, self._member, "is followed by an oversized tar header")
        data = self._exactly(info.size, "ends within a tar header")
        self._padding = -info.size % _BLOCK
        return data

    def _pax(self, data: bytes) -> dict[str, str]:
        records = {}
        while data:
            length, _, rest = data.partition(b" ")
            end = int(length) - len(length) - 1 if length.isdigit() and len(length) < 9 else 0
            keyword, equals, value = rest[:end].partition(b"=")
            if end < 1 or end > len(rest) or not equals or not value.endswith(b"\n"):
                refuse(self._archive, self._member, "is followed by a damaged pax header")
            if keyword.startswith(b"GNU.sparse"):
                refuse(self._archive, self._member, "is followed by a sparse file")
            records[_text(keyword)] = _text(value[:-1])
            data = rest[end:]
        return records

    def _size(self, info: tarfile.TarInfo, pax: dict[str, str]) -> int:
        text = pax.get("size", str(info.size))
        if not text.isdigit() or len(text) > 18:
            refuse(self._archive, self._member, "is followed by a member without a valid size")
        return int(text)

    def _skip(self) -> None:
        for _ in self.content():
            pass
        self._exactly(self._padding, "ends within a member's padding")
        self._padding = 0

    def _exactly(self, size: int, problem: str, *, at_end_ok: bool = False) -> bytes:
        parts, left = [], size
        while left:
            piece = self._stream.read(left)
            if not piece:
                if at_end_ok and left == size:
                    return b""
                refuse(self._archive, None, problem)
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def _check_end(self) -> None:
        # To the end also because the last bytes hold the checksums.
        while piece := self._stream.read(_CHUNK):
            if piece.strip(b"\0"):
                refuse(self._archive, None, "holds data behind the end of its tar archive")


def tar_owner(info: tarfile.TarInfo) -> str:
    """The owner of a member: `uid:gid user:group`."""
    return f"{info.uid}:{info.gid} {info.uname}:{info.gname}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
