"""Reads `pixi.lock`: version 7, and versions 1 to 6, which are upgraded as rattler_lock does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.lock import fields, lines
from pytest_pixipack.lock.fields import FieldError
from pytest_pixipack.lock.model import (
    DEFAULT_INDEX,
    KEY_OF_KIND,
    Lock,
    LockChannel,
    LockedPackage,
    LockEnvironment,
    LockOptions,
    LockPlatform,
)
from pytest_pixipack.lock.packages import identifier_of, kind_of, read_package
from pytest_pixipack.lock.yaml import load_yaml
from pytest_pixipack.platforms import SUBDIRS

SUPPORTED_VERSIONS = (1, 2, 3, 4, 5, 6, 7)
# Environment -> platform -> selected packages, each as (key, identifier).
_Selector = tuple[str, str]
_Selections = dict[str, dict[str, list[_Selector]]]
_LOCK_AGAIN = "Run `pixi lock` to write the lock file again."
_UPGRADE = "Lock again with a pixi that writes version 7, or use a newer pytest-pixipack."


def read_lock(path: Path) -> Lock:
    """The lock in a file, or in the `pixi.lock` of a directory.

    Raises `InvalidInput` for a file that is missing, unreadable or no lock, and `Unsupported` for
    a version of the format that is not known.
    """
    file = path / "pixi.lock" if path.is_dir() else path
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InvalidInput(
            "There is no lock file here.", file=file, remedy="Run `pixi lock` to write one."
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The lock file is not UTF-8 (byte {error.start}).", file=file, remedy=_LOCK_AGAIN
        ) from None
    except OSError as error:
        raise InvalidInput(
            f"The lock file cannot be read: {error.strerror or error}.", file=file
        ) from None
    return parse_lock(text, file)


def parse_lock(text: str, file: Path | str | None = None) -> Lock:
    """The lock in a text; `file` is only for messages. Raises as `read_lock` does."""
    reader = _Reader(text, None if file is None else str(file))
    try:
        return reader.read()
    except FieldError as error:
        line = reader.find(rf"^\s*(?:- )?{re.escape(error.key)}\s*: ?{re.escape(error.written)}")
        reader.fail(f"The lock file cannot be used: {error.message}.", line=line)


class _Reader:
    """Parses one text; holds what error messages need."""

    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file

    def read(self) -> Lock:
        """The lock. Raises `FieldError` where something outside `packages` has a wrong type."""
        document = self._document()
        version = self._version(document)
        if version < 6:
            from pytest_pixipack.lock.older import upgraded_text

            document = load_yaml(upgraded_text(self.text, version, self.file))
        elif version == 6:
            from pytest_pixipack.lock.v6 import upgrade_v6

            document = upgrade_v6(document)
        platforms = self._platforms(fields.as_list(document.pop("platforms", None), "platforms"))
        bodies = fields.as_mapping(document.pop("environments", None), "environments")
        bodies = {name: fields.as_mapping(body, name) for name, body in bodies.items()}
        selections = self._selections(bodies, platforms)
        entries = fields.as_list(document.pop("packages", None), "packages")
        packages = self._packages(entries, _indexes(bodies, selections))
        environments = {
            name: _environment(name, body, self._resolve(name, selections[name], packages))
            for name, body in bodies.items()
        }
        document.pop("version", None)
        return Lock(
            version=version,
            platforms=platforms,
            environments=environments,
            packages=tuple(packages.values()),
            extra=document,
            text=self.text,
            file=self.file,
        )

    def _document(self) -> dict[str, Any]:
        try:
            document = load_yaml(self.text)
        except ValueError as error:
            message = str(error)
            found = re.search(r"line (\d+) column (\d+)", message)
            line, column = (int(found[1]), int(found[2])) if found else (None, None)
            self.fail(f"The lock file is not valid YAML: {message}.", line=line, column=column)
        if document is None:
            self.fail("The lock file is empty.")
        if not isinstance(document, dict):
            self.fail("The lock file is not a mapping with `version`, `packages`, ...", line=1)
        return fields.as_mapping(document, "lock")

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

    def _platforms(self, items: Iterable[object]) -> tuple[LockPlatform, ...]:
        result: dict[str, LockPlatform] = {}
        for platform in map(_platform, items):
            pattern = rf"^- name: ['\"]?{re.escape(platform.name)}['\"]?\s*$"
            if platform.subdir not in SUBDIRS:
                self.fail(
                    f'Platform "{platform.name}" has the unknown subdir "{platform.subdir}".',
                    line=self.find(pattern),
                )
            if not all(letter.isalnum() or letter in "_-" for letter in platform.name):
                self.fail(
                    f'"{platform.name}" is no name for a platform: it may have letters, digits, '
                    "`_` and `-`.",
                    line=self.find(pattern),
                )
            if platform.name in result:
                line = self.find(pattern, last=True)
                self.fail(f'Platform "{platform.name}" occurs twice.', line=line)
            result[platform.name] = platform
        return tuple(result.values())

    def _selections(
        self, bodies: Mapping[str, dict[str, Any]], platforms: Iterable[LockPlatform]
    ) -> _Selections:
        known = {platform.name for platform in platforms}
        result: _Selections = {}
        for name, body in bodies.items():
            chosen = fields.as_mapping(body.pop("packages", None), "packages")
            result[name] = {}
            for platform, items in chosen.items():
                if platform not in known:
                    self.fail(
                        f'Environment "{name}" uses the platform "{platform}", which is not '
                        "under `platforms`.",
                        line=self.find(rf"^ +{re.escape(platform)}:"),
                    )
                result[name][platform] = [
                    _selector(item) for item in fields.as_list(items, platform)
                ]
        return result

    def _packages(
        self, entries: Iterable[object], indexes: Mapping[str, str]
    ) -> dict[_Selector, LockedPackage]:
        result: dict[_Selector, LockedPackage] = {}
        for number, entry in enumerate(entries, 1):
            package = self._package(entry, number, indexes)
            key = (KEY_OF_KIND[package.kind], package.identifier)
            if key in result and result[key] != package:
                self.fail(
                    f"The package {package.identifier} has two entries that differ.",
                    line=self.find(rf"^- {key[0]}: ['\"]?{re.escape(key[1])}", last=True),
                    package=package.name,
                )
            result[key] = package
        self._check_references(result)
        return result

    def _package(self, item: object, number: int, indexes: Mapping[str, str]) -> LockedPackage:
        try:
            entry = fields.as_mapping(item, "packages")
            return read_package(entry, indexes.get(str(entry.get("pypi"))))
        except FieldError as error:
            where, line = f"entry {number} of `packages`", None
            for key in KEY_OF_KIND.values() if isinstance(item, dict) else ():
                if isinstance(item, dict) and key in item:
                    where = str(item[key])
                    line = lines.line_of_field(self.text, key, where, error.key)
                    break
            self.fail(f"{where}: {error.message}.", line=line, package=where)

    def _check_references(self, packages: Mapping[_Selector, LockedPackage]) -> None:
        known = {identifier for _, identifier in packages}
        for package in packages.values():
            for reference in (*package.build_packages, *package.host_packages):
                if reference not in known:
                    self.fail(
                        f"{package.identifier} is built with a package that does not exist: "
                        f"{reference}.",
                        line=lines.line_of_reference(self.text, reference),
                        package=package.name,
                    )

    def _resolve(
        self,
        environment: str,
        chosen: Mapping[str, Iterable[_Selector]],
        packages: Mapping[_Selector, LockedPackage],
    ) -> dict[str, tuple[LockedPackage, ...]]:
        result = {}
        for platform, selectors in chosen.items():
            found: dict[_Selector, LockedPackage] = {}
            for selector in selectors:
                package = packages.get(selector)
                if package is None:
                    line = lines.line_of_selector(self.text, *selector, environment, platform)
                    self.fail(
                        f'Environment "{environment}", platform "{platform}", refers to a package '
                        f"that does not exist: {selector[1]}.",
                        line=line,
                        package=selector[1],
                    )
                # What is listed twice counts once, as in rattler_lock; it is not canonical.
                found[selector] = package
            result[platform] = tuple(found.values())
        return result

    def find(self, pattern: str, *, last: bool = False) -> int | None:
        """The line of the first (or last) match of a pattern."""
        found = list(re.finditer(pattern, self.text, re.M))
        if not found:
            return None
        return self.text.count("\n", 0, found[-1 if last else 0].start()) + 1

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


def _platform(item: object) -> LockPlatform:
    entry = fields.as_mapping(item, "platforms")
    name = fields.required_text(entry, "name")
    return LockPlatform(
        name=name,
        subdir=fields.text(entry, "subdir") or name,
        virtual_packages=fields.texts(entry, "virtual-packages"),
        extra=entry,
    )


def _selector(item: object) -> _Selector:
    selector = fields.as_mapping(item, "packages")
    kind = kind_of(selector)
    key = KEY_OF_KIND[kind]
    return key, identifier_of(kind, selector[key])


def _environment(
    name: str, body: dict[str, Any], packages: Mapping[str, tuple[LockedPackage, ...]]
) -> LockEnvironment:
    if "channels" not in body:
        raise FieldError(name, f'environment "{name}" has no `channels`')
    channels = fields.as_list(body.pop("channels"), "channels")
    indexes = body.pop("indexes", None)
    links = fields.as_list(body.pop("find-links", None), "find-links")
    return LockEnvironment(
        name=name,
        channels=tuple(_channel(item) for item in channels),
        indexes=None if indexes is None else fields.as_texts(indexes, "indexes"),
        find_links=tuple(fields.as_mapping(link, "find-links") for link in links),
        options=_options(fields.as_mapping(body.pop("options", None) or {}, "options")),
        packages=packages,
        extra=body,
    )


def _channel(item: object) -> LockChannel:
    entry = fields.as_mapping(item, "channels")
    url = fields.required_text(entry, "url")
    return LockChannel(url, fields.texts(entry, "used_env_vars"), entry)


def _options(entry: dict[str, Any]) -> LockOptions:
    default = LockOptions()
    return LockOptions(
        strategy=fields.text(entry, "strategy") or default.strategy,
        channel_priority=fields.text(entry, "channel-priority") or default.channel_priority,
        pypi_prerelease_mode=fields.text(entry, "pypi-prerelease-mode")
        or default.pypi_prerelease_mode,
        extra=entry,
    )


def _indexes(bodies: Mapping[str, Mapping[str, Any]], selections: _Selections) -> dict[str, str]:
    """The index of PyPI entries that name none: the first one of the first environment."""
    result: dict[str, str] = {}
    for name in sorted(selections):
        declared = fields.as_texts(bodies[name].get("indexes"), "indexes")
        index = declared[0] if declared else DEFAULT_INDEX
        for selectors in selections[name].values():
            for key, identifier in selectors:
                if key == "pypi":
                    result.setdefault(identifier, index)
    return result
