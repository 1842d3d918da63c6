"""The wheels inside of a pack, each read whole by the code that would install it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.artifact.wheels import Wheel, read_wheel
from pytest_pixipack.damages import UNREADABLE
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack, PackMember
from pytest_pixipack.pack.wheel_metadata import WheelMetadata, wheel_metadata
from pytest_pixipack.verify.pack_inside import each_copied, is_unsafe, wheel_members
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheel_names import WheelName, same_version, wheel_name

_LARGEST_RECORD = 64 << 20
_DAMAGED: tuple[type[Exception], ...] = (*UNREADABLE, csv.Error)


@dataclass(frozen=True, slots=True)
class WheelInside:
    """A wheel of a pack. `problem` says why it cannot be installed, or what it is not.

    `name` is what its file's name says, None where it is no wheel's. `wheel` is what was read, only
    kept for prefixes, which are compared file by file.
    """

    member: PackMember
    name: WheelName | None
    metadata: WheelMetadata
    problem: str | None = None
    is_unsafe: bool = False
    wheel: Wheel | None = None

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return self.metadata.file_name

    @property
    def facts(self) -> PackageFacts:
        """Name and version, as far as they can be told."""
        from packaging.utils import canonicalize_name

        if self.name is None:
            name = canonicalize_name(self.metadata.name or self.file_name.split("-")[0])
            return PackageFacts(name=name, kind="pypi", file_name=self.file_name)
        return PackageFacts(
            name=self.name.name,
            kind="pypi",
            version=self.name.version,
            file_name=self.file_name,
            sha256=self.member.sha256,
        )


def wheels_inside(subject: Subject) -> tuple[WheelInside, ...]:
    """The wheels of the subject's pack in the order of their names, read once."""
    pack = subject.pack
    assert pack is not None
    return subject.once(
        "wheels inside", lambda: tuple(_wheels(pack, kept=subject.prefix is not None))
    )


def _wheels(pack: Pack, *, kept: bool) -> Iterator[WheelInside]:
    members = list(wheel_members(pack))
    if not members:
        return
    told = {each.file_name: each for each in wheel_metadata(pack)}
    for member, read in each_copied(pack, wheel_members, _read):
        file_name = member.name.rpartition("/")[2]
        name, metadata = wheel_name(member.name), told[file_name]
        if isinstance(read, InvalidInput):
            unsafe = is_unsafe(read)
            yield WheelInside(member, name, metadata, read.message, unsafe)
        else:
            other = _another(name, metadata)
            wheel = read if kept and other is None else None
            yield WheelInside(member, name, metadata, other, wheel=wheel)


def _read(path: Path) -> Wheel | InvalidInput:
    """A wheel, or why it cannot be installed: it is read as for that."""
    try:
        wheel = read_wheel(path)
    except InvalidInput as error:
        # Where the copy lies is nobody's business.
        return InvalidInput(error.message.replace(f"{path.parent}/", ""))
    if lost := _lost(path):
        return InvalidInput(f"Its RECORD lists what it does not hold: {', '.join(lost)}.")
    return wheel


def _lost(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            records = [
                each
                for each in archive.infolist()
                if each.filename.endswith(".dist-info/RECORD") and each.filename.count("/") == 1
            ]
            if len(records) != 1 or records[0].file_size > _LARGEST_RECORD:
                return []
            with archive.open(records[0]) as stream:
                rows = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", newline=""))
                return sorted({row[0] for row in rows if row} - names)[:5]
    except _DAMAGED:
        return []  # what it says is not known; the rest of it was read


def _another(name: WheelName | None, metadata: WheelMetadata) -> str | None:
    """What a wheel that can be installed says wrongly of itself."""
    from packaging.utils import canonicalize_name

    if metadata.problem is not None:
        return f"It cannot be read: {metadata.problem}."
    if name is None:
        return "Its name is not that of a wheel."
    same = canonicalize_name(metadata.name) == name.name
    if same and same_version(metadata.version, name.version):
        return None
    return f"Its METADATA is that of {metadata.name} {metadata.version}."
