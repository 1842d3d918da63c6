"""What a file of expectations says."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.platforms import family

# Besides subdirs, what `[platform.NAME]` may name: families, and all that are not Windows.
FAMILIES = ("linux", "osx", "win", "unix")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPackage:
    """A package that has to be there, and what has to hold of it; None or empty: anything.

    `version` is a version constraint, `build` a glob for the build string, `depends` are match
    specs that have to be among its dependencies, `files` globs for paths of which each has to match
    a file of it. `platform` is a subdir or a family; None means every platform. `line` is counted
    from 1.
    """

    name: str
    platform: str | None = None
    version: str | None = None
    build: str | None = None
    build_number: int | None = None
    subdir: str | None = None
    depends: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenPackage:
    """A match spec that no package may satisfy."""

    spec: str
    platform: str | None = None
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFinding:
    """A finding that is known and accepted, with its reason, until the day of `expires`."""

    rule: str
    reason: str
    package: str | None = None
    platform: str | None = None
    environment: str | None = None
    expires: datetime.date | None = None
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The content of one file."""

    file: Path
    packages: tuple[ExpectedPackage, ...] = ()
    forbidden: tuple[ForbiddenPackage, ...] = ()
    known: tuple[KnownFinding, ...] = ()


def applies(platform: str | None, subdir: str) -> bool:
    """Whether what is said of a platform or a family holds for a subdir."""
    if platform is None or platform == subdir:
        return True
    own = family(subdir)
    if platform == "unix":
        return own in ("linux", "osx")
    return platform in FAMILIES and platform == own
