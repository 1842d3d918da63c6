"""Getting at the files of locked binary packages: local channels, our cache, or the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_pixipack.artifact import file_digests
from pytest_pixipack.cache.made_once import lock_of, taken, was_made
from pytest_pixipack.engine.channels import ChannelTable, is_local
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.file_urls import path_of_url
from pytest_pixipack.redaction import public_url

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import Progress


class PackageFiles:
    """Finds package files. Downloads are kept below `cache_dir`, keyed by their sha256.

    `progress` is told of each download.
    """

    def __init__(
        self, table: ChannelTable, cache_dir: Path, progress: Progress | None = None
    ) -> None:
        self._table = table
        self._cache_dir = cache_dir
        self._progress = progress

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
            path = self._downloaded(facts, origin)
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
        file_name = facts.file_name or urlsplit(url).path.rpartition("/")[2]
        # Without a digest there is no key under which a download could be found again.
        key = facts.sha256 or facts.md5 or f"url-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        folder = self._cache_dir / "packages" / key
        path = folder / file_name
        kept = taken(folder, lambda _: path if path.is_file() else None)
        if kept is not None and (facts.sha256 or facts.md5):
            return kept
        if not is_local(url) and not self._table.network:
            raise Offline(
                f"{facts.dist} is not in the cache and the network is off: {public_url(url)}.",
                package=facts.name,
                remedy="Allow the network (--pixipack-network), or put a stub channel in the "
                "channel's place.",
            )
        self._fetch(facts, url, path)
        return path

    def _told(self, what: str) -> Callable[[int, int | None], None] | None:
        sink = self._progress
        return None if sink is None else lambda done, total: sink(what, done, total)

    def _fetch(self, facts: PackageFacts, url: str, path: Path) -> None:
        from pytest_pixipack.engine.download import Wanted, download

        wanted = Wanted(
            url, facts.dist, sha256=facts.sha256, md5=facts.md5, size=facts.size, package=facts.name
        )
        try:
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            with lock_of(path.parent):
                path.parent.mkdir(exist_ok=True)
                if path.is_file() and (facts.sha256 or facts.md5):
                    return
                # A proxy of the environment is for other hosts than this machine.
                trusted = not is_local(url)
                download(wanted, path, trust_environment=trusted, progress=self._told(facts.dist))
                was_made(path.parent)
        except OSError as error:
            raise Infrastructure(
                f"{facts.dist} cannot be kept in the cache: {error.strerror or error}.",
                file=path,
                package=facts.name,
                remedy="Check free space and permissions, or set PIXIPACK_CACHE_DIR.",
            ) from None
