"""The Python distributions of a prefix that no conda package owns: what wheels left there.

Each has a directory `NAME-VERSION.dist-info` with a `RECORD` of its files (the PyPA specification
"Recording installed projects").
"""

from __future__ import annotations

import base64
import binascii
import csv
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.prefix.model import Prefix
from pytest_pixipack.regular_files import read_regular
from pytest_pixipack.safe_names import unsafe_name

_INFO = ".dist-info"
_PLACES = ("lib/python*/site-packages", "Lib/site-packages")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed wheel: its normalised name, version, and the files that its RECORD lists.

    The files are keyed by path below the prefix; sizes are in bytes. `RECORD` itself has neither
    digest nor size.
    """

    name: str
    version: str
    files: Mapping[str, FileFacts]


def distributions(prefix: Prefix) -> tuple[Distribution, ...]:
    """What wheels installed into a prefix, by name.

    Raises `InvalidInput` where a RECORD cannot be read.
    """
    owned = {path for facts in prefix.packages.values() for path in facts.files or ()}
    found = [
        _read(prefix.path, record)
        for record in _records(prefix.path)
        if record.relative_to(prefix.path).as_posix() not in owned
    ]
    return tuple(sorted(found, key=lambda each: each.name))


def unrecorded(prefix: Prefix) -> Mapping[str, Path]:
    """Directories of Python distributions that have no `RECORD`, by the normalised name."""
    from packaging.utils import canonicalize_name

    found = (
        directory
        for place in _PLACES
        for directory in prefix.path.glob(f"{place}/*{_INFO}")
        if directory.is_dir() and not (directory / "RECORD").exists()
    )
    return {canonicalize_name(each.name.partition("-")[0]): each for each in found}


def _records(root: Path) -> Iterator[Path]:
    for place in _PLACES:
        # Where letters of both cases are one directory, the second pattern finds the first's.
        yield from sorted(root.glob(f"{place}/*{_INFO}/RECORD"))


def _read(root: Path, record: Path) -> Distribution:
    from packaging.utils import canonicalize_name

    name, _, version = record.parent.name.removesuffix(_INFO).partition("-")
    site_packages = record.parent.parent.relative_to(root).as_posix()
    try:
        rows = list(csv.reader(read_regular(record).decode("utf-8").splitlines()))
        files = dict(_files(rows, site_packages))
    except (OSError, ValueError, csv.Error) as error:
        raise InvalidInput(
            f"The record of the Python package {name} cannot be used: {error}.",
            file=record,
            package=name,
            remedy="Install the environment again.",
        ) from None
    return Distribution(canonicalize_name(name), version, files)


def _files(rows: list[list[str]], site_packages: str) -> Iterator[tuple[str, FileFacts]]:
    for row in rows:
        if len(row) != 3:
            raise ValueError(f"a line has {len(row)} fields instead of 3")
        path = posixpath.normpath(posixpath.join(site_packages, row[0].replace("\\", "/")))
        if reason := unsafe_name(path):
            raise ValueError(f"the path {row[0]!r} leaves the prefix ({reason})")
        size = int(row[2]) if row[2] else None
        yield path, FileFacts(path, sha256=_sha256(row[1]), size=size)


def _sha256(text: str) -> str | None:
    """The digest in hexadecimal, None where there is none or it is of another kind."""
    kind, _, value = text.partition("=")
    if kind != "sha256":
        return None
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except binascii.Error as error:
        raise ValueError(f"the digest {text!r} is broken ({error})") from None
