"""Whether a lock was made from the stubs that now stand in for its channels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.engine.channels import canonical_url
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.lock import Lock, LockedPackage, read_lock

_PACKAGE_TABLES = ("packages.conda", "packages")


def made_from_stand_ins(lock: Lock, options: EngineOptions, root: Path) -> bool:
    """Whether every locked binary of a stood-in channel is the stand-in's own file.

    `options` name the stand-ins (`EngineOptions.with_stand_ins`), `root` is the workspace's
    directory, which channel paths are relative to. A lock that takes nothing from a stood-in
    channel was not made from other packages, so the answer is yes. Raises `InvalidInput` for a
    stand-in whose repodata cannot be read.
    """
    channels = {canonical_url(name, root): path for name, path in options.channels.items()}
    known: dict[Path, Mapping[str, Any]] = {}
    for package in lock.packages:
        if package.kind != "binary":
            continue
        for url, directory in channels.items():
            if package.location.startswith(url):
                subdir, _, name = package.location[len(url) :].rpartition("/")
                folder = directory / subdir
                records = known.setdefault(folder, _records(folder))
                if not _same(package, records.get(name)):
                    return False
    return True


def forget_other_channels(path: Path, options: EngineOptions) -> None:
    """Removes the lock at `path` if its packages are not those of the stand-ins.

    pixi keeps what a lock says where it can, digests of other packages included. A lock that is
    missing or broken is left to whoever locks.
    """
    try:
        lock = read_lock(path)
    except PixipackError:
        return
    if not made_from_stand_ins(lock, options, path.parent):
        path.unlink()


def _same(package: LockedPackage, record: Mapping[str, Any] | None) -> bool:
    if record is None:
        return False
    for kind in ("sha256", "md5"):
        locked = getattr(package, kind)
        if locked is not None and record.get(kind) is not None:
            return bool(locked == record[kind])
    return True


def _records(folder: Path) -> Mapping[str, Any]:
    path = folder / "repodata.json"
    if not path.is_file():
        return {}
    try:
        repodata = json.loads(path.read_bytes())
        return {
            name: record for table in _PACKAGE_TABLES for name, record in
            (repodata.get(table) or {}).items()
        }  # fmt: skip
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"The repodata of a stand-in channel cannot be read: {error}.",
            file=path,
            remedy="Build the channel anew.",
        ) from None
