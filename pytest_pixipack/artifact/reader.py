"""Reading packages: what they say of themselves, and what they really hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact import recorded
from pytest_pixipack.artifact.digests import Digests, file_digests
from pytest_pixipack.artifact.portable import check_portable
from pytest_pixipack.artifact.safety import (
    DEFAULT_LIMITS,
    ArtifactLimits,
    check_links,
    check_tree,
    is_record,
    refuse,
    safe_name,
)
from pytest_pixipack.facts import FileFacts, PackageFacts, RunExports
from pytest_pixipack.safe_names import shown

if TYPE_CHECKING:
    from pytest_pixipack.artifact.tarstream import TarEntry, TarStream

# The files below info/ that are read.
READ = frozenset(
    f"info/{name}"
    for name in (
        "index.json", "about.json", "paths.json", "run_exports.json", "link.json", "files",
        "has_prefix",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Artifact:
    """A package file.

    `facts` has the digests of the file, and in `facts.files` what its metadata lists (None where
    there is no list); `payload` is what the archive really holds outside `info/`, `info_files` the
    names below `info/`, sorted. `link` is `info/link.json`.
    """

    path: Path
    facts: PackageFacts
    index: dict[str, Any]
    about: dict[str, Any]
    payload: Mapping[str, FileFacts]
    info_files: tuple[str, ...]
    link: dict[str, Any] = field(default_factory=dict)


def read_artifact(path: Path, limits: ArtifactLimits = DEFAULT_LIMITS) -> Artifact:
    """Reads a `.conda` or `.tar.bz2` file completely, without unpacking it to disk.

    Raises `InvalidInput`, naming the file and the member, for what is damaged, cut off, unsafe or
    beyond the limits; `Unsupported` for another version of the `.conda` format; `Infrastructure`
    where the file cannot be read.
    """
    from pytest_pixipack.artifact.containers import tar_streams

    digests = file_digests(path)
    contents = _Contents(path, limits)
    with tar_streams(path, limits) as parts:
        for part, tar in parts:
            contents.read(part, tar)
    contents.check()
    info = [name.removeprefix("info/") for name in contents.info_names]
    return artifact_of(path, contents.kept, contents.payload, info, digests)


def artifact_of(
    path: Path,
    kept: dict[str, bytes],
    payload: Mapping[str, FileFacts],
    info: Iterable[str],
    digests: Digests | None = None,
) -> Artifact:
    """A package whose members were read and found to be safe, those of `info/` in `kept`.

    The largest of these is removed from there once it is read. Raises as `read_artifact` does for
    what they say, and for names that are one file on some system.
    """
    if "info/index.json" not in kept:
        refuse(path, None, "has no `info/index.json`")
    index = recorded.parse_index(kept["info/index.json"], path)
    check_portable(payload, index.get("subdir") or "", index["name"], path)
    exports, link = kept.get("info/run_exports.json"), kept.get("info/link.json")
    about = kept.get("info/about.json")
    facts = PackageFacts.from_index(
        index,
        sha256=digests.sha256 if digests else None,
        md5=digests.md5 if digests else None,
        size=digests.size if digests else None,
        file_name=path.name,
        run_exports=RunExports() if exports is None else recorded.parse_run_exports(exports, path),
        files=_recorded_files(kept, payload, path),
    )
    return Artifact(
        path=path,
        facts=facts,
        index=index,
        about={} if about is None else recorded.parse_object(about, "info/about.json", path),
        payload=MappingProxyType(dict(sorted(payload.items()))),
        info_files=tuple(sorted(info)),
        link={}
        if link is None
        else recorded.parse_link(link, path, is_python=facts.noarch == "python"),
    )


def read_index(path: Path, limits: ArtifactLimits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Only `info/index.json`, without reading the rest. Raises as `read_artifact` does."""
    content = _info_file(path, "info/index.json", limits)
    if content is None:
        refuse(path, None, "has no `info/index.json`")
    return recorded.parse_index(content, path)


def read_run_exports(path: Path, limits: ArtifactLimits = DEFAULT_LIMITS) -> RunExports:
    """Only the run exports, without reading the rest. Raises as `read_artifact` does."""
    content = _info_file(path, "info/run_exports.json", limits)
    return RunExports() if content is None else recorded.parse_run_exports(content, path)


