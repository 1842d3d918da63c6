"""The Python distributions of a prefix that no conda package owns: what wheels left there.

Each has a directory `NAME-VERSION.dist-info` with a `RECORD` of its files (the PyPA specification
"Recording installed projects").
"""

from __future__ import annotations

import base64
import binascii
import csv
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.prefix.model import Prefix
from pytest_pixipack.regular_files import read_regular
from pytest_pixipack.safe_names import unsafe_name

_INFO = ".dist-info"
_PLACES = ("lib/python*/site-packages", "Lib/site-packages")
_OF_INSTALLERS = re.compile(
    r"[^/]+\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json|uv_build\.json)"
)
_COMPILED = re.compile(r"(.*/)?__pycache__/[^/]+\.pyc")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed wheel: its normalised name, version, and the files that its RECORD lists.

    The files are keyed by path below the prefix; sizes are in bytes. `RECORD` itself has neither
    digest nor size. `other_digests` are those that are no sha256, as RECORD spells them; `info` is
    the path of the directory with the RECORD.
    """

    name: str
    version: str
    files: Mapping[str, FileFacts]
    other_digests: Mapping[str, str] = field(default_factory=dict)
    info: str = ""

    @property
    def site_packages(self) -> str:
        """The directory that it was installed into, below the prefix."""
        return posixpath.dirname(self.info)


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
        paths = [_path(row, site_packages) for row in rows]
        files = {path: _file(path, row) for path, row in zip(paths, rows, strict=True)}
    except (OSError, ValueError, csv.Error) as error:
        raise InvalidInput(
            f"The record of the Python package {name} cannot be used: {error}.",
            file=record,
            package=name,
            remedy="Install the environment again.",
        ) from None
    others = {
        path: row[1]
        for path, row in zip(paths, rows, strict=True)
        if row[1] and files[path].sha256 is None
    }
    info = record.parent.relative_to(root).as_posix()
    return Distribution(canonicalize_name(name), version, files, others, info)


def tells_of_installing(path: str) -> bool:
    """Whether a file was made by an installer of wheels or by Python, and is in no wheel as it is:
    who installed it, what it was told, the list of files, and compiled files.
    """
    ends = "/".join(path.split("/")[-2:])
    return _OF_INSTALLERS.fullmatch(ends) is not None or _COMPILED.fullmatch(path) is not None


def _path(row: list[str], site_packages: str) -> str:
    if len(row) != 3:
        raise ValueError(f"a line has {len(row)} fields instead of 3")
    path = posixpath.normpath(posixpath.join(site_packages, row[0].replace("\\", "/")))
    if reason := unsafe_name(path):
        raise ValueError(f"the path {row[0]!r} leaves the prefix ({reason})")
    return path


def _file(path: str, row: list[str]) -> FileFacts:
    return FileFacts(path, sha256=_sha256(row[1]), size=int(row[2]) if row[2] else None)


def _sha256(text: str) -> str | None:
    """The digest in hexadecimal, None where there is none or it is of another kind."""
    kind, _, value = text.partition("=")
    if kind != "sha256":
        return None
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except binascii.Error as error:
        raise ValueError(f"the digest {text!r} is broken ({error})") from None
