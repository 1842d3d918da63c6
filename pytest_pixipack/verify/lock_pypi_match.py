"""Whether a locked PyPI package is what a requirement asks for.

Follows `pypi_satisfies_requirement` of prefix-dev/pixi,
crates/pixi_core/src/lock_file/satisfiability/pypi.rs, and the URLs of crates/pixi_git/src/url.rs.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.model import DEFAULT_INDEX
from pytest_pixipack.verify.lock_pypi_wanted import GitSource, Wanted

# The version of a directory of which nobody knows the version (pep440_rs, MIN_VERSION).
NO_VERSION = "0a0.dev0"
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".tar.gz", ".tar.bz2", ".tar.xz",
            ".tar.lz", ".tar.lzma", ".tar.zst")  # fmt: skip
_PORTS = {"http": 80, "https": 443, "ssh": 22, "ftp": 21}


@dataclass(frozen=True, slots=True)
class Locked:
    """A locked PyPI package as pixi reads it; `version` and `index` are those that count."""

    package: LockedPackage
    version: str
    index: str | None

    @property
    def location(self) -> str:
        """The URL or path as written."""
        return self.package.location

    @property
    def is_url(self) -> bool:
        """Whether the package lies at a URL."""
        return is_url(self.location)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a requirement is not met: the rule, a clause, and both sides."""

    rule: str
    clause: str
    expected: Any
    actual: Any
    cause: str | None = None


def mismatch(wanted: Wanted, locked: Locked, root: Path, indexes: Sequence[str]) -> Mismatch | None:
    """What is wrong with a locked package, None where it is what is wanted."""
    if wanted.bounds is not None:
        return _of_registry(wanted, wanted.bounds, locked, indexes)
    if wanted.git is not None:
        return _of_git(wanted, wanted.git, locked)
    if wanted.url is not None:
        return _of_url(wanted.url, locked)
    return _of_path(wanted, locked, root)


