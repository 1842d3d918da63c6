"""Reads packs of every form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack.container import Container, Entry, open_container, pack_form
from pytest_pixipack.pack.model import (
    CHANNEL,
    ENVIRONMENT,
    FORMAT_VERSION,
    METADATA,
    REPODATA,
    EnvironmentYml,
    Pack,
    PackMember,
)
from pytest_pixipack.pack.safety import LIMITS, Limits
from pytest_pixipack.safe_names import quoted, shown
from pytest_pixipack.small_json import BadJson, count_values, load_json

_CHUNK = 1 << 20
# What pixi-pack writes has no brackets, and the time that they take grows with their square.
_MOST_BRACKETS = 1000
_MOST_ENVIRONMENT = 2 << 20
# Of all JSON in a pack together; a package needs some forty.
_MOST_VALUES = 500_000


def read_pack(path: Path, *, limits: Limits = LIMITS, digests: bool = True) -> Pack:
    """Reads a tar, directory or self-extracting pack; every file in it is hashed, none written.

    Without `digests`, files are not hashed, and members have none.

    Raises `InvalidInput` where the file is missing, broken or unsafe, or its metadata cannot be
    understood, and `Unsupported` for a pack format other than "1".
    """
    with open_container(path, limits) as container:
        reader = _Reader(path, container, limits)
        metadata = reader.metadata()
        repodata = dict(reader.repodata())
        return Pack(
            path=path,
            form=pack_form(path),
            platform=metadata["platform"],
            format_version=metadata["version"],
            tool_version=metadata.get("pixi-pack-version"),
            metadata=metadata,
            repodata=repodata,
            environment_yml=reader.environment_yml(),
            members=tuple(_member(container, entry, digests) for entry in container.entries),
            records=tuple(_records(path, repodata)),
        )


class _Reader:
    """The parts of a pack that are text."""

    def __init__(self, path: Path, container: Container, limits: Limits) -> None:
        self._path = path
        self._container = container
        self._limits = limits
        self._files = {e.name: e for e in container.entries if e.kind == "file"}
        self._bytes_left = limits.metadata
        self._values_left = _MOST_VALUES

    def metadata(self) -> dict[str, Any]:
        if METADATA not in self._files:
            raise InvalidInput(
                f"The pack has no {METADATA}.",
                file=self._path,
                remedy="It was not made by pixi-pack, or it is incomplete.",
            )
        found = self._json(METADATA)
        version, platform = found.get("version"), found.get("platform")
        if not isinstance(version, str) or not isinstance(platform, str):
            raise self._invalid(METADATA, "it must name a version and a platform, both as text")
        if version != FORMAT_VERSION:
            raise Unsupported(
                f"Unsupported pixi-pack version: {shown(version)}; version {FORMAT_VERSION} is "
                "supported.",
                file=self._path,
                remedy="Unpack it with the pixi-unpack of the pixi-pack that made it"
                f" ({shown(str(found.get('pixi-pack-version') or 'unknown'))}).",
            )
        tool = found.get("pixi-pack-version")
        if tool is not None and not isinstance(tool, str):
            raise self._invalid(METADATA, "pixi-pack-version must be text")
        return found

    def repodata(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in sorted(self._files):
            parts = name.split("/")
            if len(parts) == 3 and parts[0] == CHANNEL and parts[2] == REPODATA:
                yield parts[1], self._json(name)

    def environment_yml(self) -> EnvironmentYml | None:
        if ENVIRONMENT not in self._files:
            return None
        if self._files[ENVIRONMENT].size > _MOST_ENVIRONMENT:
            raise self._invalid(ENVIRONMENT, f"it is larger than {_MOST_ENVIRONMENT} bytes")
        text = self._text(ENVIRONMENT)
        return _environment(text, self._path)

    def _json(self, name: str) -> dict[str, Any]:
        data = self._data(name)
        try:
            value = load_json(data, self._values_left)
        except BadJson as error:
            raise self._invalid(name, f"it is not JSON ({error})") from None
        self._values_left -= count_values(data)
        if not isinstance(value, dict):
            raise self._invalid(name, "it is not a JSON object")
        return value

    def _text(self, name: str) -> str:
        try:
            return self._data(name).decode()
        except UnicodeDecodeError:
            raise self._invalid(name, "it is not UTF-8") from None

    def _data(self, name: str) -> bytes:
        size = self._files[name].size
        if size > self._bytes_left:
            most = self._limits.metadata
            raise self._invalid(name, f"it is larger than {most} bytes, or others are")
        self._bytes_left -= size
        with self._container.open(name) as stream:
            return stream.read(size)

    def _invalid(self, name: str, reason: str) -> InvalidInput:
        return _invalid(self._path, name, reason)


def _invalid(path: Path, name: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The pack's {shown(name)} cannot be used: {reason}.",
        file=path,
        remedy="Make the pack again.",
    )


def _member(container: Container, entry: Entry, digests: bool) -> PackMember:
    digest = None
    if entry.kind == "file" and digests:
        hasher = hashlib.sha256()
        with container.open(entry.name) as stream:
            while piece := stream.read(_CHUNK):
                hasher.update(piece)
        digest = hasher.hexdigest()
    return PackMember(entry.name, entry.kind, entry.size, entry.mode, digest)


def _records(path: Path, repodata: Mapping[str, Mapping[str, Any]]) -> Iterator[PackageFacts]:
    for subdir, content in repodata.items():
        name = f"{CHANNEL}/{subdir}/{REPODATA}"
        # pixi-unpack reads both (collect_packages_in_subdir in its src/unpack.rs).
        for key in ("packages.conda", "packages"):
            entries = content.get(key, {})
            if not isinstance(entries, dict):
                raise _invalid(path, name, f"{key} is not an object")
            for file_name, record in entries.items():
                yield _facts(path, name, subdir, file_name, record)


def _facts(path: Path, name: str, subdir: str, file_name: str, record: Any) -> PackageFacts:
    if not isinstance(record, dict) or not isinstance(record.get("name"), str):
        raise _invalid(path, name, f"the entry {quoted(file_name)} is no package record")
    try:
        return PackageFacts.from_index(
            record, file_name=file_name, subdir=record.get("subdir") or subdir
        )
    except (TypeError, ValueError, AttributeError) as error:
        reason = f"the entry {quoted(file_name)} is malformed ({shown(str(error))})"
        raise _invalid(path, name, reason) from None


def _environment(text: str, path: Path) -> EnvironmentYml:
    from ryaml import InvalidYamlError, loads  # type: ignore[attr-defined]

    if sum(map(text.count, "[{")) > _MOST_BRACKETS:
        raise _invalid(path, ENVIRONMENT, "it has more brackets than any environment")
    try:
        value = loads(text)
    except (ValueError, InvalidYamlError) as error:
        raise _invalid(path, ENVIRONMENT, f"it is not YAML ({shown(str(error))})") from None
    if not isinstance(value, dict):
        raise _invalid(path, ENVIRONMENT, "it is not a mapping")
    dependencies = value.get("dependencies") or []
    channels = value.get("channels") or []
    if not isinstance(dependencies, list) or not isinstance(channels, list):
        raise _invalid(path, ENVIRONMENT, "channels and dependencies must be lists")
    pip: list[str] = []
    for item in dependencies:
        listed = item.get("pip") or [] if isinstance(item, dict) else []
        if not isinstance(listed, list):
            raise _invalid(path, ENVIRONMENT, "what is below pip must be a list")
        pip += map(str, listed)
    return EnvironmentYml(
        channels=tuple(str(each) for each in channels),
        dependencies=tuple(str(item) for item in dependencies if not isinstance(item, dict)),
        pip=tuple(pip),
        text=text,
    )
