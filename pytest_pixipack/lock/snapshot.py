"""A lock as short text for people and for version control: what a test keeps as its snapshot.

The text is YAML. A package of which only version, build and channel are left takes one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_pixipack.lock.model import KEY_OF_KIND, Lock, LockedPackage
from pytest_pixipack.lock.scrub import Record, Scrubbers, default_scrubbers
from pytest_pixipack.lock.writer import package_to_entry, used_packages
from pytest_pixipack.lock.yaml import dump_yaml

_LINE_FIELDS = ("version", "build", "subdir", "channel")


def snapshot(lock: Lock, scrubbers: Scrubbers | None = None) -> str:
    """The text of a lock after scrubbing; the default scrubbers where None are given.

    The order of packages, platforms and environments is fixed; it does not depend on hashes. The
    text ends with a newline and has no other line ends than newlines.
    """
    scrubbers = default_scrubbers() if scrubbers is None else scrubbers
    keys = {package.identifier: KEY_OF_KIND[package.kind] for package in reversed(lock.packages)}
    by_identifier = {package.identifier: package for package in lock.packages}
    return dump_yaml(
        {
            "platforms": {
                platform.name: _platform(platform.name, platform.subdir, platform.virtual_packages)
                for platform in sorted(lock.platforms, key=lambda platform: platform.name)
            },
            "environments": {
                name: {
                    "channels": [
                        scrubbers.apply({"kind": "channel", "url": channel.url.rstrip("/")})["url"]
                        for channel in environment.channels
                    ],
                    **_options(environment.options),
                    "packages": {
                        platform: _packages(packages, scrubbers, keys, by_identifier)
                        for platform, packages in sorted(environment.packages.items())
                    },
                }
                for name, environment in sorted(lock.environments.items())
            },
            **_only_for_building(lock, scrubbers, keys, by_identifier),
        }
    )


def record_of(
    package: LockedPackage, keys: Mapping[str, str], packages: Mapping[str, LockedPackage]
) -> Record:
    """All that the lock says of a package, derived fields included, as scrubbers get it."""
    entry = package_to_entry(package, keys)
    entry.pop(KEY_OF_KIND[package.kind])
    for key in ("build_packages", "host_packages"):
        if key in entry:
            entry[key] = sorted(_short(packages[ref]) for ref in getattr(package, key))
    facts = package.facts
    known: Record = {"kind": package.kind, "name": package.name}
    for key in ("version", "build", "subdir", "channel"):
        value = getattr(facts, key)
        if value:
            known[key] = value
    if package.kind == "source":
        known["identifier"] = package.identifier
    if package.kind == "pypi":
        known["location"] = package.location
    return {**known, **{key: value for key, value in entry.items() if key not in known}}


def _platform(name: str, subdir: str, virtual_packages: Iterable[str]) -> Any:
    found = list(virtual_packages)
    return found if name == subdir else {"subdir": subdir, "virtual-packages": found}


def _options(options: Any) -> dict[str, str]:
    return {
        name: getattr(options, name)
        for name in ("strategy", "channel_priority", "pypi_prerelease_mode")
        if getattr(options, name) != getattr(type(options)(), name)
    }


def _packages(
    packages: Iterable[LockedPackage],
    scrubbers: Scrubbers,
    keys: Mapping[str, str],
    by_identifier: Mapping[str, LockedPackage],
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for package in sorted(packages, key=lambda p: (p.kind == "pypi", p.name, p.location)):
        record = scrubbers.apply(record_of(package, keys, by_identifier))
        name = package.name if package.kind != "pypi" else f"{package.name} (pypi)"
        result[name] = _compact(record)
    return result


def _only_for_building(
    lock: Lock,
    scrubbers: Scrubbers,
    keys: Mapping[str, str],
    by_identifier: Mapping[str, LockedPackage],
) -> dict[str, Any]:
    """What only build and host environments hold, once where the same is left of several."""
    selected = {
        package.identifier
        for environment in lock.environments.values()
        for packages in environment.packages.values()
        for package in packages
    }
    texts = {}
    for package in used_packages(lock):
        if package.identifier not in selected:
            record = _compact(scrubbers.apply(record_of(package, keys, by_identifier)))
            entry = {package.name: record}
            texts[dump_yaml(entry)] = entry
    return {"only-for-building": [texts[text] for text in sorted(texts)]} if texts else {}


def _compact(record: Record) -> Any:
    """One line where nothing but the usual is left, a mapping otherwise."""
    record = {key: value for key, value in record.items() if key != "name"}
    if record.get("kind") == "binary":
        del record["kind"]
    if not record.keys() - set(_LINE_FIELDS):
        return " ".join(str(record[key]) for key in _LINE_FIELDS if key in record)
    return record


def _short(package: LockedPackage) -> str:
    if package.kind == "source":
        return f"{package.name} @ {package.location}"
    return " ".join(filter(None, (package.name, package.version, package.build)))
