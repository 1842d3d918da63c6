"""Scrubbers: what a snapshot does not say because it says nothing about the workspace.

A scrubber changes the record of one package, a mapping with the fields of the lock: it puts markers
in the place of values, or leaves fields out. Scrubbers have names, so that a test can keep what one
would take, or add its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock.marks import marked, on_texts, unnumbered

Record = dict[str, Any]

_BUILD_HASH = re.compile(r"(?<![0-9a-z])h[0-9a-f]{7,8}(?=_|$)")
_IDENTIFIER = re.compile(r"([^\s\[\]]*)\[([0-9a-f]+)\](?= @ )")
# The digest in the URLs of PyPI's files.
_PYPI_DIGEST = re.compile(r"(?<=/)([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60})(?=/)")
# The port of a server on this machine; those of others are a matter of the workspace.
_PORT = re.compile(r"(?<=://)([^/@\s]*@)?(localhost|127(?:\.\d+){3}|\[::1\]):(\d+)")
# A path from the root of a file system, also with a drive or as a `file://` URL, up to the last
# folder: what lies before the file (or a channel's name) is a matter of the machine.
_ABSOLUTE = re.compile(
    r"(?:file://|(?<![\w.:/-]))(?:[A-Za-z]:[\\/]|/|\\\\)(?=\S)(?:[^\s/\\]+[\\/])*"
)
# Times and sizes may happen to be the same, so that numbers for them would not be stable.
_TIMESTAMP, _SIZE = "<timestamp>", "<size>"
_BINARY_DETAILS = (
    "depends", "constrains", "extra_depends", "run_exports", "track_features", "features", "flags",
    "license", "license_family", "purls", "noarch", "build_number", "file_name",
    "python_site_packages_path",
)  # fmt: skip
# Of binaries, these are left out as well, unless a test asks for their values.
_SAYS_NOTHING = ("md5", "size", "timestamp", "legacy_bz2_md5", "legacy_bz2_size",
                 "attestations_sha256", "indexed_timestamp")  # fmt: skip


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
    """What a snapshot does not say unless a test wants it."""
    return Scrubbers(
        [
            Scrubber("digests", "sha256 and md5 sums, as <sha256:1>, <md5:1>", _digests),
            _standing_for("timestamps", "times of builds, as <timestamp>", _TIMESTAMP,
                          "timestamp", "indexed_timestamp"),
            _standing_for("sizes", "sizes of archives, as <size>", _SIZE, "size",
                          "legacy_bz2_size"),
            Scrubber("identifiers", "hashes in source identifiers, as <identifier:1>",
                     _identifiers),
            Scrubber("paths", "absolute paths up to their last part, as <path:1>", _paths),
            Scrubber("ports", "ports of servers on this machine, as <port:1>", _ports),
            Scrubber("binary-details", "all of binaries but version, build, place and digest",
                     _binary_details),
        ]
    )  # fmt: skip


def more_scrubbers() -> Scrubbers:
    """Scrubbers that are only used on demand."""
    return Scrubbers(
        [
            Scrubber("build-hashes", "hashes inside build strings, as h<build:1>", _build_hashes),
            _dropping("builds", "build strings and numbers", "build", "build_number"),
            _dropping("versions", "versions", "version"),
            _dropping("channels", "channels", "channel"),
            _dropping("variants", "variants of source packages", "variants"),
        ]
    )


def chosen_scrubbers(
    base: Scrubbers, keep: Iterable[str] = (), scrub: Iterable[str | Scrubber] = ()
) -> Scrubbers:
    """Some scrubbers without those named in `keep`, and with those in `scrub`.

    A name in `scrub` is that of one that is there on demand. Raises `InvalidInput` for a name that
    is not known.
    """
    if isinstance(keep, str):
        keep = (keep,)
    if isinstance(scrub, (str, Scrubber)):
        scrub = (scrub,)
    known = more_scrubbers().adding(*default_scrubbers())
    added = [next(iter(known.only(each))) if isinstance(each, str) else each for each in scrub]
    return base.without(*keep).adding(*added)


def _dropping(name: str, description: str, *keys: str) -> Scrubber:
    def apply(record: Record) -> Record:
        return {key: value for key, value in record.items() if key not in keys}

    return Scrubber(name, description, apply)


def _standing_for(name: str, description: str, text: str, *keys: str) -> Scrubber:
    def apply(record: Record) -> Record:
        return {key: text if key in keys else value for key, value in record.items()}

    return Scrubber(name, description, apply)


def _digests(record: Record) -> Record:
    found = dict(record)
    for key, name in _DIGESTS.items():
        if key in found:
            found[key] = marked(name, found[key])
    if record.get("kind") == "pypi" and isinstance(record.get("location"), str):
        found["location"] = _PYPI_DIGEST.sub(_mark("digest"), record["location"])
    return found


_DIGESTS = {
    "sha256": "sha256",
    "md5": "md5",
    "legacy_bz2_md5": "md5",
    "attestations_sha256": "sha256",
}


def _mark(name: str) -> Callable[[re.Match[str]], str]:
    return lambda match: marked(name, match[1])


def _identifiers(record: Record) -> Record:
    return _changing(record, lambda text: _IDENTIFIER.sub(_identifier, text))


def _identifier(match: re.Match[str]) -> str:
    return f"{match[1]}[{marked('identifier', match[0])}]"


def _paths(record: Record) -> Record:
    return _changing(record, lambda text: _ABSOLUTE.sub(_path, text))


def _path(match: re.Match[str]) -> str:
    # However it is written, a folder is the same folder.
    place = match[0].removeprefix("file://").replace("\\", "/").strip("/")
    return f"{marked('path', place)}/"


def _ports(record: Record) -> Record:
    return _changing(
        record,
        lambda text: _PORT.sub(
            lambda match: f"{match[1] or ''}{match[2]}:{marked('port', match[3])}", text
        ),
    )


def _build_hashes(record: Record) -> Record:
    return _changing(
        record,
        lambda text: _BUILD_HASH.sub(lambda match: f"h{marked('build', match[0])}", text),
    )


def _binary_details(record: Record) -> Record:
    if record.get("kind") != "binary":
        return record
    return {
        key: value
        for key, value in record.items()
        if key not in _BINARY_DETAILS and not (key in _SAYS_NOTHING and _is_marker(value))
    }


def _is_marker(value: Any) -> bool:
    return value in (_TIMESTAMP, _SIZE) or (isinstance(value, str) and value != unnumbered(value))


def _changing(record: Record, change: Callable[[str], str]) -> Record:
    return {key: on_texts(value, change) for key, value in record.items()}
