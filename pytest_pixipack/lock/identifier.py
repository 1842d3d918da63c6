"""The hash inside `name[hash] @ location`, which tells source packages of one place apart.

pixi computes it when it solves: XXH3 over the bytes that Rust's `Hash` feeds for a record
(pixi_record `source_record.rs`, `compute_identifier_hash`, as of pixi 0.77). Reading a lock never
verifies it, but `pixi lock --check` compares it for git sources. The full record enters, also
where only a part of it is written. What pixi feeds may change with any release, so nothing but
this module knows it.
"""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from pytest_pixipack.facts import PackageFacts, VariantValue
from pytest_pixipack.lock import location
from pytest_pixipack.lock.model import LockedPackage

HASH_LENGTH = 8
# A key of a location in `source_depends`, true where pixi knows that the default branch is meant
# and not merely that no other is named. It enters the hash and is never written.
DEFAULT_BRANCH = "default-branch"
_BINARY_TAG = 0x7C48_A5E3_91D6_0BF2
_SOURCE_TAG = 0xE19B_3D70_246C_F58A
_NOARCH = {"generic": 1, "python": 2}


def source_identifier(
    facts: PackageFacts,
    place: str,
    *,
    source: Mapping[str, Any] | None = None,
    source_location: str | None = None,
    source_depends: Mapping[str, Mapping[str, Any]] | None = None,
    build_packages: Iterable[LockedPackage] = (),
    host_packages: Iterable[LockedPackage] = (),
) -> str:
    """Eight hexadecimal digits for a source package at `place`, a path or a URL.

    `facts` is the full record where it is known. The digits equal pixi's for sources given by path
    and by Git, whose files may lie in a directory, a repository or an archive.
    """
    from xxhash import xxh3_64_hexdigest

    feed = _Feed()
    feed.pinned_source(place)
    feed.build_source(place, source, source_location)
    feed.variants(facts.variants)
    feed.packages(build_packages)
    feed.packages(host_packages)
    if facts.version is not None and facts.subdir is not None:
        feed.version(facts.version)
        feed.text(facts.build or "")
        feed.number(facts.build_number or 0)
        feed.text(facts.subdir)
        feed.option(_NOARCH.get(facts.noarch or ""))
    feed.texts(facts.depends)
    feed.texts(facts.constrains)
    feed.number(len(facts.extra_depends))
    for name, specs in sorted(facts.extra_depends.items()):
        feed.text(name)
        feed.texts(specs)
    feed.texts(facts.flags)
    feed.number(0 if facts.purls is None else 1)
    if facts.purls is not None:
        feed.purls(facts.purls)
    feed.source_depends(source_depends or {})
    feed.number(0)  # no inline definition
    return xxh3_64_hexdigest(bytes(feed.data))[:HASH_LENGTH]


