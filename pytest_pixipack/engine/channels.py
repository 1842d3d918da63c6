"""Which channel is meant, and where its packages really come from.

A lock holds the URL that the manifest means (`https://conda.anaconda.org/conda-forge/`); a stub
channel may stand in its place. `ChannelTable` knows both and translates between them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pytest_pixipack.channel_urls import normal_url, shown_url, without_query
from pytest_pixipack.errors import InvalidInput, Offline
from pytest_pixipack.file_urls import expand_user, file_url, path_of_url
from pytest_pixipack.lock.location import strip_slash
from pytest_pixipack.redaction import hidden_repr, public_url

# pixi's default channel alias (prefix-dev/pixi, crates/pixi_config).
CHANNEL_ALIAS = "https://conda.anaconda.org/"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: `name` as written, `url` as locked, `origin` as read; both are normal URLs
    (`channel_urls`), whose paths end in `/`.
    """

    name: str
    url: str
    origin: str

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def stands_in(self) -> bool:
        """Whether a stub takes the place of this channel."""
        return self.url != self.origin

    @property
    def public_name(self) -> str:
        """The name as written, or the URL without all that may be secret."""
        return public_url(self.url) if "://" in self.name else self.name

    @property
    def base(self) -> str:
        """What the URLs of all files begin with that are read from it."""
        return without_query(self.origin)

    @property
    def record_name(self) -> str:
        """What the records say that a solver is shown."""
        return shown_url(self.origin)

    @property
    def locked_name(self) -> str:
        """What a lock says of a package that is of this channel."""
        return shown_url(self.url)

    def is_named(self, name: str) -> bool:
        """Whether a record or a lock means this channel by a name."""
        names = (self.record_name, self.locked_name)
        return strip_slash(name) in map(strip_slash, names)

    def locked_url(self, url: str) -> str:
        """The URL for a lock of a file that is read from `url`."""
        if not url.startswith(self.base):
            return url
        return without_query(self.url) + url[len(self.base) :]

    @property
    def directory(self) -> Path | None:
        """The local directory that the packages are read from, if it is one."""
        return path_of_url(self.origin)


def canonical_url(name: str, root: Path) -> str:
    """The normal URL, its path ending in `/`, of a channel name, path or URL in a manifest in
    `root`.
    """
    if "://" in name:
        return normal_url(name)
    if name.startswith((".", "/", "~", "\\")) or (len(name) > 1 and name[1] == ":"):
        return file_url(root / expand_user(name)).rstrip("/") + "/"
    return normal_url(CHANNEL_ALIAS + name.strip("/"))


def is_local(url: str) -> bool:
    """Whether no network is needed: a `file://` URL, or http(s) on the loopback interface."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return True
        host = parts.hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or a URL that cannot be taken apart
        return False


@dataclass(frozen=True, slots=True)
class ChannelTable:
    """Resolves channel names for one workspace; `stand_ins` maps names or URLs to directories."""

    root: Path
    stand_ins: Mapping[str, Path]
    network: bool = False

    def resolve(self, name: str) -> Channel:
        """The channel that `name` means in this workspace."""
        url = canonical_url(name, self.root)
        directory = self._stand_in(name, url)
        origin = file_url(directory).rstrip("/") + "/" if directory else url
        return Channel(name, url, origin)

    def require(self, channel: Channel) -> Channel:
        """The same channel, if it may and can be read.

        Raises `Offline` for a URL that needs the network where that is off, `InvalidInput`
        for a directory that is no channel.
        """
        name = channel.public_name
        if not self.network and not is_local(channel.origin):
            raise Offline(
                f"The channel {name} ({public_url(channel.url)}) needs the network, which is off.",
                remedy=f'Put a stub in its place ([tool.pixipack] channels = {{ "{name}" '
                '= "channel.toml" }), or allow the network (--pixipack-network).',
            )
        directory = channel.directory
        if directory is not None and not (directory / "noarch" / "repodata.json").is_file():
            raise InvalidInput(
                f"The channel {name} is no conda channel: it has no noarch/repodata.json.",
                file=directory,
                remedy="Build it with `pixipack channel build SPEC OUT`, or correct the path.",
            )
        return channel

    def origin_of(self, url: str) -> str:
        """Where a locked package URL or path is really read from."""
        if "://" not in url:
            return file_url(self.root / url)
        for name, directory in sorted(self.stand_ins.items()):
            prefix = without_query(canonical_url(name, self.root))
            if url.startswith(prefix):
                return file_url(directory).rstrip("/") + "/" + url[len(prefix) :]
        return url

    def _stand_in(self, name: str, url: str) -> Path | None:
        for key, directory in self.stand_ins.items():
            if key == name or canonical_url(key, self.root) == url:
                return directory
        return None
