"""The parsed YAML of version 7, as a `Lock`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.lock import fields
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
from pytest_pixipack.platforms import SUBDIRS

# Environment -> platform -> selected packages, each as (key, identifier).
_Selector = tuple[str, str]
_Selections = dict[str, dict[str, list[_Selector]]]
_STRATEGIES = ("highest", "lowest-version", "lowest-version-direct")
_PRIORITIES = ("strict", "disabled", "flexible")
_PRERELEASES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What to look for in the text: a pattern, else a field, a selector or a reference."""

    pattern: str | None = None
    last: bool = False
    key: str = ""
    identifier: str = ""
    field: str | None = None
    environment: str | None = None
    platform: str | None = None


class DocumentError(Exception):
    """A contradiction inside a lock: a sentence, and where it is."""

    def __init__(
        self, message: str, *, where: Where | None = None, package: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.package = package


def read_document(document: Mapping[str, Any], *, default_indexes: bool = True) -> Lock:
    """The lock in a document, without its text.

    A PyPI file that names no index comes from the first one of its environment, unless
    `default_indexes` is False: what an older version was upgraded to says nothing about that.

    Raises `DocumentError` where it contradicts itself, and `FieldError` where something outside
    `packages` is missing or has a wrong type.
    """
    left = dict(document)
    for key in ("environments", "packages"):
        if key not in left:
            raise FieldError("version", f"it has no `{key}`")
    platforms = _platforms(fields.as_list(left.pop("platforms", None), "platforms"))
    bodies = {
        name: fields.as_mapping(body, name)
        for name, body in _optional_mapping(left.pop("environments"), "environments").items()
    }
    selections = _selections(bodies, platforms)
    entries = fields.as_list(left.pop("packages"), "packages")
    packages = _packages(entries, _indexes(bodies, selections) if default_indexes else {})
    environments = {
        name: _environment(name, body, _resolve(name, selections[name], packages))
        for name, body in bodies.items()
    }
    left.pop("version", None)
    return Lock(
        platforms=platforms,
        environments=environments,
        packages=tuple(packages.values()),
        extra=left,
    )


def _optional_mapping(value: object, key: str) -> dict[str, Any]:
    return {} if value is None else fields.as_mapping(value, key)


def _platforms(items: Iterable[object]) -> tuple[LockPlatform, ...]:
    result: dict[str, LockPlatform] = {}
    for platform in map(_platform, items):
        pattern = rf"^- name: ['\"]?{re.escape(platform.name)}['\"]?\s*$"
        if platform.subdir not in SUBDIRS:
            raise DocumentError(
                f'Platform "{platform.name}" has the unknown subdir "{platform.subdir}".',
                where=Where(pattern=pattern),
            )
        if not all(letter.isalnum() or letter in "_-" for letter in platform.name):
            raise DocumentError(
                f'"{platform.name}" is no name for a platform: it may have letters, digits, '
                "`_` and `-`.",
                where=Where(pattern=pattern),
            )
        if platform.name in result:
            raise DocumentError(
                f'Platform "{platform.name}" occurs twice.', where=Where(pattern=pattern, last=True)
            )
        result[platform.name] = platform
    return tuple(result.values())


def _platform(item: object) -> LockPlatform:
    entry = fields.as_mapping(item, "platforms")
    name = fields.required_text(entry, "name")
    return LockPlatform(
        name=name,
        subdir=fields.text(entry, "subdir") or name,
        virtual_packages=fields.as_texts(entry.pop("virtual-packages", None), "virtual-packages"),
        extra=entry,
    )


def _selections(
    bodies: Mapping[str, dict[str, Any]], platforms: Iterable[LockPlatform]
) -> _Selections:
    known = {platform.name for platform in platforms}
    result: _Selections = {}
    for name, body in bodies.items():
        if "packages" not in body:
            raise FieldError(name, f'environment "{name}" has no `packages`')
        chosen = _optional_mapping(body.pop("packages"), "packages")
        result[name] = {}
        for platform, items in chosen.items():
            if platform not in known:
                raise DocumentError(
                    f'Environment "{name}" uses the platform "{platform}", which is not '
                    "under `platforms`.",
                    where=Where(pattern=rf"^ +{re.escape(platform)}:"),
                )
            result[name][platform] = [_selector(item) for item in fields.as_list(items, platform)]
    return result


def _selector(item: object) -> _Selector:
    selector = fields.as_mapping(item, "packages")
    kind = kind_of(selector)
    key = KEY_OF_KIND[kind]
    return key, identifier_of(kind, selector[key])


def _packages(
    entries: Iterable[object], indexes: Mapping[str, str]
) -> dict[_Selector, LockedPackage]:
    result: dict[_Selector, LockedPackage] = {}
    for number, entry in enumerate(entries, 1):
        package = _package(entry, number, indexes)
        key = (KEY_OF_KIND[package.kind], package.identifier)
        if key in result and result[key] != package:
            raise DocumentError(
                f"The package {package.identifier} has two entries that differ.",
                where=Where(pattern=rf"^- {key[0]}: ['\"]?{re.escape(key[1])}", last=True),
                package=package.name,
            )
        result[key] = package
    _check_references(result)
    return result


def _package(item: object, number: int, indexes: Mapping[str, str]) -> LockedPackage:
    try:
        entry = fields.as_mapping(item, "packages")
        return read_package(entry, indexes.get(str(entry.get("pypi"))))
    except FieldError as error:
        name, where = f"entry {number} of `packages`", None
        for key in KEY_OF_KIND.values() if isinstance(item, dict) else ():
            if isinstance(item, dict) and key in item:
                name = str(item[key])
                where = Where(key=key, identifier=name, field=error.key)
                break
        raise DocumentError(f"{name}: {error.message}.", where=where, package=name) from None


def _check_references(packages: Mapping[_Selector, LockedPackage]) -> None:
    known = {identifier for _, identifier in packages}
    for package in packages.values():
        for reference in (*package.build_packages, *package.host_packages):
            if reference not in known:
                raise DocumentError(
                    f"{package.identifier} is built with a package that does not exist: "
                    f"{reference}.",
                    where=Where(identifier=reference),
                    package=package.name,
                )


def _resolve(
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
                raise DocumentError(
                    f'Environment "{environment}", platform "{platform}", refers to a package '
                    f"that does not exist: {selector[1]}.",
                    where=Where(
                        key=selector[0],
                        identifier=selector[1],
                        environment=environment,
                        platform=platform,
                    ),
                    package=selector[1],
                )
            # What is listed twice counts once, as in rattler_lock; it is not canonical.
            found[selector] = package
        result[platform] = tuple(found.values())
    return result


def _environment(
    name: str, body: dict[str, Any], packages: Mapping[str, tuple[LockedPackage, ...]]
) -> LockEnvironment:
    if "channels" not in body:
        raise FieldError(name, f'environment "{name}" has no `channels`')
    channels = fields.as_list(body.pop("channels"), "channels")
    indexes = body.pop("indexes", None)
    links = [
        fields.as_mapping(link, "find-links")
        for link in fields.as_list(body.pop("find-links", None), "find-links")
    ]
    for url in (*fields.as_texts(indexes, "indexes"), *(link.get("url") for link in links)):
        fields.check_url(url if isinstance(url, str) else None, "indexes")
    return LockEnvironment(
        name=name,
        channels=tuple(_channel(item) for item in channels),
        indexes=None if indexes is None else fields.as_texts(indexes, "indexes"),
        find_links=tuple(links),
        options=_options(_optional_mapping(body.pop("options", None), "options")),
        packages=packages,
        extra=body,
    )


def _channel(item: object) -> LockChannel:
    entry = fields.as_mapping(item, "channels")
    url = fields.required_text(entry, "url")
    fields.check_url(url, "url")
    variables = fields.as_texts(entry.pop("used_env_vars", None), "used_env_vars")
    return LockChannel(url, variables, entry)


def _options(entry: dict[str, Any]) -> LockOptions:
    default = LockOptions()
    return LockOptions(
        strategy=fields.choice(entry, "strategy", _STRATEGIES, default.strategy),
        channel_priority=fields.choice(
            entry, "channel-priority", _PRIORITIES, default.channel_priority
        ),
        pypi_prerelease_mode=fields.choice(
            entry, "pypi-prerelease-mode", _PRERELEASES, default.pypi_prerelease_mode
        ),
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
