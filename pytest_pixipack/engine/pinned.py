"""Locations of source packages that are not directories of the workspace: git commits, archives.

A lock writes `git+URL?subdirectory=...&branch=...#COMMIT`; follows prefix-dev/pixi,
`crates/pixi_record/src/pinned_source.rs` and `crates/pixi_git/src/url.rs`. For an archive pixi has
no such text yet (version 0.77 stops there); here it is
`url+URL#sha256=...&md5=...&subdirectory=...`.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import parse_qsl, quote_plus, urlsplit

from pytest_pixipack.redaction import hidden_repr

REFERENCES = ("branch", "tag", "rev")


@dataclass(frozen=True, slots=True)
class GitPin:
    """A commit of a repository; `kind` and `name` say how it was asked for."""

    url: str
    commit: str
    kind: str | None = None
    name: str | None = None
    subdirectory: str = ""
    lfs: bool | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def text(self) -> str:
        """The location as a lock writes it."""
        pairs = {"subdirectory": self.subdirectory or None, self.kind or "": self.name}
        pairs["lfs"] = None if self.lfs is None else str(self.lfs).lower()
        query = _query(pairs)
        return f"git+{self.url}{'?' if query else ''}{query}#{self.commit}"


@dataclass(frozen=True, slots=True)
class ArchivePin:
    """An archive with its digest."""

    url: str
    sha256: str
    md5: str | None = None
    subdirectory: str = ""

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def text(self) -> str:
        """The location as we write it."""
        pairs = {"sha256": self.sha256, "md5": self.md5, "subdirectory": self.subdirectory or None}
        return f"url+{self.url}#{_query(pairs)}"


Pin: TypeAlias = "GitPin | ArchivePin"


def parse_pin(location: str) -> Pin | None:
    """What a location stands for; None for a path."""
    if location.startswith("git+"):
        parts = urlsplit(location.removeprefix("git+"))
        pairs = dict(parse_qsl(parts.query))
        kind = next((key for key in REFERENCES if key in pairs), None)
        return GitPin(
            _unsplit(parts, query="", fragment=""),
            parts.fragment,
            kind,
            pairs.get(kind) if kind else None,
            pairs.get("subdirectory", ""),
            pairs["lfs"] == "true" if "lfs" in pairs else None,
        )
    if "://" in location:
        url, _, fragment = location.removeprefix("url+").partition("#")
        pairs = dict(parse_qsl(fragment))
        sha256, subdirectory = pairs.get("sha256", ""), pairs.get("subdirectory", "")
        return ArchivePin(url, sha256, pairs.get("md5"), subdirectory)
    return None


def location_key(location: str) -> object:
    """What two locations have in common that were asked for with the same words, whatever commit
    a branch was at the time."""
    pin = parse_pin(location)
    if isinstance(pin, GitPin):
        return replace(pin, commit="")
    # `x` and `x/` are one place, as pixi has it; `./x` is another one.
    first, *rest = location.split("/")
    return pin or (first, *(part for part in rest if part not in ("", ".")))


def joined(pin: Pin, path: str) -> Pin:
    """The same with a path relative to its subdirectory; one that leaves it means the root."""
    return replace(pin, subdirectory=plain_subdirectory(posixpath.join(pin.subdirectory, path)))


def plain_subdirectory(text: str) -> str:
    """A subdirectory without `.` and slashes at the end; empty for the root and beyond."""
    plain = posixpath.normpath(text.replace("\\", "/")) if text else ""
    return "" if plain == "." or plain == ".." or plain.startswith(("../", "/")) else plain


def repository_url(url: str) -> str:
    """A repository's URL as a lock writes it: no credentials, and of a server's no `.git`."""
    parts = urlsplit(url.removeprefix("git+"))
    if not parts.netloc:
        return _unsplit(parts, query="", fragment="")
    user, _, host = parts.netloc.rpartition("@")
    if "ssh" in parts.scheme and user:
        host = f"{user.partition(':')[0]}@{host}"
    path = parts.path
    if host.lower() == "github.com":
        path = path.lower()
    path = path.removesuffix("/") if path != "/" else path
    if path.lower().endswith(".git"):
        path = path[:-4]
    return _unsplit(parts, netloc=host.lower(), path=path, query="", fragment="")


def _unsplit(parts: object, **changes: str) -> str:
    from urllib.parse import SplitResult

    assert isinstance(parts, SplitResult)
    changed = parts._replace(**changes)
    # urlunsplit() would write file:/x for a file URL without a host on some versions.
    query = f"?{changed.query}" if changed.query else ""
    fragment = f"#{changed.fragment}" if changed.fragment else ""
    return f"{changed.scheme}://{changed.netloc}{changed.path}{query}{fragment}"


def _query(pairs: dict[str, str | None]) -> str:
    """As the crate url writes pairs (application/x-www-form-urlencoded)."""
    found = {key: value for key, value in pairs.items() if key and value is not None}
    return "&".join(f"{key}={_quoted(value)}" for key, value in found.items())


def _quoted(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")
