"""Opening `.conda` and `.tar.bz2` files: from the outer container to streams of tar bytes.

A `.conda` is a zip with `metadata.json`, one `pkg-*.tar.zst` and one `info-*.tar.zst`
(conda-package-handling); a `.tar.bz2` holds both parts in one tar.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_pixipack.artifact.digests import unreadable
from pytest_pixipack.artifact.safety import ArtifactLimits, refuse
from pytest_pixipack.artifact.tarstream import ByteStream, TarStream
from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported

if TYPE_CHECKING:
    import zipfile

# A block of four bytes can unfold to 128 KiB, so a small piece bounds what one step can make.
_ZSTD_PIECE = 1024
_ZSTD_WINDOW = 1 << 27  # what every decoder accepts, and the most that level 22 uses
_BZ2_PIECE = 1 << 16
_MAX_OUTPUT = 1 << 18


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
                remedy="If it is right, raise the limit: `pixipack unpack --max-size` or "
                "`--max-ratio`, in Python `ArtifactLimits`.",
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


@contextmanager
def tar_streams(
    path: Path, limits: ArtifactLimits, *, info_only: bool = False
) -> Iterator[Iterator[tuple[str, TarStream]]]:
    """The parts of a package: (`info`, tar), (`pkg`, tar), or (`both`, tar) for `.tar.bz2`.

    Each part has to be read before the next one is taken. Raises `InvalidInput` for what is not a
    package, `Infrastructure` where the file cannot be read; also within the block.
    """
    try:
        with path.open("rb") as file:
            yield tar_streams_of(file, path, path.stat().st_size, limits, info_only=info_only)
    except PixipackError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None


def tar_streams_of(
    file: IO[bytes], path: Path, size: int, limits: ArtifactLimits, *, info_only: bool = False
) -> Iterator[tuple[str, TarStream]]:
    """The parts of a package in an open file of `size` bytes, as `tar_streams` gives them.

    `path` is what messages call it, and its suffix says what it is. Raises `InvalidInput`.
    """
    budget = Budget(path, size, limits)
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
    import zipfile

    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        refuse(path, None, f"is not a valid zip archive ({error})")
    with archive:
        parts = _conda_members(archive, path)
        _check_metadata(archive, parts.pop("metadata"), path)
        for part in ("info",) if info_only else ("info", "pkg"):
            packed = _zip_content(archive, parts[part], path)
            stream: ByteStream = Unpacked(_unzstd(packed, path, parts[part].filename), budget)
            yield part, TarStream(stream, path, limits)


def _conda_members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    parts: dict[str, zipfile.ZipInfo] = {}
    _refuse_overlaps(archive, path)
    for info in archive.infolist():
        name = info.filename
        if name == "metadata.json":
            part = "metadata"
        elif name.endswith(".tar.zst") and name.startswith(("pkg-", "info-")) and "/" not in name:
            part = name.partition("-")[0]
        else:
            refuse(path, name, "does not belong into a `.conda` file")
        if part in parts:
            refuse(path, name, "occurs twice")
        parts[part] = info
    for part in ("metadata", "info", "pkg"):
        if part not in parts:
            name = "metadata.json" if part == "metadata" else f"{part}-*.tar.zst"
            refuse(path, None, f"has no member `{name}`")
    return parts


def _refuse_overlaps(archive: zipfile.ZipFile, path: Path) -> None:
    """Members that share bytes: a way to make much out of little (a "better zip bomb")."""
    end = 0
    for info in sorted(archive.infolist(), key=lambda each: each.header_offset):
        if info.header_offset < end:
            refuse(path, info.filename, "lies over another member of the zip archive")
        # The header itself is longer; what matters is that contents are not used twice.
        end = info.header_offset + info.compress_size


def _check_metadata(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    if info.file_size > 1 << 16:
        refuse(path, info.filename, "is too large")
    try:
        metadata: Any = json.loads(b"".join(_zip_content(archive, info, path)))
        version = metadata["conda_pkg_format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        refuse(path, info.filename, "does not name the version of the format")
    if version != 2:
        raise Unsupported(
            f"The package has format version {version}; version 2 is supported.", file=path
        )


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    import lzma
    import zipfile

    left = info.file_size
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_BZ2_PIECE):
                left -= len(piece)
                if left < 0:
                    refuse(path, info.filename, "is larger than it says")
                yield piece
    except (
        zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError
    ) as error:  # fmt: skip
        refuse(path, info.filename, f"is damaged ({error or 'cut off'})")
    except OSError as error:
        if error.errno is not None:
            raise  # of the disk; bzip2's have no number
        refuse(path, info.filename, f"is damaged ({error})")


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
    while True:
        if stream.needs_input and not stream.eof:
            waiting = file.read(_BZ2_PIECE)
            if not waiting:
                refuse(path, None, "is cut off")
        elif stream.eof:
            waiting = stream.unused_data or file.read(_BZ2_PIECE)
            if not waiting:
                return
            stream = bz2.BZ2Decompressor()
        try:
            piece = stream.decompress(waiting, _MAX_OUTPUT)
        except (OSError, ValueError) as error:
            refuse(path, None, f"is not valid bzip2 data ({error})")
        waiting = b""
        if piece:
            yield piece
