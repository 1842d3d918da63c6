"""Where the files of source packages are: in the workspace, in a Git commit, in an archive.

A location is a text as a lock has it: a path, or what `engine.pinned` describes.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.engine.archives import ArchiveCache
from pytest_pixipack.engine.git import GitCache
from pytest_pixipack.engine.locations import below, directory_of
from pytest_pixipack.engine.pinned import (
    REFERENCES,
    ArchivePin,
    GitPin,
    Pin,
    parse_pin,
    plain_subdirectory,
    repository_url,
)
from pytest_pixipack.engine.source_copies import SourceCopies
from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.manifest import Manifest, Spec
    from pytest_pixipack.manifest.model import BuildSource

_COMMIT = re.compile(r"[0-9a-f]{40}")


class Checkouts:
    """Finds and fetches what source packages are made from; `root` is the workspace's directory.

    One object serves one operation: it asks a repository once for what a branch is. What is fetched
    is copied into `scratch` before anybody else sees it.
    """

    def __init__(self, root: Path, options: EngineOptions, scratch: Path) -> None:
        self._root = root
        self._copies = SourceCopies(scratch / "sources")
        network = options.network
        self._git = GitCache(
            options.cache_dir / "git", options.environ, scratch / "git", network=network
        )
        self._archives = ArchiveCache(options.content_dir / "archives", network=network)
        self._commits: dict[tuple[str, str | None, str | None], str] = {}

    def locate(
        self,
        location: Mapping[str, Any] | None,
        name: str,
        base: str | None = None,
        asked_by: Spec | None = None,
        pins: Iterable[str] = (),
    ) -> str:
        """Where a source dependency lies: `{path}`, `{git, branch|tag|rev, subdir, lfs}` or
        `{url, sha256, md5, subdir}` as a location.

        A path is relative to `base`, the location of the package that asks for it; what the
        workspace itself asks for stays as it is spelled. `pins` are locations of earlier locks, of
        which one that fits is kept. Raises as `GitCache.resolve` and `ArchiveCache.pin` do.
        """
        wanted = location or {}
        if wanted.get("path") is not None:
            return below(str(wanted["path"]), base)
        where = _where(name, asked_by)
        if wanted.get("git"):
            return self._git_location(wanted, where, pins).text
        return self._archive_location(wanted, where).text

    def directory(
        self,
        location: str,
        name: str | None = None,
        asked_by: Spec | None = None,
        *,
        built_for: Path | None = None,
    ) -> Path:
        """The directory behind a location, fetched if need be.

        Of what was fetched it lies in a copy, which each package has for itself: `built_for` is the
        directory of the package for which files that lie elsewhere are wanted. Raises
        `InvalidInput` for a location that is none, and as `locate` does.
        """
        pin = parse_pin(location)
        if pin is None:
            return directory_of(location, self._root)
        where = _where(name, asked_by)
        root = self._checked_out(pin, where)
        directory = Path(os.path.normpath(root / pin.subdirectory))
        outside = not directory.resolve().is_relative_to(root.resolve())
        if outside or not directory.exists():
            raise InvalidInput(
                f"The source of {name or location} has no directory {pin.subdirectory!r}: "
                f"{pin.url}.",
                **{**where, "remedy": "Correct the `subdirectory`."},
            )
        directory = directory.parent if directory.suffix == ".toml" else directory
        return self._copied(root, directory, built_for)

    def checkout_root(self, directory: Path) -> Path | None:
        """The root of what was fetched around a directory; None within the workspace."""
        return self._copies.root_of(directory)

    def original(self, path: Path) -> Path:
        """What a path among the copies was copied from; any other path is its own."""
        return self._copies.original_of(path)

    def renew(self, directory: Path) -> None:
        """Undoes what builds have changed in a copy; nothing for the workspace's own files.

        Raises `Infrastructure`.
        """
        try:
            self._copies.renew(directory)
        except OSError as error:
            raise _cannot_copy(directory, error) from error

    def build_source(
        self, source: BuildSource, base: str, name: str, pins: Iterable[str] = ()
    ) -> tuple[Mapping[str, Any], str]:
        """`[package.build] source` in a lock's words, and as a location.

        `base` is the location of the package's manifest. Raises as `locate` does.
        """
        if source.kind == "path":
            path = source.location
            absolute = path.startswith("~") or Path(path).is_absolute()
            words = path if absolute else posixpath.normpath(path.replace(os.sep, "/"))
            return {"path": words}, below(path, base)
        wanted = {
            source.kind: source.location, "branch": source.branch, "tag": source.tag,
            "rev": source.rev, "subdir": source.subdirectory, "sha256": source.sha256,
            "md5": source.md5,
        }  # fmt: skip
        text = self.locate(wanted, name, base, pins=pins)
        pin = parse_pin(text)
        assert pin is not None
        return build_source_words(pin), text

    def _git_location(
        self, wanted: Mapping[str, Any], where: Mapping[str, Any], pins: Iterable[str]
    ) -> GitPin:
        written = str(wanted["git"])
        if "://" not in written:
            raise InvalidInput(
                f"`{written}` is not a URL of a Git repository.",
                **{**where, "remedy": "Write for example https://host/repository.git, or "
                "file:///directory/repository for a local one."},
            )  # fmt: skip
        if wanted.get("lfs"):
            raise Unsupported(
                f"The source of {where['package']} wants large files (`lfs = true`), which are not "
                "fetched.",
                **{**where, "remedy": "Lock with the system engine."},
            )
        kind = next((key for key in REFERENCES if wanted.get(key)), None)
        name = str(wanted[kind]) if kind else None
        pin = GitPin(
            repository_url(written),
            "",
            kind,
            name,
            _subdirectory(wanted),
            wanted.get("lfs"),
        )
        for known in map(parse_pin, pins):
            if isinstance(known, GitPin) and _agree(known, pin):
                return known if not pin.subdirectory else _with_commit(pin, known.commit)
        url = written.removeprefix("git+")
        key = url, kind, name
        if key not in self._commits:
            self._commits[key] = self._git.resolve(url, kind, name, **where)
        return _with_commit(pin, self._commits[key])

    def _archive_location(self, wanted: Mapping[str, Any], where: Mapping[str, Any]) -> ArchivePin:
        url = str(wanted.get("url"))
        digests = self._archives.pin(url, wanted.get("sha256"), wanted.get("md5"), **where)
        return ArchivePin(url, *digests, _subdirectory(wanted))

    def _copied(self, root: Path, directory: Path, built_for: Path | None) -> Path:
        inside = directory.relative_to(root).as_posix()
        key = f"{root.parent.name}/{root.name} {inside} {self._called(built_for)}"
        try:
            return self._copies.copy_of(root, key) / inside
        except OSError as error:
            raise _cannot_copy(self._copies.directory, error) from error

    def _called(self, directory: Path | None) -> str:
        """A directory without what is another one in each run."""
        for above in (self._copies.directory, self._root):
            if directory is not None and directory.is_relative_to(above):
                return directory.relative_to(above).as_posix()
        return str(directory or "")

    def _checked_out(self, pin: Pin, where: Mapping[str, Any]) -> Path:
        if isinstance(pin, ArchivePin):
            if not re.fullmatch(r"[0-9a-f]{64}", pin.sha256):
                raise _no_location(pin.text, where)
            return self._archives.directory_of(pin.url, pin.sha256, **where)
        if not _COMMIT.fullmatch(pin.commit):
            raise _no_location(pin.text, where)
        return self._git.checkout(pin.url, pin.commit, **where)


def workspace_around(directory: Path, root: Path, asked_by: Spec | None) -> Manifest:
    """The workspace that a fetched package belongs to, at or above `directory` and within `root`.

    Raises `InvalidInput` where there is none: pixi wants one, too.
    """
    from pytest_pixipack.manifest import find_manifest, load_manifest
    from pytest_pixipack.toml_positions import load_toml

    for place in (directory, *directory.parents):
        file = find_manifest(place)
        if file is not None:
            table, _ = load_toml(file)
            if file.name == "pyproject.toml":
                table = table.get("tool", {}).get("pixi", {})
            if "workspace" in table or "project" in table:
                return load_manifest(file)
        if place == root:
            break
    inside = directory.relative_to(root).as_posix()
    raise InvalidInput(
        f"What was fetched has no workspace around its directory {inside}.",
        **{
            **_where(asked_by.name if asked_by else None, asked_by),
            "remedy": "Add a `[workspace]` to its manifest there, or to one above it.",
        },
    )


def build_source_words(pin: Pin) -> Mapping[str, Any]:
    """`source` of a lock's package (rattler_lock, `PackageBuildSource`)."""
    words: dict[str, Any] = {}
    if isinstance(pin, ArchivePin):
        words = {"url": pin.url, "sha256": pin.sha256}
    else:
        words = {"git": pin.url}
        if pin.kind == "rev":
            words["explicit_rev"] = True
        elif pin.kind is not None:
            words[pin.kind] = pin.name
        words["rev"] = pin.commit
    return {**words, "subdir": pin.subdirectory} if pin.subdirectory else words


