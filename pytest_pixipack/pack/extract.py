"""Writes the members of a pack to a directory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.container import open_container
from pytest_pixipack.pack.model import Pack, PackMember
from pytest_pixipack.safe_names import directories_above

if TYPE_CHECKING:
    pass

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
            names = [entry.name for entry in container.entries if entry.kind == "directory"]
            for name in sorted(
                {*directories_above(known), *names}, key=lambda each: each.count("/")
            ):
                (directory / name).mkdir(exist_ok=True)
            for entry in container.entries:
                if entry.kind == "directory":
                    continue
                target = directory / entry.name
                with container.open(entry.name) as source, target.open("xb") as copy:
                    _copy(pack, known[entry.name], source, copy)
        except OSError as error:
            raise Infrastructure(
                f"The pack cannot be extracted: {error.strerror or error}.",
                file=error.filename or directory,
                remedy="Check free space and permissions.",
            ) from None


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
