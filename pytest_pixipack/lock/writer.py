"""Writes a lock as pixi does: the same order, the same omissions, the same YAML.

What is left out and in which order keys come is that of rattler_lock (`parse/serialize.rs`,
`parse/models/v7`). The YAML comes from ryaml, which embeds the serializer that rattler_lock uses
(serde_yaml).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.lock import location
from pytest_pixipack.lock.model import (
    DEFAULT_INDEX,
    KEY_OF_KIND,
    Lock,
    LockedPackage,
    LockEnvironment,
    LockOptions,
    LockPlatform,
)
from pytest_pixipack.lock.purls import sorted_purls
from pytest_pixipack.whole_files import write_named

_BINARY_ORDER = (
    "conda", "name", "version", "build", "build_number", "subdir", "noarch", "sha256", "md5",
    "legacy_bz2_md5", "attestations_sha256", "depends", "constrains", "extra_depends", "channel",
    "features", "flags", "track_features", "file_name", "license", "license_family", "purls",
    "run_exports", "size", "legacy_bz2_size", "timestamp", "indexed_timestamp",
    "python_site_packages_path",
)  # fmt: skip
_SOURCE_ORDER = (
    "conda_source", "version", "build", "build_number", "subdir", "noarch", "variants", "depends",
    "constrains", "extra_depends", "features", "flags", "track_features", "license",
    "license_family", "purls", "run_exports", "size", "source", "source_depends",
    "python_site_packages_path", "build_packages", "host_packages",
)  # fmt: skip
_PYPI_ORDER = (
    "pypi", "name", "version", "md5", "sha256", "index", "requires_dist", "requires_python",
    "build_packages", "host_packages",
)  # fmt: skip
# What a source package without version and subdir cannot say.
_NOT_IN_PARTIAL = (
    "version", "build", "build_number", "subdir", "noarch", "features", "track_features",
    "license_family", "size", "python_site_packages_path",
)  # fmt: skip
_BUILD_SOURCE_ORDER = (
    "url", "sha256", "git", "branch", "tag", "explicit_rev", "rev", "path", "subdir",
)  # fmt: skip
_DEPENDS_SOURCE_ORDER = (
    "url", "md5", "sha256", "git", "rev", "branch", "tag", "subdirectory", "lfs", "path",
)  # fmt: skip


def lock_to_text(lock: Lock) -> str:
    """The canonical text of a lock in version 7.

    Entries that nothing refers to are left out. Raises `InvalidInput` where a package refers to one
    that the lock does not have.
    """
    from pytest_pixipack.lock.yaml import dump_yaml

    return dump_yaml(lock_to_document(lock))


def write_lock(lock: Lock, path: Path) -> None:
    """Writes the canonical text to a file, which is replaced as a whole or not at all.

    Raises `Infrastructure` where the file cannot be written; then it stays as it was.
    """
    data = lock_to_text(lock).encode("utf-8")
    try:
        write_named(path, data)
    except OSError as error:
        raise Infrastructure(
            f"The lock file cannot be written: {error.strerror or error}.", file=path
        ) from None


def lock_to_document(lock: Lock) -> dict[str, Any]:
    """The mapping that `lock_to_text` writes, keys in their order."""
    packages = used_packages(lock)
    keys = {package.identifier: KEY_OF_KIND[package.kind] for package in reversed(packages)}
    platforms = sorted(lock.platforms, key=lambda platform: platform.name)
    return {
        "version": 7,
        "platforms": [_platform(platform) for platform in platforms],
        "environments": {
            name: _environment(lock.environments[name]) for name in sorted(lock.environments)
        },
        "packages": [package_to_entry(package, keys) for package in packages],
        **lock.extra,
    }


def package_to_entry(package: LockedPackage, keys: Mapping[str, str]) -> dict[str, Any]:
    """One entry of `packages`. `keys` gives the selector key of each identifier it refers to."""
    order: tuple[str, ...]
    if package.kind == "binary":
        values, order = _binary(package), _BINARY_ORDER
    elif package.kind == "source":
        values, order = _source(package, keys), _SOURCE_ORDER
    else:
        values, order = _pypi(package, keys), _PYPI_ORDER
    for key, value in package.extra.items():
        known = values.get(key)
        nested = isinstance(known, dict) and isinstance(value, Mapping)
        values[key] = {**known, **value} if known is not None and nested else value
    return _ordered(values, order, nulls=package.extra)


def unknown_keys(package: LockedPackage) -> dict[str, Any]:
    """The keys of an entry that the format does not know."""
    order = {"binary": _BINARY_ORDER, "source": _SOURCE_ORDER, "pypi": _PYPI_ORDER}[package.kind]
    return {key: value for key, value in package.extra.items() if key not in order}


def used_packages(lock: Lock) -> list[LockedPackage]:
    """What environments refer to, and what those packages are built with, in canonical order."""
    known = {package.identifier: package for package in reversed(lock.packages)}
    used: dict[tuple[int, str], LockedPackage] = {}
    waiting = [
        package
        for environment in lock.environments.values()
        for packages in environment.packages.values()
        for package in packages
    ]
    while waiting:
        package = waiting.pop()
        if package.sort_key in used:
            continue
        used[package.sort_key] = package
        for reference in (*package.build_packages, *package.host_packages):
            if reference not in known:
                raise InvalidInput(
                    f"{package.identifier} is built with a package that the lock does not have: "
                    f"{reference}.",
                    package=package.name,
                )
            waiting.append(known[reference])
    return [used[key] for key in sorted(used)]


def _platform(platform: LockPlatform) -> dict[str, Any]:
    values: dict[str, Any] = {"name": platform.name}
    if platform.subdir != platform.name:
        values["subdir"] = platform.subdir
    if platform.virtual_packages:
        values["virtual-packages"] = list(platform.virtual_packages)
    return {**values, **platform.extra}


def _environment(environment: LockEnvironment) -> dict[str, Any]:
    values: dict[str, Any] = {
        "channels": [
            {
                "url": channel.url,
                **(
                    {"used_env_vars": sorted(channel.used_env_vars)}
                    if channel.used_env_vars
                    else {}
                ),
                **channel.extra,
            }
            for channel in environment.channels
        ]
    }
    if environment.indexes is not None:
        values["indexes"] = list(environment.indexes)
    if environment.find_links:
        values["find-links"] = [dict(link) for link in environment.find_links]
    options = _options(environment.options)
    if options:
        values["options"] = options
    values["packages"] = {
        platform: [
            {KEY_OF_KIND[package.kind]: package.identifier}
            for package in sorted(environment.packages[platform], key=lambda p: p.sort_key)
        ]
        for platform in sorted(environment.packages)
    }
    return {**values, **environment.extra}


def _options(options: LockOptions) -> dict[str, Any]:
    default = LockOptions()
    values: dict[str, Any] = {}
    if options.strategy != default.strategy:
        values["strategy"] = options.strategy
    if options.channel_priority != default.channel_priority:
        values["channel-priority"] = options.channel_priority
    if options.pypi_prerelease_mode != default.pypi_prerelease_mode:
        values["pypi-prerelease-mode"] = options.pypi_prerelease_mode
    return {**values, **options.extra}


def _binary(package: LockedPackage) -> dict[str, Any]:
    facts = package.facts
    derived = location.derive(package.location)
    values = _common(package)
    values["conda"] = package.location
    for key in ("name", "version", "build", "subdir", "file_name"):
        value = getattr(facts, key)
        if value != (getattr(derived, key) or ("" if key == "build" else None)):
            values[key] = value
    if facts.build_number != location.build_number_of(facts.build):
        values["build_number"] = facts.build_number
    noarch = location.noarch_of(derived.subdir or facts.subdir, derived.build or facts.build)
    if facts.noarch != noarch:
        # An arch package where a noarch one is assumed.
        values["noarch"] = facts.noarch or False
    channel = location.strip_slash(facts.channel) if facts.channel else None
    if channel != derived.channel:
        values["channel"] = channel
    values["sha256"] = facts.sha256
    values["md5"] = facts.md5
    values["size"] = facts.size
    values["timestamp"] = facts.timestamp
    if facts.run_exports is not None:
        values["run_exports"] = facts.run_exports.to_json()
    return values


def _source(package: LockedPackage, keys: Mapping[str, str]) -> dict[str, Any]:
    facts = package.facts
    values = _common(package)
    values["version"] = facts.version
    values["build"] = facts.build or None
    values["build_number"] = facts.build_number or None
    values["subdir"] = facts.subdir
    values["noarch"] = facts.noarch
    values["size"] = facts.size
    if package.is_partial:
        for key in _NOT_IN_PARTIAL:
            values.pop(key, None)
    values["conda_source"] = package.identifier
    values["variants"] = dict(sorted(facts.variants.items())) or None
    if facts.run_exports:
        values["run_exports"] = facts.run_exports.to_json()
    if package.source is not None:
        if package.source.source is not None:
            values["source"] = _ordered(package.source.source, _BUILD_SOURCE_ORDER)
        values["source_depends"] = {
            name: _ordered(place, _DEPENDS_SOURCE_ORDER)
            for name, place in sorted(package.source.source_depends.items())
        } or None
    return {**values, **_references(package, keys)}


def _pypi(package: LockedPackage, keys: Mapping[str, str]) -> dict[str, Any]:
    facts = package.facts
    values: dict[str, Any] = {"pypi": package.location, "name": facts.name}
    values["version"] = facts.version
    values["md5"] = facts.md5
    values["sha256"] = facts.sha256
    if package.pypi is not None:
        if package.pypi.index != DEFAULT_INDEX:
            values["index"] = package.pypi.index
        values["requires_dist"] = list(package.pypi.requires_dist) or None
        values["requires_python"] = package.pypi.requires_python
    return {**values, **_references(package, keys)}


def _common(package: LockedPackage) -> dict[str, Any]:
    facts = package.facts
    extra_depends = sorted(facts.extra_depends.items())
    return {
        "depends": list(facts.depends) or None,
        "constrains": list(facts.constrains) or None,
        "extra_depends": {name: list(specs) for name, specs in extra_depends} or None,
        "features": facts.features,
        "flags": list(facts.flags) or None,
        "track_features": list(facts.track_features) or None,
        "license": facts.license,
        "license_family": facts.license_family,
        "purls": None if facts.purls is None else sorted_purls(facts.purls),
        "python_site_packages_path": facts.python_site_packages_path,
    }


def _references(package: LockedPackage, keys: Mapping[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, identifiers in (
        ("build_packages", package.build_packages),
        ("host_packages", package.host_packages),
    ):
        if identifiers:
            selectors = [(keys[identifier], identifier) for identifier in set(identifiers)]
            # The keys happen to sort as the kinds do.
            result[key] = [{kind: identifier} for kind, identifier in sorted(selectors)]
    return result


def _ordered(
    values: Mapping[str, Any], order: Iterable[str], nulls: Container[str] = ()
) -> dict[str, Any]:
    """The values that are not None, or in `nulls`: known keys in their order, then the others."""
    kept = {key: value for key, value in values.items() if value is not None or key in nulls}
    return {**{key: kept[key] for key in order if key in kept}, **kept}
