"""Opening `.conda` and `.tar.bz2` files: from the outer container to streams of tar bytes.

A `.conda` is a zip with `metadata.json`, one `pkg-*.tar.zst` and one `info-*.tar.zst`
(conda-package-handling); a `.tar.bz2` holds both parts in one tar.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.artifact import zip_layout
from pytest_pixipack.artifact.digests import unreadable
from pytest_pixipack.artifact.safety import RAISE_LIMITS, ArtifactLimits, refuse
from pytest_pixipack.artifact.tarstream import ByteStream, TarStream
from pytest_pixipack.artifact.zip_layout import ZipEntry
from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.regular_files import open_regular

# A block of four bytes can unfold to 128 KiB, so a small piece bounds what one step can make.
_ZSTD_PIECE = 1024
_ZSTD_WINDOW = 1 << 27  # what every decoder accepts, and the most that level 22 uses
_BZ2_PIECE = 1 << 16
_MAX_OUTPUT = 1 << 18
# `metadata.json` and the two parts; more are counted to name the one that does not belong there.
_MAX_PARTS = 16
_MAX_METADATA = 1 << 16


class Budget:
    """Counts unpacked bytes over all parts of one archive."""

    def __init__(self, archive: object, packed: int, limits: ArtifactLimits) -> None:
        self._archive = archive
        by_ratio = max(limits.ratio_free_bytes, packed * limits.max_ratio)
        self._most = min(limits.max_unpacked_bytes, by_ratio)
        self._spent = 0

    def spend(self, size: int) -> None:
        """Refuses the archive once it has become too large."""
        self._spent += size
        if self._spent > self._most:
            refuse(
                self._archive,
                None,
                f"unpacks to more than {self._most} bytes",
                remedy=RAISE_LIMITS,
            )


class Unpacked:
    """A stream of what a decompressor makes; `pieces` are never empty."""

    def __init__(self, pieces: Iterator[bytes], budget: Budget) -> None:
        self._pieces = pieces
        self._budget = budget
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._rest:
            piece = next(self._pieces, b"")
            self._budget.spend(len(piece))
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken.tobytes()

    def skip(self, size: int, /) -> int:
        """Passes over `size` bytes; how many there were, less only at the end."""
        left = size
        while left and (piece := self.read(left)):
            left -= len(piece)
        return size - left


@contextmanager
def tar_streams(
    path: Path, limits: ArtifactLimits, *, info_only: bool = False
) -> Iterator[Iterator[tuple[str, TarStream]]]:
    """The parts of a package: (`info`, tar), (`pkg`, tar), or (`both`, tar) for `.tar.bz2`.

    Each part has to be read before the next one is taken. Raises `InvalidInput` for what is not a
    package, `Infrastructure` where the file cannot be read; also within the block.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            yield _streams(file, path, Budget(path, size, limits), limits, info_only)
    except PixipackError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None


def _streams(
    file: IO[bytes], path: Path, budget: Budget, limits: ArtifactLimits, info_only: bool
) -> Iterator[tuple[str, TarStream]]:
    if path.name.endswith(".conda"):
        return _conda(file, path, limits, budget, info_only)
    if path.name.endswith(".tar.bz2"):
        return iter([("both", TarStream(Unpacked(_bunzip2(file, path), budget), path, limits))])
    raise InvalidInput(
        "This is no package: its name ends neither in `.conda` nor in `.tar.bz2`.", file=path
    )


def _conda(
    file: IO[bytes], path: Path, limits: ArtifactLimits, budget: Budget, info_only: bool
) -> Iterator[tuple[str, TarStream]]:
    parts = _conda_members(file, path)
    _check_metadata(file, parts.pop("metadata"), path)
    for part in ("info",) if info_only else ("info", "pkg"):
        entry = parts[part]
        if entry.method != zip_layout.STORED:
            budget.spend(entry.size)
        packed = zip_layout.content(file, entry, path)
        stream: ByteStream = Unpacked(_unzstd(packed, path, entry.name), budget)
        yield part, TarStream(stream, path, limits)


def _conda_members(file: IO[bytes], path: Path) -> dict[str, ZipEntry]:
    parts: dict[str, ZipEntry] = {}
    for entry in zip_layout.read_entries(file, path, most_members=_MAX_PARTS):
        name = entry.name
        if name == "metadata.json":
            part = "metadata"
        elif name.endswith(".tar.zst") and name.startswith(("pkg-", "info-")) and "/" not in name:
            part = name.partition("-")[0]
        else:
            refuse(path, name, "does not belong into a `.conda` file")
        if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG):
            refuse(path, name, "is no file")
        if part in parts:
            refuse(path, name, "occurs twice")
        parts[part] = entry
    for part in ("metadata", "info", "pkg"):
        if part not in parts:
            name = "metadata.json" if part == "metadata" else f"{part}-*.tar.zst"
            refuse(path, None, f"has no member `{name}`")
    return parts


def _check_metadata(file: IO[bytes], entry: ZipEntry, path: Path) -> None:
    if entry.size > _MAX_METADATA:
        refuse(path, entry.name, "is too large")
    try:
        metadata: Any = json.loads(b"".join(zip_layout.content(file, entry, path)))
        version = metadata["conda_pkg_format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        refuse(path, entry.name, "does not name the version of the format")
    if version != 2:
        raise Unsupported(
            f"The package has format version {version!r:.40}; version 2 is supported.", file=path
        )


def _unzstd(packed: Iterator[bytes], path: Path, member: str) -> Iterator[bytes]:
    import zstandard

    factory = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = factory.decompressobj()
    done = False
    try:
        for block in packed:
            for start in range(0, len(block), _ZSTD_PIECE):
                rest = block[start : start + _ZSTD_PIECE]
                while rest:
                    if done:
                        frame, done = factory.decompressobj(), False
                    if piece := frame.decompress(rest):
                        yield piece
                    done, rest = frame.eof, frame.unused_data
    except zstandard.ZstdError as error:
        refuse(path, member, f"is not valid zstandard data ({error})")
    if not done:
        refuse(path, member, "is cut off")


def _bunzip2(file: IO[bytes], path: Path) -> Iterator[bytes]:
    import bz2

    stream, waiting = bz2.BZ2Decompressor(), b""
    while not stream.eof:
        if stream.needs_input:
            waiting = file.read(_BZ2_PIECE)
            if not waiting:
                refuse(path, None, "is cut off")
        try:
            piece = stream.decompress(waiting, _MAX_OUTPUT)
        except (OSError, ValueError) as error:
            refuse(path, None, f"is not valid bzip2 data ({error})")
        waiting = b""
        if piece:
            yield piece
    if stream.unused_data or file.read(1):
        # Python would read on in another stream, rattler does not.
        refuse(path, None, "is not valid bzip2 data (more of it follows the end)")
