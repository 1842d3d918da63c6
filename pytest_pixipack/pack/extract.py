"""Writes the members of a pack to a directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.container import open_container
from pytest_pixipack.pack.model import CHANNEL, Pack, PackMember

_CHUNK = 1 << 20


def extract(pack: Pack, directory: Path) -> None:
    """Writes all members of `pack` below `directory`, files with mode 0644 (less the umask).

    A file that is already there is not replaced. Raises as `Pack.extract` says.
    """
    with open_container(pack.path) as container:
        known = {member.name: member for member in pack.members}
        if {entry.name for entry in container.entries} != set(known):
            raise _changed(pack)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for entry in container.entries:
                target = directory / entry.name
                if entry.kind == "directory":
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with container.open(entry.name) as source, target.open("xb") as copy:
                    _copy(pack, known[entry.name], source, copy)
        except OSError as error:
            raise Infrastructure(
                f"The pack cannot be extracted: {error.strerror or error}.",
                file=error.filename or directory,
                remedy="Check free space and permissions.",
            ) from None


def package_indexes(
    pack: Pack,
) -> Iterator[tuple[PackMember, dict[str, Any] | InvalidInput]]:
    """`info/index.json` of each package file of a pack, without extracting it.

    A package that cannot be read gives the error instead. Raises as `open_container` does.
    """
    from pytest_pixipack.artifact import read_index_of

    with open_container(pack.path) as container:
        for member in pack.members:
            parts = member.name.split("/")
            if parts[0] != CHANNEL or not member.name.endswith((".conda", ".tar.bz2")):
                continue
            with container.open(member.name) as stream:
                try:
                    yield member, read_index_of(stream, Path(parts[-1]), member.size)
                except InvalidInput as error:
                    yield member, error


def _copy(pack: Pack, member: PackMember, source: BinaryIO, copy: BinaryIO) -> None:
    hasher = hashlib.sha256()
    while piece := source.read(_CHUNK):
        hasher.update(piece)
        copy.write(piece)
    if hasher.hexdigest() != member.sha256:
        raise _changed(pack)


def _changed(pack: Pack) -> InvalidInput:
    return InvalidInput(
        "The pack changed while it was used.", file=pack.path, remedy="Read it again."
    )