def _subdirectory(wanted: Mapping[str, Any]) -> str:
    # `source` of a lock says `subdir`, `source_depends` says `subdirectory`.
    return plain_subdirectory(str(wanted.get("subdirectory") or wanted.get("subdir") or ""))


def _agree(known: GitPin, wanted: GitPin) -> bool:
    """Whether a locked commit is one for this wish (pixi_record, `matches_source_spec`)."""
    return (
        known.url == wanted.url
        and (known.kind, known.name) == (wanted.kind, wanted.name)
        and bool(known.lfs) == bool(wanted.lfs)
        and wanted.subdirectory in ("", known.subdirectory)
    )


def _with_commit(pin: GitPin, commit: str) -> GitPin:
    from dataclasses import replace

    return replace(pin, commit=commit)


def _where(name: str | None, asked_by: Spec | None) -> dict[str, Any]:
    if asked_by is None:
        return {"package": name}
    at = asked_by.position
    return {"package": name, "file": at.file, "line": at.line, "column": at.column}


def _cannot_copy(place: Path, error: OSError) -> Infrastructure:
    return Infrastructure(
        f"What was fetched cannot be copied: {error.strerror or error}.",
        file=error.filename or place,
        remedy="Check free space and permissions of the directory for temporary files.",
    )


def _no_location(text: str, where: Mapping[str, Any]) -> InvalidInput:
    return InvalidInput(
        f"`{text}` is not a location of sources: a commit has 40 digits, an archive a sha256.",
        **{**where, "remedy": "Lock again."},
    )
