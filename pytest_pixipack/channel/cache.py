"""Stub channels that are built once and shared: by tests, by workers, by runs."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from pytest_pixipack.channel.build import (
    BuiltChannel,
    assemble,
    load_built_channel,
)
from pytest_pixipack.channel.spec import StubChannel
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts


def built_channel(spec: StubChannel, cache_root: Path) -> BuiltChannel:
    """The built channel of a spec, `<cache_root>/<key>/<name>`; treat it as read-only.

    The key is a hash of the spec's content, so that a changed spec is another channel. Whoever
    comes first builds it under a file lock, into a temporary directory that is renamed when it is
    complete: a process that is killed leaves nothing that is taken for a channel, and no lock.
    Raises `Infrastructure` where the cache cannot be written.
    """
    from filelock import FileLock

    key = spec.digest()[:16]
    home = cache_root / key
    channel = home / spec.name
    if (found := _load(channel)) is not None:
        return found
    try:
        cache_root.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_root / f"{key}.lock"):
            if (found := _load(channel)) is not None:
                return found
            _clear(cache_root, key)
            fresh = cache_root / f"{key}.{secrets.token_hex(4)}.tmp"
            try:
                fresh.mkdir()
                assemble(spec, fresh / spec.name)
                fresh.rename(home)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise Infrastructure(
            f"The cache directory cannot be written: {error.strerror or error}.",
            file=channel,
            remedy="Choose another one (PIXIPACK_CACHE_DIR).",
        ) from None
    except Infrastructure as error:
        raise Infrastructure(error.message, file=channel, remedy=error.remedy) from None
    return load_built_channel(channel)


def _load(channel: Path) -> BuiltChannel | None:
    """The channel if it is there and all its package files are."""
    try:
        found = load_built_channel(channel)
    except (InvalidInput, OSError, LookupError):
        return None
    complete = all(_is_complete(found, package) for package in found.packages)
    return found if complete else None


def _is_complete(channel: BuiltChannel, package: PackageFacts) -> bool:
    try:
        return channel.package_path(package).stat().st_size == package.size
    except OSError:
        return False


def _clear(cache_root: Path, key: str) -> None:
    """Removes what a killed process or a meddling one left; only called under the lock."""
    for left in sorted(cache_root.glob(f"{key}.*.tmp")):
        shutil.rmtree(left, ignore_errors=True)
    if (cache_root / key).exists():
        shutil.rmtree(cache_root / key)
