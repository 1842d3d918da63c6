"""What installers make of the files of a package that hold a placeholder, for one prefix."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pytest_pixipack.artifact import DEFAULT_LIMITS, Artifact
from pytest_pixipack.artifact.containers import tar_streams
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.platforms import family
from pytest_pixipack.prefix.placed import place_of
from pytest_pixipack.prefix.placeholders import installed_digests

# Bytes that are kept in memory of a file that has to be read more than once.
_SPOOLED = 8 << 20
_CHUNK = 1 << 20


def placed_digests(
    file: Path, artifact: Artifact, prefix: Path, platform: str | None
) -> Mapping[str, tuple[str, ...]]:
    """The sha256 that files of a package can have once they are installed at `prefix`, by path.

    `file` is where the package lies. Left out are files without a placeholder, and those of macOS
    that are signed again after they were changed. Raises as `read_artifact` does.
    """
    wanted = {
        path: facts
        for path, facts in (artifact.facts.files or {}).items()
        if facts.placeholder and path in artifact.payload
    }
    system = family(platform or "")
    if system in ("osx", "ios"):
        wanted = {path: each for path, each in wanted.items() if each.placeholder_mode != "binary"}
    if not wanted:
        return {}
    spellings = place_of(prefix).spellings
    found = {}
    with tar_streams(file, DEFAULT_LIMITS) as parts:
        for _, tar in parts:
            for entry in tar:
                path = posixpath.normpath(entry.name)
                facts = wanted.get(path)
                if entry.kind == "file" and facts is not None:
                    with _spooled(tar.content()) as content:
                        found[path] = tuple(_digests(content, facts, spellings, system))
    return found


def _digests(
    content: IO[bytes], facts: FileFacts, spellings: Iterable[str], system: str | None
) -> Iterator[str]:
    binary = facts.placeholder_mode == "binary"
    if binary and system == "win":
        return  # is left as it is
    for spelling in spellings:
        yield from installed_digests(
            lambda: _pieces(content), facts.placeholder or "", spelling, binary=binary
        )


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    content.seek(0)
    while piece := content.read(_CHUNK):
        yield piece


def _spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    content: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115
    for piece in pieces:
        content.write(piece)
    return content
