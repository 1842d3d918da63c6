"""Where source packages lie: in a manifest, in `source_depends`, and in a lock's identifiers.

Follows prefix-dev/pixi, crates/pixi_record/src/pinned_source.rs (satisfies, matches_source_spec),
crates/pixi_spec/src/source_anchor.rs and crates/pixi_git/src/url.rs.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit

from pytest_pixipack.lock.location import to_url
from pytest_pixipack.manifest import Spec

_MANIFESTS = ("pixi.toml", "pyproject.toml", "mojoproject.toml", "recipe.yaml", "recipe.yml",
              "package.xml")  # fmt: skip
_REFERENCES = ("branch", "tag", "rev")


def location_of(spec: Spec) -> dict[str, Any]:
    """The location that a dependency names, in the words of a lock's `source_depends`."""
    if spec.kind == "path":
        return {"path": spec.path}
    found = {
        "git": spec.git, "url": spec.url, "branch": spec.branch, "tag": spec.tag, "rev": spec.rev,
        "subdirectory": spec.subdirectory, "lfs": spec.lfs, "sha256": spec.sha256, "md5": spec.md5,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def describe_spec(location: Mapping[str, Any]) -> str:
    """A location in words: `../lib`, `https://host/repo (branch main)`."""
    for key in ("path", "git", "url"):
        if location.get(key):
            more = [f"{k} {v}" for k, v in location.items() if k != key]
            return f"{location[key]} ({', '.join(more)})" if more else str(location[key])
    return "an unknown place"


def locations_agree(
    wanted: Mapping[str, Any], base: str, locked: str, *, build: bool = False
) -> bool:
    """Whether a locked location is the one that is wanted.

    A path in `wanted` is relative to `base`, the locked location of the package that asks. Of a git
    or URL source only what `wanted` says is compared, for a lock says more (the commit, a digest).
    `build`: for a dependency of a build or host environment, where pixi does not care for the
    subdirectory or digests if none is named, but for the reference also if none is named.
    """
    path = wanted.get("path")
    if path is not None and _is_remote(base) and not _is_absolute(str(path)):
        wanted = _within(base, str(path))
        path = None
    if path is not None:
        place = _spelled(locked) if build else _normal(locked)
        return not _is_remote(locked) and _joined(str(path), base) == place
    if wanted.get("git"):
        return locked.startswith("git+") and _git_agrees(wanted, locked, build)
    if not _is_remote(locked) or locked.startswith("git+"):
        return False
    return _url_agrees(wanted, locked, build)


def source_directory(root: Path, location: str) -> Path | None:
    """The directory of a locked path source; None for git and URL sources."""
    if _is_remote(location):
        return None
    return root / Path(folder_of(_normal(location))).expanduser()


def file_address(spec: Spec, root: Path) -> str:
    """The URL of the package file that a dependency names by URL or by path."""
    if spec.kind == "url":
        return str(spec.url)
    path = _joined(str(spec.path), root.as_posix())
    return to_url(Path(path).expanduser().as_posix())


def folder_of(location: str) -> str:
    """The directory of a location that may name a manifest in it."""
    if posixpath.basename(location) in _MANIFESTS:
        return posixpath.dirname(location) or "."
    return location


def resolved_location(wanted: Mapping[str, Any], base: str) -> str:
    """Where a location leads, for display: paths relative to the workspace."""
    path = wanted.get("path")
    if path is None:
        return describe_spec(wanted)
    if _is_remote(base) and not _is_absolute(str(path)):
        return describe_spec(_within(base, str(path)))
    return _joined(str(path), base)


def same_build_source(wanted: Mapping[str, Any] | None, locked: Mapping[str, Any] | None) -> bool:
    """Whether the `source` of a locked package is what its manifest names.

    `wanted` has the keys of `location_of`. A commit is kept as long as the branch, tag or revision
    of it stays the same, so only those are compared.
    """
    if wanted is None or locked is None:
        return wanted is locked
    if "path" in wanted:
        return "path" in locked and _parts(str(wanted["path"])) == _parts(str(locked["path"]))
    if _subdirectory(wanted) != _subdirectory(locked):
        return False
    if wanted.get("git"):
        if _repository(str(wanted["git"])) != _repository(str(locked.get("git") or "")):
            return False
        reference = _reference(wanted)
        if reference is not None and reference[0] == "rev":
            commit = str(locked.get("rev") or "")
            return bool(locked.get("explicit_rev")) and commit.startswith(reference[1])
        named = _reference({key: locked.get(key) for key in ("branch", "tag")})
        return reference == named and not locked.get("explicit_rev")
    digest = wanted.get("sha256")
    return wanted.get("url") == locked.get("url") and digest in (None, locked.get("sha256"))


def same_place(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two locations that the same package names are one."""
    if "path" in one or "path" in other:
        paths = [_normal(str(each["path"])) for each in (one, other) if "path" in each]
        return len(paths) == 2 and paths[0] == paths[1]
    return (
        _reference(one) == _reference(other)
        and _subdirectory(one) == _subdirectory(other)
        and _repository(str(one.get("git") or one.get("url")))
        == _repository(str(other.get("git") or other.get("url")))
    )


@dataclass(frozen=True, slots=True)
class _Locked:
    """The parts of a locked git or URL source; an archive has no commit."""

    url: str
    words: Mapping[str, str]
    commit: str


def _locked(location: str) -> _Locked:
    if not location.startswith("git+"):
        # pixi has no such text; this is that of `engine.pinned`.
        url, _, fragment = location.removeprefix("url+").partition("#")
        return _Locked(url, dict(parse_qsl(fragment)), "")
    parts = urlsplit(location.removeprefix("git+"))
    words = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return _Locked(parts._replace(query="", fragment="").geturl(), words, parts.fragment)


def _within(base: str, path: str) -> dict[str, Any]:
    """The location of a path that a package in a repository or an archive names: in the same."""
    locked = _locked(base)
    inside = posixpath.normpath(posixpath.join(_subdirectory(locked.words), path))
    if inside.startswith(".."):
        inside = ""
    if not base.startswith("git+"):
        digests = {key: locked.words.get(key) for key in ("sha256", "md5")}
        found: dict[str, Any] = {"url": locked.url, **digests, "subdirectory": inside}
    else:
        kept = {key: locked.words.get(key) for key in _REFERENCES}
        lfs = locked.words.get("lfs") == "true"
        found = {"git": locked.url, **kept, "subdirectory": inside, "lfs": lfs}
        if _reference(locked.words) is None:
            found["default"] = True
    return {key: value for key, value in found.items() if value and value != "."}


def _is_remote(location: str) -> bool:
    return "://" in location or location.startswith("git+")


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~")) or path[1:3] in (":\\", ":/")


def _joined(path: str, base: str) -> str:
    if _is_absolute(path):
        return _normal(path)
    return _normal(posixpath.join(folder_of(_normal(base)), path.replace("\\", "/")))


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _spelled(path: str) -> str:
    """A path as it is, without what no path library keeps: `a//b/`, but not `./a`."""
    first, *rest = path.replace("\\", "/").split("/")
    return "/".join([first, *(part for part in rest if part not in ("", "."))])


def _parts(path: str) -> tuple[str, ...]:
    """What two spellings of a path have in common: `../src`, `../src/`."""
    return tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def _subdirectory(words: Mapping[str, Any]) -> str:
    found = words.get("subdirectory") or words.get("subdir") or ""
    return "/".join(_parts(posixpath.normpath(str(found)))) if found else ""


def _reference(words: Mapping[str, Any]) -> tuple[str, str] | None:
    return next(((key, str(words[key])) for key in _REFERENCES if words.get(key)), None)


def _git_agrees(wanted: Mapping[str, Any], location: str, build: bool) -> bool:
    locked = _locked(location)
    if _repository(str(wanted["git"])) != _repository(locked.url):
        return False
    subdirectory = _subdirectory(wanted)
    if (subdirectory or not build) and subdirectory != _subdirectory(locked.words):
        return False
    reference = _reference(wanted)
    if reference != _reference(locked.words) and (reference or build or wanted.get("default")):
        return False
    return bool(wanted.get("lfs")) == (locked.words.get("lfs") == "true")


def _repository(url: str) -> str:
    """A repository's address without what makes no difference."""
    parts = urlsplit(url.removeprefix("git+"))
    if not parts.netloc:
        return parts._replace(query="", fragment="").geturl()
    path = parts.path.removesuffix("/")
    host = (parts.hostname or "").lower()
    if host == "github.com":
        path = path.lower()
    if path.lower().endswith(".git"):
        path = path[:-4]
    return SplitResult(parts.scheme.lower(), _host(parts, host), path, "", "").geturl()


def _host(parts: SplitResult, host: str) -> str:
    user = f"{parts.username}@" if parts.username and "ssh" in parts.scheme else ""
    return f"{user}{host}:{parts.port}" if parts.port else f"{user}{host}"


def _url_agrees(wanted: Mapping[str, Any], location: str, build: bool) -> bool:
    locked = _locked(location)
    if locked.url != str(wanted.get("url")).partition("#")[0]:
        return False
    subdirectory = _subdirectory(wanted)
    if (subdirectory or not build) and subdirectory != _subdirectory(locked.words):
        return False
    digests = [key for key in ("sha256", "md5") if wanted.get(key) and key in locked.words]
    return build or all(str(wanted[key]).lower() == locked.words[key].lower() for key in digests)
