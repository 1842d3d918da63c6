"""Reading wheels: the members of the zip, and what the wheel says of itself.

Everything is looked at before a wheel is packed or installed: that each reader sees the same
members, that they stay where they belong on every system, and that they are what RECORD says.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

from pytest_pixipack.artifact import wheel_files, zip_layout
from pytest_pixipack.artifact.digests import unreadable
from pytest_pixipack.artifact.safety import (
    DEFAULT_LIMITS,
    RAISE_LIMITS,
    ArtifactLimits,
    is_record,
)
from pytest_pixipack.artifact.wheel_files import SCRIPT, BadFile, Recorded
from pytest_pixipack.artifact.zip_layout import ZipEntry
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.regular_files import open_regular
from pytest_pixipack.safe_names import (
    TooManyDirectories,
    folded,
    one_file,
    quoted,
    shown,
    unsafe_name,
)

# Deflated data become about a thousand times as many at most, which is no more than half of what
# packages may become by default.
_SHARE_OF_RATIO = 2
_RATIO_FREE = 64 << 20
# Of a file that is read as a whole.
_LARGEST_TEXT = 16 << 20
# A script that gets another first line is read as a whole for that.
_LARGEST_SCRIPT = 16 << 20
_SCHEMES = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
_READ_WHOLE = ("METADATA", "WHEEL", "RECORD", "entry_points.txt")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that was read. Name, version and requirements are those of its METADATA.

    `members` are the names of its files, `scripts` those of the programs that are made for its
    entry points; `info` and `data` are the names of the directories for its metadata and for what
    goes elsewhere than into site packages. `digests` has the sha256 of each member, `restarted`
    what may become of those that start with `#!python` (see `wheel_files.restarted`), `undigested`
    are those of which its RECORD gives no digest.
    """

    file_name: str
    name: str
    version: str
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None
    members: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    info: str = ""
    data: str = ""
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    restarted: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    undigested: frozenset[str] = frozenset()

    def placed(self, schemes: Mapping[str, str]) -> Iterator[str]:
        """Where its files go, by where each scheme is (`purelib`, `scripts`, `data`, ...)."""
        for name in self.members:
            scheme, path = self.scheme_of(name)
            yield f"{schemes[scheme]}/{path}".lstrip("/")

    def scheme_of(self, member: str) -> tuple[str, str]:
        """The scheme that a member goes to, and its path there."""
        if self.data and member.startswith(f"{self.data}/"):
            scheme, _, path = member.removeprefix(f"{self.data}/").partition("/")
            return scheme, path
        return "purelib", member


