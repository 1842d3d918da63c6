"""Stub channels that are built once and shared: by tests, by workers, by runs."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.cache import made_once
from pytest_pixipack.channel.build import (
    BuiltChannel,
    assemble,
    load_built_channel,
)
from pytest_pixipack.channel.spec import StubChannel
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts

_REMEDY = "Check free space and permissions, or choose another directory (PIXIPACK_CACHE_DIR)."


def built_channel(spec: StubChannel, cache_root: Path) -> BuiltChannel:
    """The built channel of a spec, `<cache_root>/<key>/<name>`; treat it as read-only.

    The key is a hash of the spec's content, so that a changed spec is another channel. It is built
    once (`pytest_pixipack.cache`). Raises `Infrastructure` where the cache cannot be written.
    """
    home = cache_root / spec.digest()[:16]
    channel = home / spec.name

    def make(folder: Path) -> None:
        folder.mkdir()
        assemble(spec, folder / spec.name)

    try:
        return made_once(home, lambda _: _load(channel), make)
    except OSError as error:
        raise Infrastructure(
            f"The cache directory cannot be written: {error.strerror or error}.",
            file=channel,
            remedy=_REMEDY,
        ) from None
    except Infrastructure as error:
        raise Infrastructure(error.message, file=channel, remedy=error.remedy or _REMEDY) from None


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
