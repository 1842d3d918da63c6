"""What a package's location alone says: name, version, build, subdir and channel.

A lock leaves these out where they follow from the URL. The rules are those of rattler_lock
(`utils/derived_fields.rs`, `url_or_path.rs`); they decide which fields are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from pytest_pixipack.platforms import SUBDIRS

_ARCHIVE_SUFFIXES = (".conda", ".tar.bz2", ".whl")
_CONDA_SUFFIXES = (".conda", ".tar.bz2")
_SUBDIRS = frozenset(SUBDIRS)
# A version that conda can parse; anything else is not derived from a file name.
_VERSION = re.compile(r"(?:[0-9]+!)?[A-Za-z0-9][A-Za-z0-9._]*(?:\+[A-Za-z0-9._]+)?\Z")
_DRIVE = re.compile(r"/?([A-Za-z])(?::|%3[aA])/?")
_LAST_U64 = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Derived:
    """Fields that follow from a location; None where they do not."""

    file_name: str | None = None
    name: str | None = None
    version: str | None = None
    build: str | None = None
    subdir: str | None = None
    channel: str | None = None


def is_url(location: str) -> bool:
    """Whether a location is a URL rather than a path."""
    return "://" in location


def normalize_location(location: str) -> str:
    """A `file://` URL as the absolute path it names (crate `file_url`), all else as it is."""
    if not location.startswith("file://"):
        return location
    rest = location[len("file://") :]
    if not rest.startswith("/") and not rest.startswith("localhost/"):
        # A host is a Windows share.
        return "\\\\" + unquote(rest).replace("/", "\\")
    path = rest.removeprefix("localhost")
    drive = _DRIVE.match(path)
    if drive:
        return f"{drive[1]}:\\" + unquote(path[drive.end() :]).replace("/", "\\")
    return unquote(path)


def to_url(location: str) -> str:
    """A location as a URL: an absolute path as a `file://` URL, all else as it is."""
    drive = re.match(r"([A-Za-z]):[\\/]", location)
    if drive:
        return f"file:///{drive[1]}:/" + _quote(location[3:].replace("\\", "/"))
    return "file://" + _quote(location) if location.startswith("/") else location


def _quote(path: str) -> str:
    # What the crate file_url leaves alone.
    return quote(path, safe="/!$&'()*+,;=:@[]|^\\~-._")


def file_name(location: str) -> str | None:
    """The last part of a URL's path or of a path, None where it ends with a separator."""
    if is_url(location):
        location = location.split("?", 1)[0].split("#", 1)[0]
        return location.rpartition("/")[2] or None
    return re.split(r"[/\\]", location)[-1] or None


def derive(location: str) -> Derived:
    """All that follows from a location."""
    name = file_name(location)
    identity = split_file_name(name) if name else None
    subdir = channel = None
    if is_url(location):
        subdir = _subdir(location, name)
        channel = _channel(location)
    if name is None or identity is None:
        return Derived(subdir=subdir, channel=channel)
    if not _VERSION.match(identity[1]):
        return Derived(file_name=name, subdir=subdir, channel=channel)
    return Derived(name, *identity, subdir, channel)


@lru_cache(maxsize=64)  # asked several times for each package
def split_file_name(name: str) -> tuple[str, str, str] | None:
    """Name, version and build of an archive's file name, None where it is no archive's name."""
    for suffix in _ARCHIVE_SUFFIXES:
        if name.endswith(suffix):
            parts = name[: -len(suffix)].rsplit("-", 2)
            return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
    return None


def build_number_of(build: str | None) -> int:
    """The digits at the end of a build string, 0 where there are none."""
    digits = re.search(r"[0-9]*\Z", build or "")
    number = int(digits[0]) if digits and digits[0] else 0
    return number if number <= _LAST_U64 else 0


def noarch_of(subdir: str | None, build: str | None) -> str | None:
    """The kind of noarch package that a lock assumes from the subdir and the build string."""
    if subdir != "noarch":
        return None
    return "python" if "py" in (build or "") else "generic"


def strip_slash(channel: str) -> str:
    """A channel's URL as locks write it: its path without a final slash, unless it is only one."""
    if is_url(channel) and (end := re.search(r"[?#]", channel)):
        return strip_slash(channel[: end.start()]) + channel[end.start() :]
    stripped = channel.rstrip("/")
    if is_url(stripped) and not urlsplit(stripped).path and not stripped.startswith("file:"):
        return stripped + "/"
    return stripped


def _subdir(url: str, name: str | None) -> str | None:
    if not url.startswith(("https://", "http://", "file://")):
        return None
    if name is None or not name.endswith(_CONDA_SUFFIXES) or split_file_name(name) is None:
        return None
    parts = url.split("?", 1)[0].split("#", 1)[0].split("/")
    return parts[-2] if parts[-2] in _SUBDIRS else None


def _channel(url: str) -> str | None:
    scheme, _, rest = url.split("?", 1)[0].split("#", 1)[0].partition("://")
    host, *segments = rest.split("/")
    return strip_slash("/".join([f"{scheme}://{host}", *segments[:-2]]))
