"""A lock as short text for people and for version control: what a test keeps as its snapshot.

The text is YAML. A package of which only version, build, place and digest are left takes one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_pixipack.lock.marks import numbered, unnumbered
from pytest_pixipack.lock.model import KEY_OF_KIND, Lock, LockedPackage, LockEnvironment
from pytest_pixipack.lock.scrub import Record, Scrubbers, default_scrubbers
from pytest_pixipack.lock.writer import package_to_entry, used_packages
from pytest_pixipack.lock.yaml import dump_yaml
from pytest_pixipack.redaction import hide

# The key of what only build and host environments hold.
ONLY_FOR_BUILDING = "only-for-building"
LINE_FIELDS = ("version", "build", "subdir", "channel", "sha256")
# Lists whose order carries no meaning, and mappings of such lists.
_UNORDERED = ("depends", "constrains", "track_features", "flags", "purls", "requires_dist")
_TABLES = ("extra_depends", "run_exports")


def snapshot(lock: Lock, scrubbers: Scrubbers | None = None) -> str:
    """The text of a lock after scrubbing; the default scrubbers where None are given.

    The order of packages, platforms and environments is fixed; it does not depend on hashes. Equal
    values have equal markers. Secrets of URLs are left out. The text ends with a newline and has no
    other line ends than newlines.
    """
    scrubbers = default_scrubbers() if scrubbers is None else scrubbers
    keys = {package.identifier: KEY_OF_KIND[package.kind] for package in reversed(lock.packages)}
    by_identifier = {package.identifier: package for package in lock.packages}
    document = {
        "platforms": {
            platform.name: _platform(platform.name, platform.subdir, platform.virtual_packages)
            for platform in sorted(lock.platforms, key=lambda platform: platform.name)
        },
        "environments": {
            name: {
                **_solved_with(environment, scrubbers),
                "packages": {
                    platform: _packages(packages, scrubbers, keys, by_identifier)
                    for platform, packages in sorted(environment.packages.items())
                },
            }
            for name, environment in sorted(lock.environments.items())
        },
        **_only_for_building(lock, scrubbers, keys, by_identifier),
    }
    return hide(dump_yaml(numbered(document)))


def record_of(
    package: LockedPackage, keys: Mapping[str, str], packages: Mapping[str, LockedPackage]
) -> Record:
    """All that the lock says of a package, derived fields included, as scrubbers get it."""
    entry = package_to_entry(package, keys)
    entry.pop(KEY_OF_KIND[package.kind])
    for key in ("build_packages", "host_packages"):
        if key in entry:
            entry[key] = [_short(packages[ref]) for ref in getattr(package, key)]
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


def scrubbed(record: Record, scrubbers: Scrubbers) -> Record:
    """What scrubbers leave of a record, its lists in an order that says nothing of hashes."""
    found = scrubbers.apply(record)
    for key in (*_UNORDERED, "build_packages", "host_packages"):
        if isinstance(found.get(key), list):
            found[key] = in_order(found[key])
    for key in _TABLES:
        if isinstance(found.get(key), dict):
            found[key] = {name: in_order(specs) for name, specs in found[key].items()}
    return found


def in_order(texts: Iterable[str]) -> list[str]:
    """Texts sorted by what they say beside their markers."""
    return sorted(texts, key=lambda text: (unnumbered(text), text))


def _solved_with(environment: LockEnvironment, scrubbers: Scrubbers) -> dict[str, Any]:
    """Channels, indexes and options; what is not said is as usual."""
    urls = [channel.url.rstrip("/") for channel in environment.channels]
    found: dict[str, Any] = {"channels": _places("channel", urls, scrubbers)}
    if environment.indexes:
        found["indexes"] = _places("index", environment.indexes, scrubbers)
    if environment.find_links:
        found["find-links"] = [
            scrubbers.apply({"kind": "find-links", **link}) for link in environment.find_links
        ]
        for link in found["find-links"]:
            link.pop("kind", None)
    return {**found, **_options(environment.options)}


def _places(kind: str, urls: Iterable[str], scrubbers: Scrubbers) -> list[str]:
    return [scrubbers.apply({"kind": kind, "url": url}).get("url", "") for url in urls]


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
        record = scrubbed(record_of(package, keys, by_identifier), scrubbers)
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
            record = _compact(scrubbed(record_of(package, keys, by_identifier), scrubbers))
            entry = {package.name: record}
            texts[dump_yaml(entry)] = entry
    return {ONLY_FOR_BUILDING: [texts[text] for text in in_order(texts)]} if texts else {}


def _compact(record: Record) -> Any:
    """One line where nothing but the usual is left, a mapping otherwise."""
    record = {key: value for key, value in record.items() if key != "name"}
    if record.get("kind") == "binary":
        del record["kind"]
    if not record.keys() - set(LINE_FIELDS):
        return " ".join(str(record[key]) for key in LINE_FIELDS if key in record)
    return record


def _short(package: LockedPackage) -> str:
    if package.kind == "source":
        return package.identifier
    return " ".join(filter(None, (package.name, package.version, package.build)))
