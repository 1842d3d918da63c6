"""What an earlier lock says and still holds: it is kept, as pixi keeps it.

Environments and platforms on which the lock is up to date stay as they are. Others are solved with
the locked packages as what the solver prefers, unless the channels, options or platforms are no
longer those that the lock was made for (prefix-dev/pixi, crates/pixi_core: lock_file/outdated.rs,
lock_file/update.rs; pixi_command_dispatcher: installed_source_hints.rs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_pixipack.engine.pinned import GitPin, Pin, location_key
from pytest_pixipack.engine.target import Kept
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import Lock, LockedPackage

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_pixipack.backend.protocol import Output
    from pytest_pixipack.engine.assemble import Assembler
    from pytest_pixipack.engine.channels import ChannelTable
    from pytest_pixipack.manifest import Manifest, Platform
    from pytest_pixipack.verify import Report
    from pytest_pixipack.verify.subject import Place

# After these, what is locked is not even preferred.
_DISTRUST = frozenset({"lock-options", "lock-exclude-newer", "lock-platform-definition"})


@dataclass(frozen=True, slots=True)
class Earlier:
    """A lock that is brought up to date.

    `places` has the locked packages of each pair of an environment and a platform's name,
    `outdated` the pairs that have to be solved, `distrusted` the environments of which nothing is
    kept; `superfluous` says that there are environments that the manifest no longer has.
    """

    lock: Lock
    places: Mapping[tuple[str, str], tuple[LockedPackage, ...]]
    outdated: frozenset[tuple[str, str]]
    distrusted: frozenset[str] = field(default_factory=frozenset)
    superfluous: bool = False

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        return not self.outdated and not self.superfluous and self.lock.version >= 7

    def fits(self, members: Iterable[str], platform: Platform) -> bool:
        """Whether environments that are solved together stay as they are on a platform."""
        if self.lock.version < 7:
            return False
        pairs = [(member, platform.name) for member in members]
        return all(p in self.places and p not in self.outdated for p in pairs) and not (
            len(pairs) > 1 and _inconsistent(self.places[pair] for pair in pairs)
        )

    def packages(self, environment: str, platform: Platform) -> tuple[LockedPackage, ...]:
        """What is locked for an environment on a platform that `fits`."""
        return self.places[environment, platform.name]

    def kept(self, members: Sequence[str], platform: Platform) -> Kept | None:
        """What the solver is told of the lock, None where none of it can be trusted."""
        if any(member in self.distrusted for member in members):
            return None
        found = [p for name in members for p in self.places.get((name, platform.name), ())]
        return kept_of(self.lock, found) if found else None


def is_in(lock: Lock, path: Path) -> bool:
    """Whether a file holds a lock that an engine returned, so that there is nothing to write.

    One that is up to date is left as it is, whatever its form.
    """
    text = lock.to_text() if lock.text is None else lock.text
    return path.is_file() and path.read_bytes() == text.encode()


def earlier_lock(
    manifest: Manifest, lock: Lock, table: ChannelTable, assembler: Assembler
) -> Earlier:
    """Compares a lock with the manifest, backends included. Raises as `check_lock` does."""
    from pytest_pixipack.verify import check_lock
    from pytest_pixipack.verify.places import places
    from pytest_pixipack.verify.subject import Subject

    all_places = places(Subject(manifest=manifest, lock=lock))
    metadata, failed = _metadata(manifest, lock, all_places, table, assembler)
    report = check_lock(manifest, lock, metadata=metadata)
    locked = {
        (place.environment, place.platform.name): lock.environments[place.environment].packages.get(
            place.locked.name, ()
        )
        for place in all_places
        if place.locked is not None
    }
    wanted = {
        (name, platform.name)
        for name in manifest.environment_names()
        for platform in manifest.platforms(name)
    }
    outdated = failed | (wanted - set(locked)) | _outdated(report, wanted)
    return Earlier(
        lock,
        locked,
        frozenset(outdated),
        frozenset(_distrusted(report, manifest, lock, table)),
        superfluous=bool(set(lock.environments) - set(manifest.environment_names())),
    )


def kept_of(lock: Lock, packages: Iterable[LockedPackage]) -> Kept:
    """Packages of a lock as the solver takes them; of several versions the highest one counts."""
    binaries: dict[str, PackageFacts] = {}
    sources: dict[str, LockedPackage] = {}
    queue = list(packages)
    for package in queue:
        if package.kind == "binary":
            facts = replace(package.facts, url=package.location)
            known = binaries.get(package.name)
            if known is None or _is_higher(facts, known):
                binaries[package.name] = facts
        elif package.is_source and package.identifier not in sources:
            sources[package.identifier] = package
            names = (*package.build_packages, *package.host_packages)
            queue += [each for each in map(lock.package, names) if each.is_source]
    environments: dict[tuple[str, object, str], tuple[PackageFacts, ...]] = {}
    pins: dict[str, tuple[str, ...]] = {}
    build_pins: dict[str, tuple[str, ...]] = {}
    for package in sorted(sources.values(), key=lambda each: (each.location, each.identifier)):
        for kind in ("build", "host"):
            members = package.build_packages if kind == "build" else package.host_packages
            key = package.name, location_key(package.location), kind
            environments.setdefault(key, tuple(_binaries(lock, members)))
        pins[package.name] = (*pins.get(package.name, ()), package.location)
        pin = _build_pin(package)
        if pin is not None:
            build_pins[package.name] = (*build_pins.get(package.name, ()), pin.text)
    return Kept(tuple(binaries.values()), environments, pins, build_pins)


def _binaries(lock: Lock, identifiers: Iterable[str]) -> Iterator[PackageFacts]:
    for package in map(lock.package, identifiers):
        if package.kind == "binary":
            yield replace(package.facts, url=package.location)


def _build_pin(package: LockedPackage) -> Pin | None:
    """The commit of sources that lie elsewhere."""
    words = package.source.source if package.source else None
    if not words or "git" not in words:
        return None
    kind = next((k for k in ("branch", "tag") if k in words), None)
    name = words[kind] if kind else None
    if words.get("explicit_rev"):
        kind, name = "rev", words["rev"]
    return GitPin(words["git"], words["rev"], kind, name, words.get("subdir") or "")


def _is_higher(one: PackageFacts, other: PackageFacts) -> bool:
    import rattler

    return bool(rattler.Version(one.version or "0") > rattler.Version(other.version or "0"))


def _inconsistent(environments: Iterable[tuple[LockedPackage, ...]]) -> bool:
    """Whether environments that share versions have different packages of one name."""
    found: dict[str, str] = {}
    return any(
        found.setdefault(package.name, package.location) != package.location
        for packages in environments
        for package in packages
    )


def _outdated(report: Report, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    # pixi 0.77 does not notice that a package's source run dependency lies elsewhere now, even
    # where that place is gone; the rule calls it a warning, and here it is solved anew.
    errors = [
        finding
        for finding in report.findings
        if finding.severity == "error" or finding.rule == "lock-source-location"
    ]
    return {
        (environment, platform)
        for environment, platform in wanted
        for finding in errors
        if finding.environment in (None, environment) and finding.platform in (None, platform)
    }


def _distrusted(
    report: Report, manifest: Manifest, lock: Lock, table: ChannelTable
) -> Iterator[str]:
    names = set(manifest.environment_names()) & set(lock.environments)
    for name in names:
        urls = [table.resolve(channel).url.rstrip("/") for channel in manifest.channels(name)]
        locked = [channel.url.rstrip("/") for channel in lock.environments[name].channels]
        # Channels behind the others bring nothing that would go before what is locked.
        if urls[: len(locked)] != locked:
            yield name
    for finding in report.findings:
        if finding.severity == "error" and finding.rule in _DISTRUST:
            yield from names if finding.environment is None else (finding.environment,)


def _metadata(
    manifest: Manifest,
    lock: Lock,
    all_places: Iterable[Place],
    table: ChannelTable,
    assembler: Assembler,
) -> tuple[dict[tuple[Path, str], tuple[Output, ...]], set[tuple[str, str]]]:
    """What backends say of the locked path sources, and where one could not be asked."""
    from pytest_pixipack.engine.targets import target_for
    from pytest_pixipack.verify.locations import source_directory

    found: dict[tuple[Path, str], tuple[Output, ...]] = {}
    failed: set[tuple[str, str]] = set()
    for place in all_places:
        if place.locked is None:
            continue
        packages = lock.environments[place.environment].packages.get(place.locked.name, ())
        for package in _with_built(lock, packages):
            directory = source_directory(manifest.root, package.location)
            if directory is None or not directory.is_dir():
                continue
            try:
                target = target_for(manifest, place.environment, place.platform, table)
                source = assembler.source_package(package.location)
                found[directory, target.subdir] = assembler.outputs(source, target)
            except PixipackError:  # solving will meet it again, and say it better
                failed.add((place.environment, place.platform.name))
    return found, failed


def _with_built(lock: Lock, packages: Iterable[LockedPackage]) -> Iterator[LockedPackage]:
    """The source packages, and those that they are built with."""
    seen: set[str] = set()
    queue = [package for package in packages if package.is_source]
    for package in queue:
        if package.identifier not in seen:
            seen.add(package.identifier)
            yield package
            names = (*package.build_packages, *package.host_packages)
            queue += [each for each in map(lock.package, names) if each.is_source]
