"""Scrubbers: what a snapshot of a lock leaves out because it says nothing about the workspace.

A scrubber changes the record of one package, a mapping with the fields of the lock. Scrubbers have
names, so that a test can leave one out or add its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.errors import InvalidInput

Record = dict[str, Any]

_BUILD_HASH = re.compile(r"(?<![0-9a-z])h[0-9a-f]{7,8}(?=_|$)")
_IDENTIFIER_HASH = re.compile(r"\[[0-9a-f]+\](?= @ )")
# A path from the root of a file system, also with a drive or as a `file://` URL, up to the last
# folder: what lies before the file (or a channel's name) is a matter of the machine.
_ABSOLUTE = re.compile(
    r"(?:file://|(?<![\w.:/-]))(?:[A-Za-z]:[\\/]|/|\\\\)(?=\S)(?:[^\s/\\]+[\\/])*"
)
_BINARY_DETAILS = (
    "depends", "constrains", "extra_depends", "run_exports", "track_features", "features", "flags",
    "license", "license_family", "purls", "noarch", "build_number", "file_name",
    "python_site_packages_path",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scrubber:
    """One named step. `apply` gets a record that it may change, and returns what is kept."""

    name: str
    description: str
    apply: Callable[[Record], Record]


class Scrubbers:
    """An ordered, unchangeable collection of scrubbers with distinct names."""

    def __init__(self, scrubbers: Iterable[Scrubber] = ()) -> None:
        self._by_name = {scrubber.name: scrubber for scrubber in scrubbers}

    def __iter__(self) -> Iterator[Scrubber]:
        return iter(self._by_name.values())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of application."""
        return tuple(self._by_name)

    def adding(self, *scrubbers: Scrubber) -> Scrubbers:
        """These and more; one of the same name is replaced."""
        return Scrubbers([*self, *scrubbers])

    def without(self, *names: str) -> Scrubbers:
        """These except some. Raises `InvalidInput` for a name that is not there."""
        self._check(names)
        return Scrubbers(scrubber for scrubber in self if scrubber.name not in names)

    def only(self, *names: str) -> Scrubbers:
        """Some of these, in the order given. Raises `InvalidInput` for a name that is not there."""
        self._check(names)
        return Scrubbers(self._by_name[name] for name in names)

    def apply(self, record: Record) -> Record:
        """What is left of a record."""
        for scrubber in self:
            record = scrubber.apply(record)
        return record

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self:
                close = difflib.get_close_matches(name, self.names, n=1)
                hint = f' Did you mean "{close[0]}"?' if close else ""
                raise InvalidInput(
                    f'There is no scrubber "{name}"; there are {", ".join(self.names)}.{hint}'
                )


def default_scrubbers() -> Scrubbers:
    """What a snapshot leaves out unless a test says otherwise."""
    return Scrubbers(
        [
            _dropping("digests", "sha256 and md5 sums", "sha256", "md5", "legacy_bz2_md5",
                      "attestations_sha256"),
            _dropping("timestamps", "times of builds", "timestamp", "indexed_timestamp"),
            _dropping("sizes", "sizes of archives", "size", "legacy_bz2_size"),
            Scrubber("identifiers", "hashes in source identifiers", _identifiers),
            Scrubber("paths", "absolute paths, to their last part", _paths),
            Scrubber("binary-details", "all of binaries but name and version", _binary_details),
        ]
    )  # fmt: skip


def more_scrubbers() -> Scrubbers:
    """Scrubbers that are only used on demand."""
    return Scrubbers(
        [
            Scrubber("build-hashes", "hashes inside build strings", _build_hashes),
            _dropping("builds", "build strings and numbers", "build", "build_number"),
            _dropping("versions", "versions", "version"),
            _dropping("channels", "channels", "channel"),
            _dropping("variants", "variants of source packages", "variants"),
        ]
    )


def _dropping(name: str, description: str, *keys: str) -> Scrubber:
    def apply(record: Record) -> Record:
        return {key: value for key, value in record.items() if key not in keys}

    return Scrubber(name, description, apply)


def _identifiers(record: Record) -> Record:
    return _changing(record, lambda text: _IDENTIFIER_HASH.sub("", text))


def _paths(record: Record) -> Record:
    return _changing(record, lambda text: _ABSOLUTE.sub("", text))


def _build_hashes(record: Record) -> Record:
    return _changing(record, lambda text: _BUILD_HASH.sub("h*", text))


def _binary_details(record: Record) -> Record:
    if record.get("kind") != "binary":
        return record
    return {key: value for key, value in record.items() if key not in _BINARY_DETAILS}


def _changing(record: Record, change: Callable[[str], str]) -> Record:
    return {key: _on_texts(value, change) for key, value in record.items()}


def _on_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_on_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _on_texts(item, change) for key, item in value.items()}
    return value
