"""`pixi.lock`: model, reader, canonical writer, differences and snapshots."""

from __future__ import annotations

from pytest_pixipack.lock.build import (
    LockBuilder,
    binary_package,
    pypi_package,
    source_package,
)
from pytest_pixipack.lock.diff import LockChange, LockDiff, PackageChange, diff_locks
from pytest_pixipack.lock.identifier import source_identifier
from pytest_pixipack.lock.marks import marked
from pytest_pixipack.lock.model import (
    Lock,
    LockChannel,
    LockedPackage,
    LockedPypi,
    LockedSource,
    LockEnvironment,
    LockOptions,
    LockPlatform,
)
from pytest_pixipack.lock.reader import SUPPORTED_VERSIONS, parse_lock, read_lock
from pytest_pixipack.lock.scrub import Scrubber, Scrubbers, default_scrubbers, more_scrubbers
from pytest_pixipack.lock.snapshot import snapshot
from pytest_pixipack.lock.writer import write_lock

__all__ = [
    "SUPPORTED_VERSIONS",
    "Lock",
    "LockBuilder",
    "LockChange",
    "LockChannel",
    "LockDiff",
    "LockEnvironment",
    "LockOptions",
    "LockPlatform",
    "LockedPackage",
    "LockedPypi",
    "LockedSource",
    "PackageChange",
    "Scrubber",
    "Scrubbers",
    "binary_package",
    "default_scrubbers",
    "diff_locks",
    "marked",
    "more_scrubbers",
    "parse_lock",
    "pypi_package",
    "read_lock",
    "snapshot",
    "source_identifier",
    "source_package",
    "write_lock",
]
