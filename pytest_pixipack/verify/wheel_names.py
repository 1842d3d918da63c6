"""What the file name of a wheel says (the PyPA specification "Binary distribution format")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class WheelName:
    """A wheel's file name, and its normalised name and version."""

    file_name: str
    name: str
    version: str


def wheel_name(path: str) -> WheelName | None:
    """What the name of a wheel says, None where it is no wheel's. `path` may lead to it."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    file_name = PurePosixPath(path).name
    try:
        name, version, _, _ = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return None
    return WheelName(file_name, str(name), str(version))


def same_version(one: str | None, other: str | None) -> bool:
    """Whether two versions mean the same; one that is not known is any."""
    from packaging.version import InvalidVersion, Version

    if one is None or other is None:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other
