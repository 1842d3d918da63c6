"""Where source packages lie: in a manifest, in `source_depends`, and in a lock's identifiers."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pytest_pixipack.manifest import Spec


def location_of(spec: Spec) -> dict[str, Any]:
    """The location that a dependency names, in the words of a lock's `source_depends`."""
    if spec.kind == "path":
        return {"path": spec.path}
    found = {
        "git": spec.git, "url": spec.url, "branch": spec.branch, "tag": spec.tag, "rev": spec.rev,
        "subdir": spec.subdirectory, "sha256": spec.sha256, "md5": spec.md5,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def describe_spec(location: Mapping[str, Any]) -> str:
    """A location in words: `../lib`, `https://host/repo (branch main)`."""
    for key in ("path", "git", "url"):
        if location.get(key):
            more = [f"{k} {v}" for k, v in location.items() if k != key]
            return f"{location[key]} ({', '.join(more)})" if more else str(location[key])
    return "an unknown place"


def locations_agree(wanted: Mapping[str, Any], base: str, locked: str) -> bool:
    """Whether a locked location is the one that is wanted.

    A path in `wanted` is relative to `base`, the locked location of the package that asks. Of a git
    or URL source only what `wanted` says is compared, for a lock says more (the commit, a digest).
    """
    path = wanted.get("path")
    if path is not None and _is_remote(base):
        wanted = _within_repository(base, str(path))
        path = None
    if path is not None:
        if _is_remote(locked):
            return False
        return _directory(str(path), base) == _directory(locked, ".")
    if not _is_remote(locked):
        return False
    return _git_agrees(wanted, locked) if wanted.get("git") else _url_agrees(wanted, locked)


def source_directory(root: Path, location: str) -> Path | None:
    """The directory of a locked path source; None for git and URL sources."""
    if _is_remote(location):
        return None
    return root / _directory(location, ".")


def _within_repository(base: str, path: str) -> dict[str, Any]:
    """The location of a path that a package in a git repository names: in the same commit."""
    parts = urlsplit(base.removeprefix("git+"))
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    found: dict[str, Any] = {
        "git": parts._replace(query="", fragment="").geturl(),
        "branch": query.get("branch"),
        "tag": query.get("tag"),
        "rev": parts.fragment or query.get("rev"),
        "subdir": _directory(path, query.get("subdirectory") or "."),
    }
    if found["subdir"] == ".":
        del found["subdir"]
    return {key: value for key, value in found.items() if value}


def resolved_location(wanted: Mapping[str, Any], base: str) -> str:
    """Where a location leads, for display: paths relative to the workspace."""
    path = wanted.get("path")
    if path is None:
        return describe_spec(wanted)
    if _is_remote(base):
        return describe_spec(_within_repository(base, str(path)))
    return _directory(str(path), base)


def _is_remote(location: str) -> bool:
    return "://" in location or location.startswith("git+")


def _directory(path: str, base: str) -> str:
    plain = posixpath.normpath(posixpath.join(base, path.replace("\\", "/")))
    return posixpath.dirname(plain) or "." if plain.endswith(".toml") else plain


def _git_agrees(wanted: Mapping[str, Any], locked: str) -> bool:
    parts = urlsplit(locked.removeprefix("git+"))
    if _repository(str(wanted["git"])) != _repository(
        parts._replace(query="", fragment="").geturl()
    ):
        return False
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    subdirectory = query.get("subdirectory") or query.get("subdir") or ""
    if (wanted.get("subdir") or "") != subdirectory:
        return False
    for key in ("branch", "tag"):
        if wanted.get(key) != query.get(key):
            return False
    rev = wanted.get("rev")
    return rev is None or parts.fragment.startswith(str(rev)) or query.get("rev") == rev


def _repository(url: str) -> str:
    plain = url.removeprefix("git+").rstrip("/").removesuffix(".git")
    parts = urlsplit(plain)
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def _url_agrees(wanted: Mapping[str, Any], locked: str) -> bool:
    plain, _, fragment = locked.partition("#")
    if plain.partition("?")[0] != str(wanted.get("url")).partition("#")[0].partition("?")[0]:
        return False
    return all(
        str(wanted[key]) in fragment or str(wanted[key]) in plain
        for key in ("sha256", "md5")
        if wanted.get(key) and key in locked
    )
