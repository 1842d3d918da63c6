"""Rules about how an environment was locked: environments, channels, platforms, options.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/environment.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from pytest_pixipack.lock import LockedPackage, LockEnvironment
from pytest_pixipack.manifest import Manifest
from pytest_pixipack.manifest.queries import own_features, solved_features
from pytest_pixipack.verify.cutoff import Cutoff, cutoffs
from pytest_pixipack.verify.lock_pypi_options import options_of
from pytest_pixipack.verify.places import (
    aligned_names,
    customised,
    environments,
    places,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Place, Subject

# What the options of a lock are called in a manifest.
_KEYS = {
    "strategy": "solve-strategy",
    "channel-priority": "channel-priority",
    "pypi-prerelease-mode": "prerelease-mode in [pypi-options]",
}
_STRATEGIES = {"lowest": "lowest-version", "lowest-direct": "lowest-version-direct"}


def check_environments(subject: Subject) -> Iterator[Problem]:
    """Manifest and lock have the same environments."""
    assert subject.manifest is not None
    assert subject.lock is not None
    file = str(subject.manifest.path)
    for name in environments(subject):
        if name not in subject.lock.environments:
            yield Problem(
                message=f"The environment {name} is not in the lock.",
                environment=name,
                field="environments",
                expected=name,
                file=file,
                line=_environment_line(subject.manifest, name),
                layers=("manifest", "lock"),
                remedy=f"Run `pixi lock`, or remove {name} from [environments]"
                if name != "default"
                else None,
            )
    if subject.environments is None:
        for name in subject.lock.environments:
            if name not in subject.manifest.environment_names():
                yield Problem(
                    message=f"The lock has the environment {name}, which the manifest has not.",
                    environment=name,
                    field="environments",
                    actual=name,
                    file=subject.lock_file,
                    remedy=f"Run `pixi lock`, or add {name} to [environments] again",
                )


def _array(texts: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def _environment_line(manifest: Manifest, name: str) -> int:
    environment = manifest.environment(name)
    return environment.position.line


def check_channels(subject: Subject) -> Iterator[Problem]:
    """Every environment was locked with the channels of the manifest, in their order."""
    from pytest_pixipack.engine.channels import canonical_url

    for name, locked in _environments(subject):
        assert subject.manifest is not None
        root = subject.manifest.root
        wanted = [canonical_url(channel, root) for channel in subject.manifest.channels(name)]
        found = [canonical_url(channel.url, root) for channel in locked.channels]
        if wanted == found:
            continue
        appended = wanted[: len(found)] == found
        yield Problem(
            message=f"The environment {name} was locked with other channels"
            f"{': some were appended' if appended else ''}.",
            environment=name,
            field="channels",
            expected=wanted,
            actual=found,
            file=str(subject.manifest.path),
            line=_channels_line(subject.manifest, name),
            remedy=_channels_remedy(subject.manifest, name, locked),
        )


def _own_channels(manifest: Manifest, environment: str) -> list[str]:
    """The features with channels of their own that an environment is solved with."""
    workspace = manifest.need_workspace()
    features = solved_features(workspace, manifest.environment(environment))
    return [each.name for each in features if each.channels is not None and each.name != "default"]


def _channels_line(manifest: Manifest, environment: str) -> int:
    for name in _own_channels(manifest, environment):
        return manifest.position("feature", name, "channels").line
    return manifest.position("workspace", "channels").line


def _channels_remedy(manifest: Manifest, environment: str, locked: LockEnvironment) -> str:
    features = _own_channels(manifest, environment)
    if features:
        # Those of a feature come before or between those of the workspace, by their priority.
        return f"Run `pixi lock`, or change the channels of the feature {' and '.join(features)}"
    return f"Run `pixi lock`, or write channels = {_array(c.url for c in locked.channels)}"


def check_platforms(subject: Subject) -> Iterator[Problem]:
    """Every environment is locked for the platforms of the manifest and for no other one."""
    from pytest_pixipack.verify.lock_closure import needs_packages

    manifest, lock = subject.manifest, subject.lock
    assert manifest is not None
    assert lock is not None
    for place in places(subject):
        locked = lock.environments[place.environment].packages
        there = place.locked is not None and place.locked.name in locked
        if not there and needs_packages(subject, place):
            other = _with_other_virtual_packages(subject, place)
            if other is not None:
                yield other
                continue
            yield Problem(
                message=f"The environment {place.environment} is not locked for "
                f"{place.platform.name}.",
                environment=place.environment,
                platform=place.platform.name,
                field="platforms",
                expected=place.platform.name,
                file=str(manifest.path),
                line=manifest.position("workspace", "platforms").line,
                remedy=f"Run `pixi lock`, or remove {place.platform.name} from the platforms",
            )
    aligned = aligned_names(manifest, lock)
    for name, environment in _environments(subject):
        known = manifest.platforms(name)
        covered = {p.name for p in known} | {p.subdir for p in known}
        for key in environment.packages:
            if {aligned[key], lock.platform(key).subdir} & covered or not _asked(subject, key):
                continue
            yield Problem(
                message=f"The environment {name} is locked for {key}, which is not among its "
                "platforms.",
                environment=name,
                platform=key,
                field="platforms",
                actual=key,
                file=subject.lock_file,
                remedy=_platform_remedy(manifest, name, lock.platform(key).subdir),
            )


def _with_other_virtual_packages(subject: Subject, place: Place) -> Problem | None:
    """A problem where the lock has the platform, but as another machine.

    A lock has platforms with virtual packages under names of its own (`p1`), and pixi finds them by
    what they have: with other virtual packages, there is no such platform for it.
    """
    assert subject.manifest is not None
    assert subject.lock is not None
    known = {each.name for each in subject.manifest.need_workspace().platforms}
    aligned = aligned_names(subject.manifest, subject.lock)
    subdir = place.platform.subdir
    gone = [
        platform
        for platform in subject.lock.platforms
        if platform.subdir == subdir
        and aligned[platform.name] not in known
        and platform.name in subject.lock.environments[place.environment].packages
    ]
    if len(gone) != 1:
        return None
    name = place.platform.name
    wanted, found = place.platform.virtual_packages, gone[0].virtual_packages
    return Problem(
        message=f"The environment {place.environment} is locked for {subdir} with other virtual "
        f"packages than {name} has.",
        environment=place.environment,
        platform=name,
        field="virtual-packages",
        expected=sorted({*wanted} - {*found}),
        actual=sorted({*found} - {*wanted}),
        file=str(subject.manifest.path),
        line=subject.manifest.position("workspace", "platforms").line,
        remedy=f"Run `pixi lock`, or give {name} the virtual packages that are locked",
    )


def _platform_remedy(manifest: Manifest, environment: str, subdir: str) -> str:
    workspace = manifest.need_workspace()
    if all(platform.subdir != subdir for platform in workspace.platforms):
        return f"Run `pixi lock`, or add {subdir} to the platforms"
    features = own_features(workspace, manifest.environment(environment))
    limiting = [each.name for each in features if each.platforms is not None]
    which = f"the feature {' and '.join(limiting)}" if limiting else environment
    return f"Run `pixi lock`, or add {subdir} to the platforms of {which}"


def _asked(subject: Subject, name: str) -> bool:
    return subject.subdirs is None or name in subject.subdirs


def check_platform_definition(subject: Subject) -> Iterator[Problem]:
    """A platform of the lock has the subdir and virtual packages that the manifest gives it."""
    assert subject.manifest is not None
    assert subject.lock is not None
    aligned = aligned_names(subject.manifest, subject.lock)
    for place in places(subject):
        locked = place.locked
        if (
            locked is None
            or locked.name not in subject.lock.environments[place.environment].packages
        ):
            continue
        platform = place.platform
        # A row that was found by the bare subdir is not compared.
        if aligned[locked.name] != platform.name:
            continue
        subdir = platform.subdir
        wanted: dict[str, Any] = {
            "subdir": subdir,
            "virtual-packages": list(customised(subdir, platform.virtual_packages)),
        }
        found: dict[str, Any] = {
            "subdir": locked.subdir,
            "virtual-packages": list(customised(subdir, locked.virtual_packages)),
        }
        for key, value in wanted.items():
            if value != found[key]:
                yield Problem(
                    message=f"The platform {platform.name} was locked with another {key}.",
                    environment=place.environment,
                    platform=platform.name,
                    field=key,
                    expected=value,
                    actual=found[key],
                    file=subject.lock_file,
                )


def check_solve_groups(subject: Subject) -> Iterator[Problem]:
    """The environments of a solve group have the same package where they have one of a name.

    Follows outdated.rs (find_inconsistent_solve_groups).
    """
    seen: dict[tuple[str, str, str], tuple[str, LockedPackage]] = {}
    for place in places(subject):
        assert subject.manifest is not None
        assert subject.lock is not None
        group = subject.manifest.environment(place.environment).solve_group
        if group is None or place.locked is None:
            continue
        packages = subject.lock.environments[place.environment].packages
        for package in packages.get(place.locked.name, ()):
            if package.kind == "pypi":
                continue
            key = (group, place.platform.name, package.name)
            first, other = seen.setdefault(key, (place.environment, package))
            if other.location == package.location:
                continue
            yield Problem(
                message=f"{package.name} is not the same in {first} and {place.environment}, which "
                f"are both in the solve group {group}.",
                environment=place.environment,
                platform=place.platform.name,
                package=package.name,
                version=package.version,
                field="solve-group",
                expected=other.location,
                actual=package.location,
                file=subject.lock_file,
                line=subject.line_of(package),
                layers=("lock", "lock"),
            )


def check_options(subject: Subject) -> Iterator[Problem]:
    """Every environment was solved with the options of the manifest."""
    for name, locked in _environments(subject):
        assert subject.manifest is not None
        found = {
            "strategy": locked.options.strategy,
            "channel-priority": locked.options.channel_priority,
            "pypi-prerelease-mode": locked.options.pypi_prerelease_mode,
        }
        for option, expected in _options(subject.manifest, name).items():
            if expected != found[option]:
                yield Problem(
                    message=f"The environment {name} was solved with another {option}.",
                    environment=name,
                    field=option,
                    expected=expected,
                    actual=found[option],
                    file=subject.lock_file,
                    remedy=f"Run `pixi lock`, or set {_KEYS[option]} as it was",
                )


def _options(manifest: Manifest, environment: str) -> dict[str, str]:
    strategy = manifest.solve_strategy(environment)
    return {
        "strategy": _STRATEGIES.get(strategy, "highest"),
        "channel-priority": _priority(manifest.channel_priority(environment)),
        "pypi-prerelease-mode": str(
            options_of(manifest, environment).prerelease_mode or "if-necessary-or-explicit"
        ),
    }


def _priority(priority: str | None) -> str:
    # A lock only tells `disabled` from the rest.
    return "disabled" if priority == "disabled" else "strict"


def check_exclude_newer(subject: Subject) -> Iterator[Problem]:
    """No locked package is newer than `exclude-newer` allows."""
    assert subject.manifest is not None
    assert subject.lock is not None
    aligned = aligned_names(subject.manifest, subject.lock)
    now = datetime.now(timezone.utc)
    for name, locked in _environments(subject):
        limits = cutoffs(subject.manifest, name, now)
        if not limits:
            continue
        seen = set()
        for platform, packages in locked.packages.items():
            for package in packages:
                timestamp = package.timestamp
                if package.kind == "pypi" or timestamp is None or package.identifier in seen:
                    continue
                seen.add(package.identifier)
                limit: Cutoff | None = limits.of(package.name, package.channel)
                if limit is not None and timestamp > limit.milliseconds:
                    yield Problem(
                        message=f"{package.dist} was made at {_time(timestamp)}, which is after "
                        f"the limit {_time(limit.milliseconds)} of exclude-newer.",
                        environment=name,
                        platform=aligned[platform],
                        package=package.name,
                        version=package.version,
                        field="timestamp",
                        expected=f"before {_time(limit.milliseconds)}",
                        actual=_time(timestamp),
                        file=subject.lock_file,
                        line=subject.line_of(package),
                        remedy=f"Run `pixi lock`, or set exclude-newer after {_time(timestamp)}",
                    )


def _time(milliseconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _environments(subject: Subject) -> Iterator[tuple[str, LockEnvironment]]:
    assert subject.lock is not None
    for name in environments(subject):
        if name in subject.lock.environments:
            yield name, subject.lock.environments[name]
