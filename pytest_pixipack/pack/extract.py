"""Writes the members of a pack to a directory."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.container import open_container
from pytest_pixipack.pack.model import CHANNEL, Pack, PackMember
from pytest_pixipack.safe_names import directories_above

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact

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


def package_indexes(
    pack: Pack,
) -> Iterator[tuple[PackMember, dict[str, Any] | InvalidInput]]:
    """`info/index.json` of each package file of a pack, without extracting it.

    A package that cannot be read gives the error instead. Raises as `open_container` does.
    """
    from pytest_pixipack.artifact import read_index_of

    with open_container(pack.path) as container:
        for member in _packages(pack):
            with container.open(member.name) as stream:
                try:
                    yield member, read_index_of(stream, Path(Path(member.name).name), member.size)
                except InvalidInput as error:
                    yield member, error


def packed_artifacts(pack: Pack) -> Iterator[Artifact]:
    """Each package of a pack as an artifact that was read, one after the other.

    Their `path` is that of a temporary copy which is gone by the next one. Those that cannot be
    read are left out. Raises as `open_container` does, and `Infrastructure` where there is no room.
    """
    from pytest_pixipack.artifact import read_artifact

    with (
        open_container(pack.path) as container,
        scratch_directory() as scratch,
    ):
        for member in _packages(pack):
            copied = scratch / Path(member.name).name
            try:
                with container.open(member.name) as source, copied.open("xb") as copy:
                    shutil.copyfileobj(source, copy, _CHUNK)
                with contextlib.suppress(InvalidInput):
                    yield read_artifact(copied)
                copied.unlink()
            except OSError as error:
                raise Infrastructure(
                    f"The pack's packages cannot be read: {error.strerror or error}.",
                    file=error.filename or pack.path,
                ) from None


def _packages(pack: Pack) -> Iterator[PackMember]:
    for member in pack.members:
        if member.name.startswith(f"{CHANNEL}/") and member.name.endswith((".conda", ".tar.bz2")):
            yield member


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
