"""What is looked at before packages and wheels are installed; nothing is written for it.

rattler and `installer` trust what they are given: rattler takes the names of packages and entry
points as they come, and follows the links of one package where it writes the files of another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import Artifact, ArtifactLimits, read_artifact
from pytest_pixipack.artifact.portable import check_portable
from pytest_pixipack.artifact.safety import Steps, followed, is_record
from pytest_pixipack.artifact.wheels import Wheel, read_wheel
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.prefix.wheels import WheelPlaces, unsafe_place, wheel_places
from pytest_pixipack.regular_files import open_regular
from pytest_pixipack.safe_names import TooManyDirectories, directories_above, quoted

# What names of packages are made of (`PackageName` in rattler_conda_types, src/package_name.rs).
_NAME = re.compile(r"[a-z0-9_.-]+")
# What versions and build strings are made of; above all, no slash.
_PART = re.compile(r"[A-Za-z0-9_.!+~*-]+")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class InstallRecord:
    """A package file and the repodata record to install it with."""

    path: Path
    record: Mapping[str, Any]

    @property
    def file_name(self) -> str:
        """`name-version-build.conda` (or `.tar.bz2`)."""
        return self.path.name

    @property
    def name(self) -> str | None:
        """The name in the record, where it is text."""
        name = self.record.get("name")
        return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class CheckedWheels:
    """Wheels that may be installed, in the order of their names, and where they go."""

    wheels: Mapping[Path, Wheel] = field(default_factory=dict)
    places: WheelPlaces | None = None


def check_record(record: InstallRecord) -> None:
    """Raises `InvalidInput` for names and places that are not for use in a path."""
    name = record.name
    if name is None or not _NAME.fullmatch(name):
        lower = name is not None and _NAME.fullmatch(name.lower())
        reason = "they are in lower case" if lower else "they have letters, digits, - _ and ."
        raise _unusable(record, f"{quoted(str(name))} is no name of a package; {reason}")
    for key, words in (("version", "a malformed version string"), ("build", "no build string")):
        value = str(record.record.get(key))
        if not _PART.fullmatch(value):
            raise _unusable(record, f"{quoted(value)} is {words}")
    place = record.record.get("python_site_packages_path")
    if isinstance(place, str) and (unsafe := unsafe_place(place)):
        raise _unusable(record, f"it names site packages at {quoted(place)}: {unsafe}")


def check_packages(
    records: Sequence[InstallRecord], wheels: Sequence[Path], platform: str, limits: ArtifactLimits
) -> CheckedWheels:
    """Reads all packages and wheels that are to be installed together for a platform.

    Raises `InvalidInput` for the first one that may not be: another file than its record says, of a
    name that is there twice, unsafe, damaged, beyond the limits, or such that another one is
    written to a wrong place through its links.
    """
    _refuse_twins(records)
    for record in records:
        check_record(record)
        _verify(record)
    together = _Together()
    for record in records:
        artifact = read_artifact(record.path, limits)
        if artifact.facts.name != record.name:
            raise _unusable(record, f"the package in the file is {quoted(artifact.facts.name)}")
        check_portable(artifact.payload, platform, artifact.facts.name, record.path)
        _refuse_absent(artifact)
        together.add(artifact)
    checked = CheckedWheels()
    if wheels:
        places = wheel_places([each.record for each in records], platform, wheels[0])
        in_order = sorted(wheels, key=lambda each: each.name)
        found = {path: read_wheel(path, limits) for path in in_order}
        checked = CheckedWheels(found, places)
        for path, wheel in found.items():
            together.add_files(wheel.placed(places.of(wheel)), path)
    together.check()
    return checked


class _Together:
    """The links and directories of all packages of one prefix."""

    def __init__(self) -> None:
        self._links: dict[str, str] = {}
        self._linking: dict[str, Path] = {}
        self._directories: dict[str, Path] = {}

    def add(self, artifact: Artifact) -> None:
        links = {
            path: (file.target or "").replace("\\", "/")
            for path, file in artifact.payload.items()
            if file.kind == "link"
        }
        self._links |= links
        self._linking |= dict.fromkeys(links, artifact.path)
        self.add_files(artifact.payload, artifact.path)

    def add_files(self, paths: Iterable[str], file: Path) -> None:
        try:
            for directory in directories_above(paths):
                self._directories.setdefault(directory, file)
        except TooManyDirectories as reason:
            raise InvalidInput(f"The file {reason}.", file=file) from None

    def check(self) -> None:
        """Refuses links that leave the prefix, or lead to records, by way of another package's."""
        if not self._links:
            return
        steps = Steps(next(iter(self._linking.values())))
        for link, file in self._linking.items():
            self._refuse_out(link, file, followed(link, self._links, steps))
        through: set[str] = set()
        for directory in sorted(self._directories):  # those above come before those below
            if directory in self._links or directory.rpartition("/")[0] in through:
                through.add(directory)
                file = self._directories[directory]
                self._refuse_out(directory, file, followed(directory, self._links, steps))

    @staticmethod
    def _refuse_out(path: str, file: Path, place: str | None) -> None:
        if place is None or is_record(place):
            raise InvalidInput(
                f"The path {quoted(path)} of {file.name} leads out of the environment, or to where "
                "only installers write, through a link of another package.",
                file=file,
                remedy="Leave one of the two packages out.",
            )


def _refuse_twins(records: Sequence[InstallRecord]) -> None:
    # Which of two packages with one name wins would be chance.
    seen: dict[str | None, InstallRecord] = {}
    for record in records:
        other = seen.setdefault(record.name, record)
        if other is not record:
            raise InvalidInput(
                f"Two packages have one name: {other.file_name} and {record.file_name}.",
                file=record.path,
                package=record.name,
                remedy="Leave one of them out.",
            )


def _verify(record: InstallRecord) -> None:
    expected = {name: record.record.get(name) for name in ("sha256", "md5")}
    hashers = {
        name: hashlib.new(name, usedforsecurity=False) for name, value in expected.items() if value
    }
    try:
        with open_regular(record.path) as stream:
            while hashers and (piece := stream.read(_CHUNK)):
                for hasher in hashers.values():
                    hasher.update(piece)
    except OSError as error:
        raise InvalidInput(
            f"The package file cannot be read: {error.strerror or error}.",
            file=record.path,
            package=record.name,
        ) from None
    for name, hasher in hashers.items():
        if hasher.hexdigest() != expected[name]:
            raise InvalidInput(
                f"The {name} of {record.file_name} is {hasher.hexdigest()},"
                f" but its record says {quoted(str(expected[name]))}.",
                file=record.path,
                package=record.name,
                remedy="The file is damaged or another one: get it again.",
            )


def _refuse_absent(artifact: Artifact) -> None:
    for path, file in (artifact.facts.files or {}).items():
        if file.kind != "directory" and path not in artifact.payload:
            raise InvalidInput(
                f"The package lists {quoted(path)}, which is not in it.",
                file=artifact.path,
                remedy="Get or build the package again.",
            )


def _unusable(record: InstallRecord, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The record of {record.file_name} cannot be used: {reason}.",
        file=record.path,
        remedy="Get or build the package again.",
    )
