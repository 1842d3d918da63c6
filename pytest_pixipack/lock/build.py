"""Puts a lock together: what an engine calls after solving.

builder = LockBuilder()
builder.platform("linux-64", virtual_packages=["__glibc=2.28"])
builder.environment("default", channels=["https://conda.anaconda.org/conda-forge/"])
libz = builder.add("default", "linux-64", binary_package(facts))
builder.add("default", "linux-64", source_package(app, "app", host_packages=[libz]))
builder.build().to_text()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.lock import location
from pytest_pixipack.lock.identifier import DEFAULT_BRANCH, source_identifier
from pytest_pixipack.lock.model import (
    Lock,
    LockChannel,
    LockedPackage,
    LockedPypi,
    LockedSource,
    LockEnvironment,
    LockOptions,
    LockPlatform,
)
from pytest_pixipack.lock.packages import join_identifier


def binary_package(
    facts: PackageFacts, *, run_exports: bool = False, of_channel: bool = True
) -> LockedPackage:
    """The entry of a binary package, whose `facts.url` says where it is.

    pixi only records the run exports of packages that a source package names as a build or host
    dependency and does not ignore (pixi_command_dispatcher, `build/dependencies.rs`): for these,
    `run_exports` is True. A package that exports nothing is written without them either way.
    `of_channel` is False for a package that was asked for by its URL: of that, pixi writes that it
    is of no channel.
    """
    if facts.url is None:
        raise InvalidInput(
            f"{facts.dist} has no URL and cannot be locked as a binary package.",
            package=facts.name,
        )
    place = location.normalize_location(facts.url)
    kept = facts.run_exports if run_exports and facts.run_exports else None
    derived = location.derive(place)
    channel = facts.channel or derived.channel
    extra = {"channel": None} if derived.channel is not None and not of_channel else {}
    facts = replace(
        facts,
        kind="binary",
        url=place if location.is_url(place) else None,
        build=facts.build or "",
        build_number=facts.build_number or 0,
        channel=location.strip_slash(channel) if channel else None,
        file_name=facts.file_name or derived.file_name,
        run_exports=kept,
        files=None,
        variants={},
    )
    return LockedPackage(kind="binary", location=place, identifier=place, facts=facts, extra=extra)


def source_package(
    facts: PackageFacts,
    path: str,
    *,
    source: Mapping[str, Any] | None = None,
    source_location: str | None = None,
    source_depends: Mapping[str, Mapping[str, Any]] | None = None,
    build_packages: Iterable[LockedPackage] = (),
    host_packages: Iterable[LockedPackage] = (),
    written_name: str | None = None,
    partial: bool = True,
    digits: str | None = None,
) -> LockedPackage:
    """The entry of a source package at `path`: a path in the workspace (`.`) or a URL.

    pixi writes partial records for paths and full ones for git and URL sources. `digits` is the
    hash of the identifier; without it, it is computed from the full record, so `facts` should be
    complete even where `partial` leaves most of it unwritten. `source` says in the lock's words
    where the files are that are built, `source_location` as a location. `written_name` is the name
    as the package's manifest spells it, which the identifier keeps.
    """
    build, host = list(build_packages), list(host_packages)
    if digits is None:
        digits = source_identifier(
            facts,
            path,
            source=source,
            source_location=source_location,
            source_depends=source_depends,
            build_packages=build,
            host_packages=host,
        )
    facts = replace(facts, run_exports=facts.run_exports or RunExports())
    return LockedPackage(
        kind="source",
        location=path,
        identifier=join_identifier(written_name or facts.name, digits, path),
        facts=_partial(facts) if partial else _full(facts),
        source=LockedSource(source=source, source_depends=_written(source_depends or {})),
        build_packages=_identifiers(build),
        host_packages=_identifiers(host),
    )


def pypi_package(
    facts: PackageFacts,
    place: str,
    *,
    index: str | None = None,
    requires_dist: Iterable[str] = (),
    requires_python: str | None = None,
) -> LockedPackage:
    """The entry of a wheel, an sdist or a directory. A directory has no version and no index."""
    facts = PackageFacts(
        name=facts.name,
        kind="pypi",
        version=facts.version,
        md5=facts.md5,
        sha256=facts.sha256,
        url=place if location.is_url(place) else None,
        file_name=location.file_name(place),
    )
    pypi = LockedPypi(
        index=index, requires_dist=tuple(requires_dist), requires_python=requires_python
    )
    return LockedPackage(kind="pypi", location=place, identifier=place, facts=facts, pypi=pypi)


class LockBuilder:
    """Collects platforms, environments and packages."""

    def __init__(self) -> None:
        self._platforms: dict[str, LockPlatform] = {}
        self._environments: dict[str, LockEnvironment] = {}
        self._selected: dict[str, dict[str, dict[str, None]]] = {}
        self._packages: dict[str, LockedPackage] = {}

    def platform(
        self, name: str, *, subdir: str | None = None, virtual_packages: Iterable[str] = ()
    ) -> LockPlatform:
        """Adds a platform; `subdir` only where it is not the name."""
        platform = LockPlatform(name, subdir or name, tuple(virtual_packages))
        self._platforms[name] = platform
        return platform

    def environment(
        self,
        name: str = "default",
        *,
        channels: Iterable[str | LockChannel] = (),
        platforms: Iterable[str] = (),
        indexes: Sequence[str] | None = None,
        find_links: Iterable[Mapping[str, str]] = (),
        options: LockOptions | None = None,
    ) -> None:
        """Adds an environment; `platforms` are those to list even where no package follows."""
        self._environments[name] = LockEnvironment(
            name=name,
            channels=tuple(LockChannel(c) if isinstance(c, str) else c for c in channels),
            indexes=None if indexes is None else tuple(indexes),
            find_links=tuple(find_links),
            options=options or LockOptions(),
        )
        self._selected[name] = {platform: {} for platform in platforms}

    def register(self, package: LockedPackage) -> LockedPackage:
        """Adds a package that only build or host environments need.

        A binary package that is added twice keeps the run exports that either knows.
        """
        known = self._packages.get(package.identifier)
        if known is not None and known.facts.run_exports is not None:
            package = replace(
                package, facts=replace(package.facts, run_exports=known.facts.run_exports)
            )
        self._packages[package.identifier] = package
        return package

    def add(self, environment: str, platform: str, package: LockedPackage) -> LockedPackage:
        """Adds a package to an environment for a platform."""
        package = self.register(package)
        self._selected[environment].setdefault(platform, {})[package.identifier] = None
        return package

    def build(self) -> Lock:
        """The lock, in canonical order."""
        packages = sorted(self._packages.values(), key=lambda package: package.sort_key)
        environments = {
            name: replace(
                self._environments[name],
                packages={
                    platform: tuple(package for package in packages if package.identifier in chosen)
                    for platform, chosen in sorted(self._selected[name].items())
                    if chosen  # pixi does not list a platform without packages
                },
            )
            for name in sorted(self._environments)
        }
        return Lock(
            platforms=tuple(self._platforms[name] for name in sorted(self._platforms)),
            environments=environments,
            packages=tuple(packages),
        )


def _written(places: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {
        name: {key: value for key, value in place.items() if key != DEFAULT_BRANCH}
        for name, place in places.items()
    }


def _identifiers(packages: Iterable[LockedPackage]) -> tuple[str, ...]:
    unique = {package.sort_key for package in packages}
    return tuple(identifier for _, identifier in sorted(unique))


def _partial(facts: PackageFacts) -> PackageFacts:
    return PackageFacts(
        name=facts.name,
        kind="source",
        depends=facts.depends,
        constrains=facts.constrains,
        extra_depends=facts.extra_depends,
        run_exports=facts.run_exports,
        flags=facts.flags,
        license=facts.license,
        purls=facts.purls,
        variants=facts.variants,
    )


def _full(facts: PackageFacts) -> PackageFacts:
    return replace(
        facts,
        kind="source",
        build=facts.build or "",
        build_number=facts.build_number or 0,
        timestamp=None,
        sha256=None,
        md5=None,
        file_name=None,
        url=None,
        channel=None,
        files=None,
    )
