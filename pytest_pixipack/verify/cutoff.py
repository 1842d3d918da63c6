"""`exclude-newer`: which packages are too new for a workspace.

Follows prefix-dev/pixi, crates/pixi_spec/src/exclude_newer.rs: a package's own cut-off goes before
its channel's, and that before the workspace's; a date means its end in UTC.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from pytest_pixipack.lock.location import strip_slash
from pytest_pixipack.manifest import Manifest

_UNITS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
    "M": 2630016, "month": 2630016, "months": 2630016,
    "y": 31557600, "year": 31557600, "years": 31557600,
}  # fmt: skip
_PORTS = {"http": ":80", "https": ":443"}
_DURATION = re.compile(r"(\d+)\s*([A-Za-z]+)\s*")
_FRACTION = re.compile(r"\.(\d+)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A moment after which packages do not count, in milliseconds since the epoch."""

    milliseconds: int

    @classmethod
    def parse(cls, text: str, now: datetime) -> Cutoff | None:
        """From a date, a time (RFC 3339) or a duration before `now`; None for anything else."""
        text = text.strip()
        try:
            if _DATE.fullmatch(text):
                day = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
                return cls._at(day + timedelta(days=1))
            if re.fullmatch(f"(?:{_DURATION.pattern})+", text):
                seconds = sum(int(n) * _UNITS[unit] for n, unit in _DURATION.findall(text))
                return cls._at(now - timedelta(seconds=seconds))
            # Python 3.10 reads fractions of 3 or 6 digits only.
            plain = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text)
            moment = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", plain))
        except (ValueError, KeyError, OverflowError):
            return None
        return cls._at(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))

    @classmethod
    def _at(cls, moment: datetime) -> Cutoff:
        return cls(int(moment.timestamp() * 1000))


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The cut-offs of one environment. False where there are none."""

    general: Cutoff | None
    packages: Mapping[str, Cutoff]
    channels: Mapping[str, Cutoff]

    def __bool__(self) -> bool:
        return bool(self.general or self.packages or self.channels)

    def of(self, package: str, channel: str | None) -> Cutoff | None:
        """The cut-off for a package of a channel (its URL)."""
        if package in self.packages:
            return self.packages[package]
        return self.channels.get(_key(channel or ""), self.general)


def cutoffs(manifest: Manifest, environment: str, now: datetime) -> Cutoffs:
    """The cut-offs that a manifest gives for an environment."""
    from pytest_pixipack.engine.channels import canonical_url

    workspace = manifest.need_workspace()
    channels = {
        _key(canonical_url(channel.name, manifest.root)): channel.exclude_newer
        for channel in manifest.channel_refs(environment)
    }
    return Cutoffs(
        Cutoff.parse(workspace.exclude_newer, now) if workspace.exclude_newer else None,
        _parsed(workspace.exclude_newer_packages, now),
        _parsed(channels, now),
    )


def _key(channel: str) -> str:
    """What tells a channel apart, also where a lock shows no password."""
    from pytest_pixipack.channel_urls import shown_url

    return strip_slash(shown_url(plain_url(channel)))


def plain_url(url: str) -> str:
    """A URL as pixi writes it: scheme and host in lower case, no `..`, no usual port."""
    parts = urlsplit(url)
    path = parts.path
    if "/." in path:
        path = posixpath.normpath(path) + ("/" if path.endswith("/") else "")
    user, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(_PORTS.get(parts.scheme, "/"))
    return parts._replace(netloc=f"{user}{at}{host}", path=path).geturl()


def _parsed(texts: Mapping[str, str | None], now: datetime) -> dict[str, Cutoff]:
    parsed = {key: Cutoff.parse(text, now) for key, text in texts.items() if text}
    return {key: cutoff for key, cutoff in parsed.items() if cutoff is not None}