class _Feed:
    """Collects the bytes that Rust's `Hash` implementations write to a hasher."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> None:
        """An integer of 64 bits, a length, or the discriminant of an enumeration."""
        self.data += struct.pack("<Q", value)

    def option(self, value: int | None) -> None:
        self.number(0 if value is None else 1)
        if value is not None:
            self.number(value)

    def text(self, value: str) -> None:
        self.data += value.encode() + b"\xff"

    def texts(self, values: Iterable[str]) -> None:
        items = list(values)
        self.number(len(items))
        for item in items:
            self.text(item)

    def version(self, value: str) -> None:
        """A conda version: components without zeros at the end of a segment, then the text."""
        from rattler import Version
        from rattler.exceptions import InvalidVersionError

        try:
            parsed = Version(value)
        except InvalidVersionError:
            self.text(value)
            return
        self.number(int(parsed.epoch or 0))
        for segment in (*parsed.segments(), *parsed.local_segments()):
            components = list(segment)
            while components and components[-1] == 0:
                components.pop()
            for component in reversed(components):
                self._component(component)
        self.number(1)
        self.text(value)

    def _component(self, value: str | int) -> None:
        if isinstance(value, int):
            self.number(0)
            self.number(value)
        elif value in ("post", "dev"):
            self.number(1 if value == "post" else 2)
        else:
            self.number(3)
            self.text(value)

    def path(self, value: str) -> None:
        """A Unix path of the crate typed-path: its parts, then the number of their bytes."""
        self.number(0)
        length = 0
        for part in _parts(value):
            self.data += part
            length += len(part)
        self.number(length)

    def std_path(self, value: str) -> None:
        """A path of Rust's standard library: its parts, then a number that mixes their lengths."""
        mixed = 0
        for part in _parts(value):
            self.data += part
            mixed = (mixed + len(part)) % 2**64
            mixed = (mixed >> 2) | ((mixed & 3) << 62)
        self.number(mixed)

    def variants(self, values: Mapping[str, VariantValue]) -> None:
        self.number(len(values))
        for name, value in sorted(values.items()):
            self.text(name)
            if isinstance(value, bool):
                self.number(2)
                self.data.append(value)
            elif isinstance(value, int):
                self.number(1)
                self.data += struct.pack("<q", value)
            else:
                self.number(0)
                self.text(value)

    def pinned_source(self, place: str) -> None:
        """Where a package's manifest is."""
        if place.startswith("git+"):
            self.number(1)
            self._git(place)
        elif location.is_url(place):
            self.number(0)
            self._archive(place)
        else:
            self.number(2)
            self.path(place)

    def _git(self, place: str) -> None:
        url = urlsplit(place.removeprefix("git+"))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.text(url._replace(query="", fragment="").geturl())
        commit = url.fragment.encode()
        self.number(len(commit))
        self.number(40)
        self.data += commit[:40].ljust(40, b"\0")
        self.std_path(query.get("subdirectory", ""))
        self._git_reference({**query, "rev": query.get("rev")})
        self._optional_truth({"true": True, "false": False}.get(query.get("lfs", "")))

    def _archive(self, place: str) -> None:
        url, _, fragment = place.removeprefix("url+").partition("#")
        pairs = {name: values[0] for name, values in parse_qs(fragment).items()}
        self._archive_spec({"url": url, **pairs}, optional=False)

    def _archive_spec(self, spec: Mapping[str, Any], *, optional: bool) -> None:
        """The URL of an archive, its digests and the subdirectory; a digest may be `optional`."""
        self.text(spec["url"])
        digests = {kind: bytes.fromhex(spec.get(kind) or "") for kind in ("sha256", "md5")}
        if optional:  # the fields of UrlSpec are in another order than those of PinnedUrlSpec
            self._optional_bytes(digests["md5"])
            self._optional_bytes(digests["sha256"])
        else:
            self._bytes(digests["sha256"])
            self._optional_bytes(digests["md5"])
        self.std_path(spec.get("subdirectory") or "")

    def _bytes(self, data: bytes) -> None:
        self.number(len(data))
        self.data += data

    def _optional_bytes(self, data: bytes) -> None:
        self.number(1 if data else 0)
        if data:
            self._bytes(data)

    def _optional_truth(self, value: bool | None) -> None:
        self.number(0 if value is None else 1)
        if value is not None:
            self.data.append(value)

    def _git_reference(self, spec: Mapping[str, Any]) -> None:
        for discriminant, key in enumerate(("branch", "tag", "rev")):
            if spec.get(key):
                self.number(discriminant)
                self.text(str(spec[key]))
                return
        self.number(3)

    def build_source(
        self, place: str, source: Mapping[str, Any] | None, source_location: str | None
    ) -> None:
        """Where the files are that are built, if not beside the manifest."""
        self.number(0 if source is None else 1)
        if source is None:
            return
        path = source.get("path")
        if path is None:
            self.number(0)
            self.pinned_source(source_location or "")
        elif path.startswith(("/", "~")) or path[1:2] == ":":
            self.number(0)
            self.pinned_source(path)
        else:
            self.number(1)
            self.text(path)
            joined = posixpath.normpath(posixpath.join(place, path))
            self.pinned_source(source_location or joined)

    def purls(self, urls: Iterable[str]) -> None:
        """Package URLs, part by part (crate purl 0.1)."""
        parts = sorted({_purl_parts(url) for url in urls})
        self.number(len(parts))
        for *texts, qualifiers, subpath in parts:
            for text in texts:
                self.text(str(text))
            self.number(len(qualifiers))
            for key, value in qualifiers:
                self.text(key)
                self.text(value)
            self.text(str(subpath))

    def source_depends(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self.number(len(values))
        for name, place in sorted(values.items()):
            self.text(name)
            if "path" in place:
                self.number(2)
                self.path(place["path"])
            elif "git" in place:
                self._git_location(place)
            else:
                self.number(0)
                self._archive_spec(place, optional=True)

    def _git_location(self, place: Mapping[str, Any]) -> None:
        self.number(1)
        self.text(place["git"])
        has_reference = any(place.get(key) for key in ("branch", "tag", "rev", DEFAULT_BRANCH))
        self.number(1 if has_reference else 0)
        if has_reference:
            self._git_reference(place)
        self.std_path(place.get("subdirectory", ""))
        self._optional_truth(place.get("lfs"))

    def packages(self, packages: Iterable[LockedPackage]) -> None:
        """The identities of build or host packages, whose order does not matter."""
        from xxhash import xxh3_64_intdigest

        digests = []
        for package in packages:
            feed = _Feed()
            if package.kind == "source":
                feed.number(_SOURCE_TAG)
                feed.text(package.identifier.partition("[")[0])
                feed.pinned_source(package.location)
                feed.text(package.identifier_hash or "")
            else:
                feed.number(_BINARY_TAG)
                feed.text(location.to_url(package.location))
            digests.append(xxh3_64_intdigest(bytes(feed.data)))
        self.number(len(digests))
        for digest in sorted(digests):
            self.number(digest)


_Purl: TypeAlias = "tuple[str, str, str, str, tuple[tuple[str, str], ...], str]"


def _purl_parts(url: str) -> _Purl:
    """Type, namespace, name, version, qualifiers and subpath of a package URL."""
    rest, _, subpath = url.removeprefix("pkg:").lstrip("/").partition("#")
    rest, _, query = rest.partition("?")
    path, at, version = rest.rpartition("@")
    kind, _, place = (path if at else version).partition("/")
    namespace, _, name = place.rpartition("/")
    pairs = tuple(sorted((key.lower(), value) for key, value in parse_qsl(query)))
    texts = (namespace, name, version if at else "")
    return kind.lower(), *map(unquote, texts), pairs, unquote(subpath)  # type: ignore[return-value]


def _parts(path: str) -> list[bytes]:
    parts = path.split("/")
    return [p.encode() for i, p in enumerate(parts) if p and not (p == "." and i > 0)]
