"""Which checks a workspace gets, and what they are called. Knows nothing of pytest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_pixipack.engine.locking import platform_of
from pytest_pixipack.lock import Lock, LockedPackage
from pytest_pixipack.manifest import Manifest
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.plugin.options import REPRODUCE, Settings


@dataclass(frozen=True, slots=True)
class Place:
    """An environment on a platform; `platform` is the manifest's name for it."""

    environment: str
    platform: str
    subdir: str


@dataclass(frozen=True, slots=True)
class Check:
    """One item: `name` is unique in its workspace, `places` are all that it speaks for.

    `package` and `identifier` say what is built, `toolchain` what is compared with the first
    toolchain. The check runs in the first place.
    """

    kind: str
    name: str
    places: tuple[Place, ...]
    package: str | None = None
    identifier: str | None = None
    toolchain: str | None = None

    @property
    def place(self) -> Place:
        """Where it runs."""
        return self.places[0]


def plan(manifest: Manifest, lock: Lock | None, settings: Settings) -> tuple[Check, ...]:
    """All checks of one workspace in the order in which they depend on each other.

    Which kinds were asked for does not matter here: one kind needs what another one makes.
    Without a readable lock nothing is known of the packages, so that no builds are planned.
    """
    places = chosen_places(manifest, settings)
    checks = [
        *(_of_place("lock", place) for place in places),
        *_builds(manifest, lock, places),
        *(_of_place("pack", place) for place in places),
        *(_of_place("unpack", place) for place in places if is_installable(place)),
        *_reproductions(places, settings),
        *_toolchains(places, settings),
    ]
    return tuple(_unique(checks))


def chosen_places(manifest: Manifest, settings: Settings) -> tuple[Place, ...]:
    """The environments and platforms of a workspace that the options leave."""
    return tuple(
        Place(environment, platform.name, platform.subdir)
        for environment in manifest.environment_names()
        for platform in manifest.platforms(environment)
        if (not settings.environments or environment in settings.environments)
        and (not settings.platforms or {platform.name, platform.subdir} & {*settings.platforms})
    )


def is_installable(place: Place) -> bool:
    """Whether this machine can run what is packed for a place."""
    return place.subdir == current_platform()


def packages_of(manifest: Manifest, lock: Lock, place: Place) -> tuple[LockedPackage, ...]:
    """What is locked for a place; nothing where the lock does not know it."""
    environment = lock.environments.get(place.environment)
    name = manifest.lock_platform_names().get(place.platform)
    if environment is None or name is None:
        return ()
    return tuple(environment.packages.get(name, ()))


def engine_reaches(manifest: Manifest, lock: Lock, place: Place) -> bool:
    """Whether the engine, told the subdir, works on this platform and not on a namesake."""
    platform, _ = platform_of(manifest, lock, place.environment, place.subdir)
    return platform.name == manifest.lock_platform_names().get(place.platform)


def builds_of(checks: Iterable[Check], place: Place) -> tuple[Check, ...]:
    """The builds that a pack of a place needs."""
    return tuple(check for check in checks if check.kind == "build" and place in check.places)


def lock_path(manifest: Manifest) -> Path:
    """Where the committed lock is."""
    return manifest.root / "pixi.lock"


def _of_place(kind: str, place: Place) -> Check:
    return Check(kind, f"{kind}[{place.environment}-{place.platform}]", (place,))


def _reproductions(places: Sequence[Place], settings: Settings) -> Iterator[Check]:
    """One for each place, where that was asked for; nothing else depends on them."""
    if REPRODUCE in settings.checks:
        yield from (_of_place(REPRODUCE, place) for place in places)


def _toolchains(places: Sequence[Place], settings: Settings) -> Iterator[Check]:
    """One for each toolchain but the first, which the others are compared with."""
    for name, _ in settings.toolchains[1:]:
        for place in filter(is_installable, places):
            label = f"{name}-{place.environment}-{place.platform}"
            yield Check("toolchain", f"toolchain[{label}]", (place,), toolchain=name)


def _builds(manifest: Manifest, lock: Lock | None, places: Sequence[Place]) -> Iterator[Check]:
    """One build for each source package and platform, whichever environments use it."""
    if lock is None:
        return
    found: dict[tuple[str, str], list[Place]] = {}
    packages: dict[str, LockedPackage] = {}
    for place in places:
        for package in packages_of(manifest, lock, place):
            if package.is_source:
                packages[package.identifier] = package
                found.setdefault((place.platform, package.identifier), []).append(place)
    labels = Counter((packages[i].name, platform) for platform, i in found)
    for (platform, identifier), users in found.items():
        package = packages[identifier]
        several = labels[package.name, platform] > 1
        variant = _variant(package) if several else ""
        name = f"build[{package.name}{variant}-{platform}]"
        yield Check("build", name, tuple(users), package.name, identifier)


def _variant(package: LockedPackage) -> str:
    """What tells one variant of a package from another; brackets and colons would break an id."""
    known = {k: v for k, v in sorted(package.variants.items()) if k != "target_platform"}
    text = ",".join(f"{key}={value}" for key, value in known.items())
    return f"-{text}".translate({ord(c): "_" for c in "[]: "}) if text else ""


def _unique(checks: Iterable[Check]) -> list[Check]:
    """The same checks; the second of a name is called `...~2]`."""
    seen: Counter[str] = Counter()
    result = []
    for check in checks:
        seen[check.name] += 1
        number = seen[check.name]
        name = check.name if number == 1 else f"{check.name[:-1]}~{number}]"
        result.append(replace(check, name=name))
    return result
