"""From a manifest to a lock: every environment and platform solved, source packages included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_pixipack.engine.assemble import Assembler, PreferenceKey, preference_key
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.keeping import Earlier
from pytest_pixipack.engine.locations import directory_of
from pytest_pixipack.engine.pinned import parse_pin
from pytest_pixipack.engine.records import BinaryRecord, Resolved, SourceRecord
from pytest_pixipack.engine.target import Kept, Wanted
from pytest_pixipack.engine.targets import match_spec, target_for, wanted_sources
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import (
    Lock,
    LockBuilder,
    LockedPackage,
    LockOptions,
    LockPlatform,
    binary_package,
    source_package,
)
from pytest_pixipack.manifest import Manifest, Platform, Spec


@dataclass(frozen=True, slots=True)
class _Solved:
    """The packages of one environment on one platform."""

    environment: str
    platform: Platform
    packages: tuple[Resolved | LockedPackage, ...]


def solve_workspace(
    manifest: Manifest,
    table: ChannelTable,
    assembler: Assembler,
    earlier: Earlier | None = None,
) -> Lock:
    """Solves all environments of a workspace and returns the lock.

    What is up to date in an `earlier` lock stays as it is; the rest of it is preferred. Raises
    `SolveError` where requirements cannot be met, `InvalidInput` for a package or
    channel that is not there, `BackendError` for a backend that fails.
    """
    manifest.need_workspace()
    solved: list[_Solved] = []
    for name in manifest.environment_names():
        members = [member.name for member in manifest.group_members(name)]
        if name == members[0]:
            solved += _solve_group(manifest, table, assembler, members, earlier)
    return _to_lock(manifest, table, solved, earlier)


def _solve_group(
    manifest: Manifest,
    table: ChannelTable,
    assembler: Assembler,
    members: list[str],
    earlier: Earlier | None,
) -> list[_Solved]:
    """Solves environments that share versions; an environment without a group is alone."""
    platforms = {p.name: p for name in members for p in manifest.platforms(name)}
    solved = []
    for platform in platforms.values():
        present = [n for n in members if platform in manifest.platforms(n)]
        if earlier is not None and earlier.fits(present, platform):
            solved += [_Solved(n, platform, earlier.packages(n, platform)) for n in present]
            continue
        kept = earlier.kept(present, platform) if earlier else None
        packages = _solve(manifest, table, assembler, present, platform, kept)
        for name in present:
            own = manifest.dependencies(name, platform)
            target = target_for(manifest, present[0], platform, table, kept=kept)
            dev = assembler.dev_records(_dev(manifest, assembler, [name], platform, kept), target)
            more = [text for record in dev for text in record.facts.depends]
            share = packages if len(present) == 1 else _needed(own, packages, more)
            solved.append(_Solved(name, platform, share))
    return solved


def _solve(
    manifest: Manifest,
    table: ChannelTable,
    assembler: Assembler,
    members: list[str],
    platform: Platform,
    kept: Kept | None,
) -> tuple[Resolved, ...]:
    for name in members:
        _refuse_pypi(manifest, name, platform)
        _refuse_inline(manifest, name, platform)
    specs = _merged(manifest.dependencies(name, platform) for name in members)
    constraints = _merged(manifest.constraints(name, platform) for name in members)
    return assembler.solve(
        f"environment {' and '.join(members)} for {platform.name}",
        target_for(manifest, members[0], platform, table, kept=kept),
        [match_spec(s, table) for s in sorted(specs, key=lambda spec: not spec.is_source)],
        wanted_sources(specs, assembler.checkouts, kept.pins if kept else {}),
        [match_spec(spec, table) for spec in constraints],
        kept=kept.binaries if kept else (),
        dev=_dev(manifest, assembler, members, platform, kept),
    )


def _dev(
    manifest: Manifest,
    assembler: Assembler,
    members: Iterable[str],
    platform: Platform,
    kept: Kept | None,
) -> tuple[Wanted, ...]:
    """The packages of which environments only want the dependencies."""
    specs = _merged(manifest.dev_dependencies(name, platform) for name in members)
    return wanted_sources(specs, assembler.checkouts, kept.pins if kept else {})


def _merged(groups: Iterable[Iterable[Spec]]) -> tuple[Spec, ...]:
    return tuple({spec: None for group in groups for spec in group})


def _needed(
    specs: Iterable[Spec], packages: tuple[Resolved, ...], more: Iterable[str]
) -> tuple[Resolved, ...]:
    """What one environment of a solve group needs: its requirements and their closure.

    `more` are match specs of what it needs besides.
    """
    by_name = {package.name: package for package in packages}
    extras = {spec.name: spec.extras or () for spec in specs}
    queue = [spec.name for spec in specs] + [text.split(" ")[0].split("[")[0] for text in more]
    kept: set[str] = set()
    while queue:
        name = queue.pop()
        if name in kept or name not in by_name:
            continue
        kept.add(name)
        facts = by_name[name].facts
        more = [d for extra in extras.get(name, ()) for d in facts.extra_depends.get(extra, ())]
        queue += [depend.split(" ")[0].split("[")[0] for depend in (*facts.depends, *more)]
    return tuple(package for package in packages if package.name in kept)


def _refuse_pypi(manifest: Manifest, environment: str, platform: Platform) -> None:
    for spec in manifest.pypi_dependencies(environment, platform):
        raise Unsupported(
            f"Environment {environment} has PyPI dependencies ({spec.name}), which the embedded "
            "engine does not solve.",
            file=spec.position.file,
            line=spec.position.line,
            column=spec.position.column,
            remedy="Lock with pixi; a lock that holds PyPI packages can be read and checked.",
        )


def _refuse_inline(manifest: Manifest, environment: str, platform: Platform) -> None:
    """A package that is defined where it is asked for has no manifest that could be read."""
    features = manifest.need_workspace().features.values()
    inline = {n for f in features for t in f.targets.values() for n in t.inline_packages}
    for spec in manifest.dependencies(environment, platform):
        if spec.is_source and spec.name in inline:
            raise Unsupported(
                f"The package {spec.name} is defined where it is asked for (`package = ...`), "
                "which the embedded engine does not build.",
                file=spec.position.file,
                line=spec.position.line,
                column=spec.position.column,
                package=spec.name,
                remedy="Write the package into a `pixi.toml` beside its sources, or use the "
                "system engine (--engine system).",
            )


def _to_lock(
    manifest: Manifest, table: ChannelTable, solved: list[_Solved], earlier: Earlier | None
) -> Lock:
    builder = LockBuilder()
    names = manifest.lock_platform_names()
    used = {each.platform.name for each in solved}
    for platform in manifest.need_workspace().platforms:
        if platform.name in used:
            builder.platform(
                names[platform.name],
                subdir=platform.subdir,
                virtual_packages=platform.virtual_packages,
            )
    with_pypi = {each.environment for each in solved for p in each.packages if _is_pypi(p)}
    for name in manifest.environment_names():
        # PyPI packages are only ever those of the earlier lock.
        old = earlier.lock.environments[name] if earlier and name in with_pypi else None
        options = LockOptions(
            strategy=_lock_strategy(manifest.solve_strategy(name)),
            channel_priority=manifest.channel_priority(name),
        )
        if old is not None:
            options = replace(options, pypi_prerelease_mode=old.options.pypi_prerelease_mode)
        builder.environment(
            name,
            channels=[table.resolve(channel).url for channel in manifest.channels(name)],
            platforms=[names[p.name] for p in manifest.platforms(name)],
            indexes=old.indexes if old else None,
            find_links=old.find_links if old else (),
            options=options,
        )
    packages = _Packages(builder, earlier.lock if earlier else None)
    for each in solved:
        for package in each.packages:
            builder.add(each.environment, names[each.platform.name], packages.entry(package))
    return builder.build()


def _is_pypi(package: Resolved | LockedPackage) -> bool:
    return isinstance(package, LockedPackage) and package.kind == "pypi"


def _lock_strategy(strategy: str) -> str:
    return {"lowest": "lowest-version", "lowest-direct": "lowest-version-direct"}.get(
        strategy, strategy
    )


class _Packages:
    """Lock entries of solved packages; what source packages were built against is registered."""

    def __init__(self, builder: LockBuilder, earlier: Lock | None) -> None:
        self._builder = builder
        self._earlier = earlier
        self._sources: dict[int, LockedPackage] = {}

    def entry(self, package: Resolved | LockedPackage) -> LockedPackage:
        if isinstance(package, LockedPackage):
            return self._again(package)
        if isinstance(package, BinaryRecord):
            known = package.facts.channel is not None
            return binary_package(package.facts, run_exports=True, of_channel=known)
        # The assembler keeps its records, so that each has one identity. What looks the same can
        # be built against other packages in another environment.
        if id(package) not in self._sources:
            self._sources[id(package)] = self._source(package)
        return self._sources[id(package)]

    def _source(self, record: SourceRecord) -> LockedPackage:
        return source_package(
            record.facts,
            record.location,
            source=record.source,
            source_location=record.source_location,
            source_depends=record.sources,
            partial=is_mutable(record),
            written_name=record.output.written_name,
            build_packages=[self._registered(each) for each in record.build_packages],
            host_packages=[self._registered(each) for each in record.host_packages],
        )

    def _again(self, package: LockedPackage) -> LockedPackage:
        """An entry of the earlier lock, with what it was built with."""
        for identifier in (*package.build_packages, *package.host_packages):
            assert self._earlier is not None
            self._builder.register(self._again(self._earlier.package(identifier)))
        return package

    def _registered(self, package: Resolved) -> LockedPackage:
        return self._builder.register(self.entry(package))


def is_mutable(record: SourceRecord) -> bool:
    """Whether a package can change without its location: pixi writes less of it into a lock."""
    places = (record.location, record.source_location or record.location)
    return any(parse_pin(place) is None for place in places)


def platform_of(
    manifest: Manifest, lock: Lock, environment: str, subdir: str
) -> tuple[LockPlatform, Platform]:
    """The lock's and the manifest's platform for a subdir; the plain one where there is a choice.

    Raises `InvalidInput` where the environment is not locked for the subdir.
    """
    candidates = lock.platforms_of(environment, subdir)
    if not candidates and subdir in {p.subdir for p in manifest.platforms(environment)}:
        raise InvalidInput(
            f"Environment {environment} has no packages for {subdir}.",
            file=lock.file,
            remedy="Add a dependency and lock again, or lock again if there is one.",
        )
    if not candidates:
        found = sorted({lock.platform(p).subdir for p in lock.environment(environment).packages})
        raise InvalidInput(
            f"Environment {environment} is not locked for {subdir}; it is locked for "
            f"{', '.join(found) or 'no platform'}.",
            file=lock.file,
            remedy=f"Add {subdir} to `platforms` and lock again.",
        )
    plain = [platform for platform in candidates if platform.name == subdir]
    locked = (plain or list(candidates))[0]
    names: Mapping[str, str] = manifest.lock_platform_names()
    for platform in manifest.platforms(environment):
        if names[platform.name] == locked.name:
            return locked, platform
    return locked, Platform(locked.name, locked.subdir, locked.virtual_packages)


def source_directory(root: Path, package: LockedPackage) -> Path:
    """The directory of a source package of a lock, for tools that build what is on the disk.

    Raises `Unsupported` for Git and URL sources.
    """
    if parse_pin(package.location) is not None:
        raise Unsupported(
            f"The source of {package.name} is {package.location}, which the tool does not fetch.",
            package=package.name,
            remedy="Use a path source, or the embedded engine (--pixipack-engine=embedded).",
        )
    return directory_of(package.location, root)


def built_against(
    lock: Lock, packages: Iterable[LockedPackage]
) -> dict[PreferenceKey, tuple[PackageFacts, ...]]:
    """The channel packages of the locked build and host environments of source packages, and of
    the source packages in those. The URL of a package is its location in the lock.
    """
    found: dict[PreferenceKey, tuple[PackageFacts, ...]] = {}
    queue = [package for package in packages if package.is_source]
    for package in queue:
        for kind, identifiers in (
            ("build", package.build_packages),
            ("host", package.host_packages),
        ):
            key = preference_key(package.name, package.variants, kind)
            if key in found:
                continue
            members = [lock.package(identifier) for identifier in identifiers]
            found[key] = tuple(
                replace(each.facts, url=each.location) for each in members if each.kind == "binary"
            )
            queue += [each for each in members if each.is_source]
    return found