def is_url(location: str) -> bool:
    """Whether a location is a URL and not a path; `C:\\x` is a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", location) is not None and not (
        location.startswith("file://")
    )


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version is within PEP 440 specifiers; pre-releases count."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(bounds).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def same_url(one: str, other: str) -> bool:
    """Whether two URLs are the same, user names and passwords aside."""
    return comparable_url(one, credentials=False) == comparable_url(other, credentials=False)


def same_index(one: str, other: str, *, slash: bool = True) -> bool:
    """Whether two indexes are the same; a final slash counts, unless `slash` is false."""
    left, right = comparable_url(one), comparable_url(other)
    return left == right if slash else left.rstrip("/") == right.rstrip("/")


def locked_directory(root: Path, location: str) -> Path:
    """Where a locked path lies, links in it not followed."""
    if location.startswith("file://"):
        from pytest_pixipack.file_urls import path_of_url

        location = str(path_of_url(location))
    return Path(os.path.normpath(root / location))


def distribution_extension(path: str) -> str | None:
    """`wheel`, `source`, or None for what is no distribution."""
    name = posixpath.basename(path.replace("\\", "/"))
    if name.endswith(".whl") and name != ".whl":
        return "wheel"
    return "source" if any(name.endswith(a) and name != a for a in ARCHIVES) else None


def _of_registry(
    wanted: Wanted, bounds: str, locked: Locked, indexes: Sequence[str]
) -> Mismatch | None:
    if not wanted.of_manifest and not locked.is_url:
        return None  # a path in the manifest is meant to take the place of what is required
    if bounds and not satisfies(locked.version, bounds):
        return Mismatch(
            "lock-pypi-version", f"{locked.package.name} {_shown(locked)} is locked",
            wanted.text, f"{locked.package.name} {_shown(locked)}", "version-change",
        )  # fmt: skip
    if locked.index is None:
        return None
    if wanted.index is not None:
        good = same_index(wanted.index, locked.index)
        expected: Any = wanted.index
    elif wanted.of_manifest:
        known = list(indexes) or [DEFAULT_INDEX]
        good = any(same_index(each, locked.index, slash=False) for each in known)
        expected = known[0] if len(known) == 1 else known
    else:
        return None
    if good:
        return None
    clause = f"{locked.package.name} was locked from {locked.index}"
    return Mismatch("lock-pypi-index", clause, expected, locked.index)


def _shown(locked: Locked) -> str:
    return "without a known version" if locked.version == NO_VERSION else locked.version


def _of_url(url: str, locked: Locked) -> Mismatch | None:
    at = locked.location
    if not at.startswith("direct+"):
        clause = f"{locked.package.name} is not locked from a URL of its own"
        return Mismatch("lock-pypi-url", clause, url, at)
    if same_url(url, at.removeprefix("direct+")):
        return None
    clause = f"another URL is locked for {locked.package.name}"
    return Mismatch("lock-pypi-url", clause, url, at.removeprefix("direct+"))


def _of_path(wanted: Wanted, locked: Locked, root: Path) -> Mismatch | None:
    assert wanted.path is not None
    if locked.is_url:
        clause = f"{locked.package.name} is not locked from a path"
        return Mismatch("lock-pypi-path", clause, wanted.path, locked.location)
    # pixi follows the links of what the manifest says, and not of what the lock says.
    there = locked_directory(root, locked.location)
    if wanted.of_manifest:
        asked = Path(os.path.realpath(root / wanted.path))
        there = locked_directory(Path(os.path.realpath(root)), locked.location)
    else:
        asked = Path(os.path.normpath(root / wanted.path))
    if asked == there:
        return None
    clause = f"another path is locked for {locked.package.name}"
    return Mismatch("lock-pypi-path", clause, wanted.path, locked.location)


def _of_git(wanted: Wanted, git: GitSource, locked: Locked) -> Mismatch | None:
    found = locked_git(locked.location)
    name = locked.package.name
    if found is None:
        clause = f"{name} is not locked from a git repository"
        return Mismatch("lock-pypi-url", clause, describe_git(git), locked.location)
    if repository(git.url) != repository(found.url):
        clause = f"another repository is locked for {name}"
        return Mismatch("lock-pypi-url", clause, git.url, found.url)
    if wanted.of_manifest and git.lfs != found.lfs:
        clause = f"{name} was locked {'with' if found.lfs else 'without'} `lfs`"
        return Mismatch("lock-pypi-url", clause, git.lfs, found.lfs)
    shown = (describe_git(git), describe_git(found))
    if not git.kind:
        # Whoever asks for the default branch gets no look at the subdirectory.
        if found.kind:
            clause = f"{name} is locked at the {found.kind} {found.reference}"
            return Mismatch("lock-pypi-url", clause, *shown)
        return None
    if git.subdirectory != found.subdirectory:
        clause = f"another subdirectory is locked for {name}"
        return Mismatch("lock-pypi-url", clause, git.subdirectory or ".", found.subdirectory or ".")
    if not found.kind and "@" not in urlsplit(locked.location).path:
        return None  # locks before version 7 do not say what the commit was found by
    if (git.kind, git.reference) != (found.kind, found.reference):
        clause = f"{name} is locked at {_reference(found)}"
        return Mismatch("lock-pypi-url", clause, *shown)
    return None


def _reference(git: GitSource) -> str:
    return f"the {git.kind} {git.reference}" if git.kind else "the default branch"


def describe_git(git: GitSource) -> str:
    """A repository in words."""
    more = f" in {git.subdirectory}" if git.subdirectory else ""
    return f"{git.url} at {_reference(git)}{more}"


def locked_git(location: str) -> GitSource | None:
    """What a lock's `git+...` URL says; None where it is none that pixi can read."""
    if not location.startswith("git+"):
        return None
    parts = urlsplit(location.removeprefix("git+"))
    if re.fullmatch(r"[0-9a-fA-F]{40}", parts.fragment) is None:
        return None
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    values = dict(pairs)
    references = [(key, value) for key, value in pairs if key in ("tag", "branch", "rev")]
    if len(references) > 1 or len(
        [key for key, _ in pairs if key in ("lfs", "subdirectory")]
    ) > len({"lfs", "subdirectory"} & set(values)):
        return None
    path = parts.path.rpartition("@")[0] if "@" in parts.path else parts.path
    kind, reference = references[0] if references else ("", "")
    subdirectory = posixpath.normpath(values["subdirectory"]) if values.get("subdirectory") else ""
    return GitSource(
        parts._replace(path=path, query="", fragment="").geturl(), kind, reference,
        "" if subdirectory == "." else subdirectory, values.get("lfs") == "true",
    )  # fmt: skip


def repository(url: str) -> str:
    """A repository's URL as pixi compares it: no password, no final slash, no `.git`; GitHub does
    not tell upper from lower case."""
    parts = urlsplit(
        comparable_url(url.removeprefix("git+"), credentials="ssh" in url.partition(":")[0])
    )
    if not parts.hostname:
        return parts._replace(query="", fragment="").geturl()
    path = parts.path.removesuffix("/") if parts.path != "/" else "/"
    if parts.hostname == "github.com":
        path = path.lower()
    if path.lower().endswith(".git") and posixpath.basename(path).lower() != ".git":
        path = path[: -len(".git")]
    netloc = parts.netloc
    if "@" in netloc:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}@{host}"
    return parts._replace(netloc=netloc, path=path, query="", fragment="").geturl()


def comparable_url(url: str, credentials: bool = True) -> str:
    """A URL in one spelling, as the url crate would print it."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "").lower()
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and _PORTS.get(parts.scheme) != port:
        netloc += f":{port}"
    if credentials and parts.username:
        secret = f":{parts.password}" if parts.password else ""
        netloc = f"{parts.username}{secret}@{netloc}"
    path = parts.path or ("/" if netloc else "")
    if "/." in path:
        ends = path.endswith(("/", "/.", "/.."))
        path = posixpath.normpath(path)
        path += "/" if ends and path != "/" else ""
    return parts._replace(netloc=netloc, path=path).geturl()


def file_name_of(location: str) -> str:
    """The last part of a location's path, as it is quoted there."""
    if is_url(location):
        return urlsplit(location).path.rpartition("/")[2]
    return posixpath.basename(unquote(location).replace("\\", "/").rstrip("/"))
