"""Getting at the files of locked binary packages: local channels, our cache, or the network."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_pixipack.artifact import file_digests
from pytest_pixipack.cache.made_once import (
    can_be_written,
    discard,
    lock_of,
    remove,
    taken,
    temporary_name,
    used,
    was_made,
)
from pytest_pixipack.cache.seals import content_digest
from pytest_pixipack.engine.channels import ChannelTable, is_local
from pytest_pixipack.engine.damage import damage
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, PixipackError
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.file_urls import path_of_url
from pytest_pixipack.redaction import public_url

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import Progress


# Neither a separator of any system nor a stream of Windows, nor what a terminal would obey.
_PLAIN = re.compile(r"[^/\\:\x00-\x1f\x7f]+")


class PackageFiles:
    """Finds package files. Downloads are kept below `cache_dir`, keyed by their sha256.

    One object serves one operation: a file of which no digest is known is fetched once. `progress`
    is told of each download. Where the cache can only be read, a file of which no digest is known
    is fetched into `spare` (default: nowhere).
    """

    def __init__(
        self,
        table: ChannelTable,
        cache_dir: Path,
        progress: Progress | None = None,
        spare: Path | None = None,
    ) -> None:
        self._table = table
        self._spare = spare
        self._cache_dir = cache_dir
        self._progress = progress
        self._unnamed: dict[str, Path] = {}

    def path_of(self, facts: PackageFacts) -> Path:
        """The file of a locked package, its digest checked.

        Raises `InvalidInput` where it is absent or is not the file that was locked,
        `Infrastructure` where the network would be needed and is off or fails.
        """
        return self._found(facts, self._table.origin_of(facts.url or ""))

    def path_of_wheel(self, facts: PackageFacts, location: str) -> Path:
        """The wheel of a locked PyPI package, its digest checked; raises as `path_of` does."""
        url = location.partition("#")[0]
        return self._found(facts, self._table.origin_of(url))

    def _found(self, facts: PackageFacts, origin: str) -> Path:
        path = path_of_url(origin)
        if path is None:
            return self._downloaded(facts, origin)
        if not path.is_file():
            raise InvalidInput(
                f"The locked package {facts.dist} is not where the lock says.",
                file=path,
                package=facts.name,
                remedy="Lock again, or put the file back into its channel.",
            )
        self._check(facts, path)
        return path

    def _check(self, facts: PackageFacts, path: Path) -> None:
        found = file_digests(path)
        for kind in ("sha256", "md5"):
            expected = getattr(facts, kind)
            if expected is None:
                continue
            actual = getattr(found, kind)
            if actual != expected:
                raise InvalidInput(
                    f"{path.name} is not the file that was locked: its {kind} is {actual}, the "
                    f"lock says {expected}.",
                    file=path,
                    package=facts.name,
                    remedy="Lock again against this channel, or restore the file.",
                )
            return

    def _downloaded(self, facts: PackageFacts, url: str) -> Path:
        file_name = _plain(facts.file_name or urlsplit(url).path.rpartition("/")[2], facts, url)
        key = facts.sha256 or facts.md5
        if key is None:
            if url not in self._unnamed:
                self._allow(facts, url)
                self._unnamed[url] = self._fetch_unnamed(facts, url, file_name)
            return self._unnamed[url]
        path = self._packages / _plain(key, facts, url) / file_name
        kept = taken(path.parent, lambda _: _if_right(path, facts), sealed=False)
        if kept is not None:
            return kept
        damaged = os.path.lexists(path)
        try:
            self._allow(facts, url)
            self._fetch(facts, url, path)
        except PixipackError as error:
            if not damaged:
                raise
            raise damage(path, f"What the cache has of {facts.dist}", error) from error
        return path

    @property
    def _packages(self) -> Path:
        return self._cache_dir / "packages"

    def _allow(self, facts: PackageFacts, url: str) -> None:
        if not is_local(url) and not self._table.network:
            raise Offline(
                f"{facts.dist} is not in the cache and the network is off: {public_url(url)}.",
                package=facts.name,
                remedy="Allow the network (--pixipack-network), or put a stub channel in the "
                "channel's place.",
            )

    def _told(self, what: str) -> Callable[[int, int | None], None] | None:
        sink = self._progress
        return None if sink is None else lambda done, total: sink(what, done, total)

    def _fetch(self, facts: PackageFacts, url: str, path: Path) -> None:
        with self._kept(facts, path), self._being_made(path.parent):
            if _if_right(path, facts) is not None:
                return
            _clear(path)
            self._download(facts, url, path)
            was_made(path.parent)

    def _fetch_unnamed(self, facts: PackageFacts, url: str, file_name: str) -> Path:
        """Fetches what may be another file each time, and keeps it by its content."""
        key = f"url-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        with self._kept(facts, self._packages), self._being_made(self._room() / key) as place:
            fresh = temporary_name(place)
            try:
                fresh.mkdir()
                self._download(facts, url, fresh / file_name)
                facts = replace(facts, sha256=content_digest(fresh / file_name))
                path = place.with_name(str(facts.sha256)) / file_name
                with lock_of(path.parent):
                    if _if_right(path, facts) is None:
                        _clear(path)
                        (fresh / file_name).replace(path)
                        was_made(path.parent)
                    used(path.parent)
            finally:
                remove(fresh)
        return path

    def _download(self, facts: PackageFacts, url: str, path: Path) -> None:
        from pytest_pixipack.engine.download import Wanted, download

        wanted = Wanted(
            url, facts.dist, sha256=facts.sha256, md5=facts.md5, size=facts.size, package=facts.name
        )
        told = self._told(facts.dist)
        download(wanted, path, network=self._table.network, progress=told)

    def _room(self) -> Path:
        """Where files can be put that are fetched each time."""
        if self._spare is None or can_be_written(self._packages):
            return self._packages
        return self._spare

    @contextmanager
    def _being_made(self, place: Path) -> Iterator[Path]:
        """Nobody else is at work there, nor sweeps away what is under temporary names."""
        place.parent.mkdir(parents=True, exist_ok=True)
        with lock_of(place):
            yield place

    @contextmanager
    def _kept(self, facts: PackageFacts, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Infrastructure(
                f"{facts.dist} cannot be kept in the cache: {error.strerror or error}.",
                file=path,
                package=facts.name,
                remedy="Check free space and permissions, or set PIXIPACK_CACHE_DIR.",
            ) from None


def _plain(name: str, facts: PackageFacts, url: str) -> str:
    """A name that is no way to another place. Raises `InvalidInput`."""
    if _PLAIN.fullmatch(name) and name not in (".", ".."):
        return name
    raise InvalidInput(
        f"{facts.dist} has a name that no file of a package can have: {public_url(url)}.",
        package=facts.name,
        remedy="Name a file that ends with `.conda`, `.tar.bz2` or `.whl`.",
    )


def _if_right(path: Path, facts: PackageFacts) -> Path | None:
    """The file if it is the one that is wanted; None where that cannot be told."""
    try:
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            return None
        if facts.sha256 is not None:
            right = content_digest(path) == facts.sha256
        else:
            right = facts.md5 is not None and file_digests(path).md5 == facts.md5
    except (OSError, PixipackError):
        return None
    return path if right else None


def _clear(path: Path) -> None:
    """Makes a place for a file; what has arrived of it stays. Raises `OSError`."""
    folder = path.parent
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        discard(folder)
    folder.mkdir(exist_ok=True)
    if path.is_symlink() or path.is_dir():
        remove(path)