def _info_file(path: Path, name: str, limits: ArtifactLimits) -> bytes | None:
    from pytest_pixipack.artifact.containers import tar_streams

    with tar_streams(path, limits, info_only=True) as parts:
        return _member(parts, name, path, limits)


def _member(
    parts: Iterator[tuple[str, TarStream]], name: str, path: Path, limits: ArtifactLimits
) -> bytes | None:
    return next(
        (
            _whole(entry, tar, path, limits)
            for _, tar in parts
            for entry in tar
            if entry.kind == "file" and safe_name(entry.name, path) == name
        ),
        None,
    )


def _recorded_files(
    kept: dict[str, bytes], payload: Mapping[str, FileFacts], path: Path
) -> Mapping[str, FileFacts] | None:
    if (paths := kept.pop("info/paths.json", None)) is not None:
        return MappingProxyType(recorded.parse_paths(paths, path))
    if (files := kept.get("info/files")) is not None:
        old = recorded.parse_old_files(files, kept.get("info/has_prefix"), payload, path)
        return MappingProxyType(old)
    return None


class _Contents:
    """Collects the members of all parts of one package."""

    def __init__(self, path: Path, limits: ArtifactLimits) -> None:
        self.path = path
        self.payload: dict[str, FileFacts] = {}
        self.info_names: set[str] = set()
        self.kept: dict[str, bytes] = {}
        self._limits = limits
        self._kinds: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._members = 0

    def read(self, part: str, tar: TarStream) -> None:
        for entry in tar:
            self._members += 1
            if self._members > self._limits.max_members:
                refuse(self.path, None, f"has more than {self._limits.max_members} members")
            if entry.kind == "directory" and not entry.name.strip("./"):
                continue  # the root itself
            name = safe_name(entry.name, self.path)
            is_info = name.partition("/")[0] == "info"
            if (part == "info" and not is_info) or (part == "pkg" and is_info):
                refuse(self.path, name, f"does not belong into the `{part}` part")
            self._add(name, entry, tar, is_info)

    def _add(self, name: str, entry: TarEntry, tar: TarStream, is_info: bool) -> None:
        known = self._kinds.get(name)
        if entry.kind == "directory" and known in (None, "directory"):
            self._kinds[name] = "directory"
            return
        if known is not None:
            refuse(self.path, name, "occurs twice")
        if is_record(name):
            refuse(self.path, name, "lies in `conda-meta`, where only installers write")
        facts = self._facts(name, entry, tar)
        self._kinds[name] = facts.kind
        if facts.kind == "link":
            self._links[name] = facts.target or ""
        if is_info:
            self.info_names.add(name)
        else:
            self.payload[name] = facts

    def _facts(self, name: str, entry: TarEntry, tar: TarStream) -> FileFacts:
        if entry.kind == "link":
            return FileFacts(path=name, kind="link", target=entry.target)
        if entry.kind == "hardlink":
            return self._hard_link(name, entry.target or "")
        if entry.mode & 0o6000:
            refuse(self.path, name, "would run as another user (setuid or setgid)")
        executable = bool(entry.mode & 0o111)
        digest, size = hashlib.sha256(), 0
        if name in READ:
            content = _whole(entry, tar, self.path, self._limits)
            self.kept[name] = content
            digest.update(content)
            size = len(content)
        else:
            for piece in tar.content():
                digest.update(piece)
                size += len(piece)
        return FileFacts(path=name, sha256=digest.hexdigest(), size=size, executable=executable)

    def _hard_link(self, name: str, target: str) -> FileFacts:
        original = self.payload.get(safe_name(target, self.path)) if target else None
        if original is None:
            problem = f"is a hard link to `{shown(target)}`, which does not precede it"
            refuse(self.path, name, problem)
        return replace(original, path=name)

    def check(self) -> None:
        check_tree(self._kinds, self.path)
        check_links(self._links, self.path)


def _whole(entry: TarEntry, tar: TarStream, path: Path, limits: ArtifactLimits) -> bytes:
    if entry.size > limits.max_info_file_bytes:
        refuse(path, entry.name, f"is larger than {limits.max_info_file_bytes} bytes")
    return b"".join(tar.content())