def read_wheel(
    path: Path, limits: ArtifactLimits = DEFAULT_LIMITS, *, complete: bool = True
) -> Wheel:
    """Reads a wheel completely, nothing of it being written.

    Of `limits`, the size counts and half of the ratio. `complete` says that RECORD has to name
    every file, which only the installation needs. Raises
    `InvalidInput`, naming the file and the member, for what is damaged, unsafe, too large, or not
    what the wheel says of itself, and `Infrastructure` where the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return read_wheel_of(file, path, limits, complete=complete)
    except PixipackError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None


def read_wheel_of(
    file: IO[bytes], path: Path, limits: ArtifactLimits = DEFAULT_LIMITS, *, complete: bool = True
) -> Wheel:
    """The same for a wheel in an open, seekable file; `path` is what messages call it."""
    return _Reader(file, path, limits, complete).wheel()


@dataclass(slots=True)
class _Reader:
    file: IO[bytes]
    path: Path
    limits: ArtifactLimits
    complete: bool
    kept: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    restarted: dict[str, frozenset[str]] = field(default_factory=dict)

    def wheel(self) -> Wheel:
        name, version = self._file_name()
        entries = zip_layout.read_entries(self.file, self.path, what="wheel")
        self._check_names(entries)
        self._check_sizes(entries)
        files = [entry for entry in entries if not entry.is_directory]
        names = [entry.name for entry in files]
        info, data = self._directories(names, name)
        whole = {f"{info}/{each}" for each in _READ_WHOLE}
        for entry in files:
            if entry.name in whole:
                self.kept[entry.name] = self._whole(entry)
        recorded = self._recorded(names, f"{info}/RECORD")
        for entry in files:
            self._check_content(entry, recorded.get(entry.name), data)
        metadata = self._headers(f"{info}/METADATA")
        wheel = Wheel(
            file_name=self.path.name,
            name=_first(metadata, "name"),
            version=_first(metadata, "version"),
            requires_dist=metadata.get("requires-dist", ()),
            requires_python=_first(metadata, "requires-python") or None,
            members=tuple(names),
            scripts=self._scripts(f"{info}/entry_points.txt"),
            info=info,
            data=data,
            digests=self.digests,
            restarted=self.restarted,
            undigested=frozenset(
                each for each in names if each not in recorded or recorded[each].digest is None
            ),
        )
        self._check_identity(wheel, metadata, name, version)
        self._check_format(self._headers(f"{info}/WHEEL"))
        return wheel

    def _file_name(self) -> tuple[str, str]:
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        try:
            name, version, _, _ = parse_wheel_filename(self.path.name)
        except InvalidWheelFilename:
            raise InvalidInput(
                f"{shown(self.path.name)} is not the name of a wheel.",
                file=self.path,
                remedy="A wheel is named NAME-VERSION-PYTHON-ABI-PLATFORM.whl.",
            ) from None
        return name, str(version)

    def _check_names(self, entries: Sequence[ZipEntry]) -> None:
        for entry in entries:
            name = entry.name.rstrip("/") if entry.is_directory else entry.name
            kind = stat.S_IFMT(entry.mode)
            reason = unsafe_name(name)
            if reason is None and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                reason = "it is a link or a device"
            if reason is None and kind == stat.S_IFDIR and not entry.is_directory:
                reason = "it is a directory, and a file"
            if reason is None and entry.mode & 0o6000 and not entry.is_directory:
                reason = "it would run as another user (setuid or setgid)"
            if reason is not None:
                self._unsafe(entry.name, reason)
        try:
            pair = next(one_file([e.name for e in entries if not e.is_directory]), None)
        except TooManyDirectories as reason:
            self._bad(f"it {reason}")
        if pair is not None:
            self._unsafe(pair[1], f"it occurs twice, or once on some systems ({quoted(pair[0])})")
        directories = {folded(e.name.rstrip("/")) for e in entries if e.is_directory}
        for entry in entries:
            if not entry.is_directory and folded(entry.name) in directories:
                self._unsafe(entry.name, "it is a directory, and a file")

    def _check_sizes(self, entries: Sequence[ZipEntry]) -> None:
        packed = self.file.seek(0, os.SEEK_END)
        by_ratio = max(_RATIO_FREE, packed * self.limits.max_ratio // _SHARE_OF_RATIO)
        most = min(self.limits.max_unpacked_bytes, by_ratio)
        total = 0
        for entry in entries:
            total += entry.size
            if total > most:
                reason = f"with it, the wheel unpacks to more than {most} bytes"
                self._unsafe(entry.name, reason, remedy=RAISE_LIMITS)

    def _directories(self, names: Sequence[str], project: str) -> tuple[str, str]:
        """The directories `NAME-VERSION.dist-info` and `NAME-VERSION.data`, the latter if any."""
        from packaging.utils import canonicalize_name

        top = {name.partition("/")[0] for name in names if "/" in name}
        infos = [name for name in top if name.endswith(".dist-info")]
        if len(infos) != 1:
            self._bad(f"it has {len(infos) or 'no'} directories *.dist-info instead of one")
        if canonicalize_name(_project(infos[0])) != project:
            self._bad(f"its directory {quoted(infos[0])} is that of another project")
        # `installer` looks for the one that is named like the file.
        data = "-".join(self.path.name.split("-")[:2]) + ".data"
        others = [each for each in top if each.endswith(".data") and each != data]
        if any(canonicalize_name(_project(each)) == project for each in others):
            self._bad(f"its directory {quoted(others[0])} has another name than the file")
        for name in names:
            if name.startswith(f"{data}/"):
                scheme, _, path = name.removeprefix(f"{data}/").partition("/")
                if scheme not in _SCHEMES or not path:
                    self._unsafe(name, "it lies in no directory that *.data may have")
                if scheme == "data" and is_record(path):
                    self._unsafe(name, "it goes to conda-meta, where only installers write")
        return infos[0], data if data in top else ""

    def _whole(self, entry: ZipEntry) -> bytes:
        if entry.size > _LARGEST_TEXT:
            self._bad(f"its {entry.name.rpartition('/')[2]} is larger than {_LARGEST_TEXT} bytes")
        return b"".join(zip_layout.content(self.file, entry, self.path))

    def _recorded(self, names: Sequence[str], record: str) -> Mapping[str, Recorded]:
        try:
            data = self._kept(record)
            return wheel_files.record(data, names, record, complete=self.complete)
        except BadFile as reason:
            self._bad(f"its RECORD does not fit: {reason}")

    def _check_content(self, entry: ZipEntry, recorded: Recorded | None, data: str) -> None:
        kinds = {"sha256", recorded.kind if recorded else "sha256"}
        hashers = {kind: hashlib.new(kind) for kind in kinds}
        is_script = bool(data) and entry.name.startswith(f"{data}/scripts/")
        head, script, whole = b"", bytearray(), self.kept.get(entry.name)
        pieces = zip_layout.content(self.file, entry, self.path) if whole is None else [whole]
        for piece in pieces:
            head = head or piece[: len(SCRIPT)]
            if is_script and head == SCRIPT and entry.size <= _LARGEST_SCRIPT:
                script += piece
            for hasher in hashers.values():
                hasher.update(piece)
        if recorded is not None and (
            recorded.digest not in (None, hashers[recorded.kind].digest())
            or recorded.size not in (None, entry.size)
        ):
            self._bad(f"its RECORD does not fit: {quoted(entry.name)} is another file")
        self.digests[entry.name] = hashers["sha256"].hexdigest()
        if is_script and head == SCRIPT:
            if entry.size > _LARGEST_SCRIPT:
                self._bad(f"its script {quoted(entry.name)} is larger than {_LARGEST_SCRIPT} bytes")
            self.restarted[entry.name] = wheel_files.restarted(bytes(script))

    def _headers(self, name: str) -> Mapping[str, tuple[str, ...]]:
        try:
            return wheel_files.headers(self._kept(name))
        except BadFile as reason:
            self._bad(f"its {name.rpartition('/')[2]} cannot be used: {reason}")

    def _scripts(self, name: str) -> tuple[str, ...]:
        try:
            return wheel_files.entry_points(self.kept[name]) if name in self.kept else ()
        except BadFile as reason:
            self._bad(f"its entry_points.txt cannot be used: {reason}")

    def _check_identity(
        self, wheel: Wheel, metadata: Mapping[str, Sequence[str]], name: str, version: str
    ) -> None:
        from packaging.utils import canonicalize_name
        from packaging.version import InvalidVersion, Version

        for key in ("name", "version"):
            if len(set(metadata.get(key, ()))) != 1:
                self._bad(f"its METADATA does not say its {key}")
        try:
            same = Version(wheel.version) == Version(version)
        except InvalidVersion:
            same = False
        if not same or canonicalize_name(wheel.name) != name:
            said = quoted(f"{wheel.name} {wheel.version}")
            self._bad(f"its METADATA is that of {said}, its name says {name} {version}")

    def _check_format(self, wheel: Mapping[str, Sequence[str]]) -> None:
        version = _first(wheel, "wheel-version")
        if not version.startswith("1."):
            self._bad(f"it has version {quoted(version)} of the format; version 1 is supported")

    def _kept(self, name: str) -> bytes:
        if name not in self.kept:
            self._bad(f"it has no {name.rpartition('/')[2]}")
        return self.kept[name]

    def _bad(self, reason: str) -> NoReturn:
        raise InvalidInput(
            f"The file is not a wheel that can be installed: {reason}.",
            file=self.path,
            remedy="Get or make the wheel again.",
        )

    def _unsafe(self, member: str, reason: str, *, remedy: str | None = None) -> NoReturn:
        raise InvalidInput(
            f"The wheel is refused: its member {quoted(member)} is unsafe: {reason}.",
            file=self.path,
            remedy=remedy or "Nothing was installed. Get the wheel from where it was made.",
        )


def _project(directory: str) -> str:
    """The project's name in that of a directory `NAME-VERSION.dist-info` or `.data`."""
    return directory.rpartition(".")[0].rpartition("-")[0]


def _first(headers: Mapping[str, Sequence[str]], name: str) -> str:
    values = headers.get(name, ())
    return values[0] if values else ""
