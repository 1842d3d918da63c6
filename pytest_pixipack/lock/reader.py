"""Reads `pixi.lock`: version 7, and versions 1 to 6, which rattler_lock upgrades."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.lock import fields, lines, location
from pytest_pixipack.lock.fields import FieldError
from pytest_pixipack.lock.limits import (
    MAX_BYTES,
    MAX_RATTLER_VALUES,
    check_text,
    check_values,
    too_large,
)
from pytest_pixipack.lock.model import Lock, LockedPackage, LockEnvironment
from pytest_pixipack.lock.regular import first_irregular
from pytest_pixipack.lock.version_7 import DocumentError, read_document
from pytest_pixipack.lock.yaml import load_yaml
from pytest_pixipack.regular_files import read_regular

SUPPORTED_VERSIONS = (1, 2, 3, 4, 5, 6, 7)
_CURRENT = 7
# pixi refuses what it cannot read; it writes no other lock in its place.
_LOCK_AGAIN = "Restore it, or remove it and run `pixi lock`."
_UPGRADE = "Lock again with a pixi that writes version 7, or use a newer pytest-pixipack."
_MISSING = re.compile(
    r"environment (.*) and platform (.*) refers to a package that does not exist: (.*)"
)


def read_lock(path: Path) -> Lock:
    """The lock in a file, or in the `pixi.lock` of a directory.

    Raises `InvalidInput` for a file that is missing, unreadable, larger than 16 MiB or no lock, and
    `Unsupported` for a version of the format that is not known.
    """
    file = path / "pixi.lock" if path.is_dir() else path
    try:
        data = read_regular(file, MAX_BYTES + 1)
    except FileNotFoundError:
        raise InvalidInput(
            "There is no lock file here.", file=file, remedy="Run `pixi lock` to write one."
        ) from None
    except OSError as error:
        raise InvalidInput(
            f"The lock file cannot be read: {error.strerror or error}.", file=file
        ) from None
    if len(data) > MAX_BYTES:
        raise too_large(str(file))
    return parse_lock(_decoded(data, file), file)


def parse_lock(text: str, file: Path | str | None = None) -> Lock:
    """The lock in a text; `file` is only for messages. Raises as `read_lock` does."""
    reader = _Reader(text, None if file is None else str(file))
    try:
        return reader.read()
    except DocumentError as error:
        reader.fail(error.message, line=reader.line(error), package=error.package)
    except FieldError as error:
        line = reader.find(rf"^\s*(?:- )?{re.escape(error.key)}\s*: ?{re.escape(error.written)}")
        reader.fail(f"The lock file cannot be used: {error.message}.", line=line)


def _decoded(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise InvalidInput(
            f"The lock file is not UTF-8 but UTF-16 (byte {error.start})."
            if wide
            else f"The lock file is not UTF-8 (byte {error.start}).",
            file=file,
            line=data.count(b"\n", 0, error.start) + 1,
            remedy=_LOCK_AGAIN,
        ) from None


class _Reader:
    """Reads one text; holds what error messages need."""

    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file

    def read(self) -> Lock:
        """The lock. Raises `DocumentError` or `FieldError` where it is contradictory."""
        self._check_characters()
        check_text(self.text, self.file)
        # Locks of older versions are parsed by rattler_lock; no need to parse them here as well.
        old = re.match(r"version: ([1-6])\r?\n", self.text)
        document = {} if old else self._document()
        version = int(old[1]) if old else self._version(document)
        if version < _CURRENT:
            return self._upgraded(version)
        lock = replace(read_document(document), text=self.text, file=self.file)
        irregular = first_irregular(lock)
        return lock if irregular is None else self._normalized(lock, irregular)

    def _check_characters(self) -> None:
        if self.text.startswith("\ufeff"):
            raise InvalidInput(
                "The lock file starts with a byte order mark, which pixi cannot read.",
                file=self.file,
                line=1,
                remedy="Save it as UTF-8 without a byte order mark.",
            )
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            self.fail(
                "The lock file is not valid Unicode: it has half of a surrogate pair.",
                line=self.text.count("\n", 0, error.start) + 1,
            )

    def _document(self) -> dict[str, Any]:
        try:
            document = load_yaml(self.text)
        except ValueError as error:
            self._not_yaml(str(error))
        if document is None:
            self.fail("The lock file is empty.")
        if not isinstance(document, dict):
            self.fail("The lock file is not a mapping with `version`, `packages`, ...", line=1)
        return fields.as_mapping(document, "lock")

    def _not_yaml(self, message: str) -> NoReturn:
        found = re.search(r" at line (\d+) column (\d+)", message)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        position = re.search(r" at position (\d+)", message)
        if position and not found:
            before = self.text.encode("utf-8")[: int(position[1])]
            line = before.count(b"\n") + 1
        key = re.search(r'duplicate entry with key "(.*)"\Z', message)
        if key and line is None:
            line = self._line_of_duplicate(key[1])
        self.fail(f"The lock file is not valid YAML: {message}.", line=line, column=column)

    def _line_of_duplicate(self, key: str) -> int | None:
        # Only certain where the key is one of the whole file.
        return self.find(rf"^{re.escape(key)}\s*:", last=True)

    def _version(self, document: Mapping[str, Any]) -> int:
        version = document.get("version")
        line = lines.line_of_key(self.text, "version")
        if version is None:
            self.fail("The lock file has no `version`.", line=line)
        if type(version) is not int:
            self.fail(f"The lock file's `version` is not a number: {version!r}.", line=line)
        if version not in SUPPORTED_VERSIONS:
            supported = ", ".join(str(known) for known in SUPPORTED_VERSIONS)
            raise Unsupported(
                f"The lock file has version {version}; supported: {supported}.",
                file=self.file,
                line=line,
                remedy=_UPGRADE,
            )
        return version

    def _upgraded(self, version: int) -> Lock:
        from pytest_pixipack.lock.rattler_text import RattlerRefusesError, rattler_text

        check_values(self.text, self.file, MAX_RATTLER_VALUES)
        try:
            written = rattler_text(self.text)
        except RattlerRefusesError as error:
            reason = str(error)
            if (missing := _MISSING.fullmatch(reason)) is not None:
                self._missing(*missing.groups())
            self._check_entries()
            found = re.search(r" at line (\d+)", reason)
            self.fail(
                f"The lock file of version {version} cannot be read: {reason}.",
                line=int(found[1]) if found else None,
            )
        return replace(self._read_again(written, default_indexes=False), version=version)

    def _missing(self, environment: str, platform: str, place: str) -> NoReturn:
        line = lines.line_of_selector(self.text, r"\w+", place, environment, platform)
        if line is None:
            # rattler_lock says the path of a `file://` URL.
            name = re.escape(place.replace("\\", "/").rpartition("/")[2])
            line = self.find(rf"^ +- \w+: .*/{name}['\"]?\s*$")
        self.fail(
            f'Environment "{environment}", platform "{platform}", refers to a package that does '
            f"not exist: {place}.",
            line=line,
            package=place,
        )

    def _check_entries(self) -> None:
        """Says which entry of an older lock has a field of a wrong type, if one has."""
        entries = fields.as_list(self._document().get("packages"), "packages")
        for number, item in enumerate(entries, 1):
            where = f"entry {number} of `packages`"
            try:
                entry = fields.as_mapping(item, "packages")
                where = str(next((entry[k] for k in ("conda", "pypi", "url") if k in entry), where))
                fields.check_older(entry)
            except FieldError as error:
                self.fail(
                    f"{where}: {error.message}.",
                    line=lines.line_of_older_field(self.text, where, error.key),
                    package=where,
                )

    def _normalized(self, lock: Lock, irregular: LockedPackage | LockEnvironment) -> Lock:
        """What rattler_lock makes of a lock that is not spelled as pixi does.

        Keys that rattler_lock does not know are kept.
        """
        from pytest_pixipack.lock.rattler_text import RattlerRefusesError, rattler_text

        check_values(self.text, self.file, MAX_RATTLER_VALUES)
        try:
            return _with_unknown(self._read_again(rattler_text(self.text)), lock)
        except RattlerRefusesError as error:
            if isinstance(irregular, LockEnvironment):
                where, line = (
                    f'environment "{irregular.name}"',
                    self.find(rf"^  ['\"]?{re.escape(irregular.name)}['\"]?:"),
                )
            else:
                where, line = irregular.identifier, lock.line_of(irregular.identifier)
            self.fail(
                f"The lock file cannot be used, perhaps because of {where}: {error}.",
                line=line,
                package=None if isinstance(irregular, LockEnvironment) else irregular.name,
            )

    def _read_again(self, written: str, *, default_indexes: bool = True) -> Lock:
        try:
            mapping = fields.as_mapping(load_yaml(written), "lock")
            if not default_indexes:
                mapping["packages"] = [_with_derived(entry) for entry in mapping["packages"]]
            document = read_document(mapping, default_indexes=default_indexes)
        except (DocumentError, FieldError) as error:
            self.fail(f"The lock file cannot be used: {error.message.rstrip('.')}.")
        return replace(document, text=self.text, file=self.file)

    def line(self, error: DocumentError) -> int | None:
        """The line that a `DocumentError` is about."""
        where = error.where
        if where is None:
            return None
        if where.pattern is not None:
            return self.find(where.pattern, last=where.last)
        if where.field is not None:
            return lines.line_of_field(self.text, where.key, where.identifier, where.field)
        if where.environment is not None:
            return lines.line_of_selector(
                self.text, where.key, where.identifier, where.environment, where.platform
            )
        return lines.line_of_reference(self.text, where.identifier)

    def find(self, pattern: str, *, last: bool = False) -> int | None:
        """The line of the first (or last) match of a pattern."""
        position = None
        for found in re.finditer(pattern, self.text, re.M):
            position = found.start()
            if not last:
                break
        return None if position is None else self.text.count("\n", 0, position) + 1

    def fail(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        package: str | None = None,
    ) -> NoReturn:
        """Raises `InvalidInput` for this file."""
        raise InvalidInput(
            message, file=self.file, line=line, column=column, package=package, remedy=_LOCK_AGAIN
        )


def _with_derived(entry: Any) -> Any:
    """An entry of an upgraded lock with what follows from its `file://` URL.

    rattler_lock leaves it out where it knows a URL, as it does from versions 4 and 5; what is read
    as a path says neither subdir nor channel.
    """
    url = entry.get("conda") if isinstance(entry, dict) else None
    if not isinstance(url, str) or not url.startswith("file://"):
        return entry
    derived = location.derive(url)
    found = {"subdir": derived.subdir, "channel": derived.channel}
    return {**{key: value for key, value in found.items() if value is not None}, **entry}


def _with_unknown(lock: Lock, original: Lock) -> Lock:
    """The lock with the unknown keys of another one that says the same."""
    from pytest_pixipack.lock.writer import unknown_keys

    unknown = {_known_by(package): unknown_keys(package) for package in original.packages}
    packages = tuple(
        replace(package, extra={**unknown.get(_known_by(package), {}), **package.extra})
        for package in lock.packages
    )
    by_key = {package.sort_key: package for package in packages}
    platforms = {platform.name: platform.extra for platform in original.platforms}
    return replace(
        lock,
        packages=packages,
        platforms=tuple(replace(p, extra=platforms.get(p.name, {})) for p in lock.platforms),
        environments={
            name: replace(
                environment,
                extra=original.environments[name].extra,
                options=replace(
                    environment.options, extra=original.environments[name].options.extra
                ),
                packages={
                    platform: _replaced(chosen, by_key)
                    for platform, chosen in environment.packages.items()
                },
            )
            for name, environment in lock.environments.items()
        },
        extra=original.extra,
    )


def _known_by(package: LockedPackage) -> tuple[object, ...]:
    # Normalisation can change a location, but not what it is called.
    subdir = package.subdir or package.identifier_hash
    return package.kind, package.name.lower(), subdir, (package.file_name or "").lower()


def _replaced(
    packages: Iterable[LockedPackage], by_key: Mapping[tuple[int, str], LockedPackage]
) -> tuple[LockedPackage, ...]:
    return tuple(by_key[package.sort_key] for package in packages)
