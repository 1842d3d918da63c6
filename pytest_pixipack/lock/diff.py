"""What differs between two locks, in terms of what a user gets.

Packages are matched by name within an environment and platform, also a conda package with one of
PyPI that took its place. Locks of different versions of the format are compared by what both can
say. Lists whose order carries no meaning are compared as sets first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_pixipack.lock.diff_classify import classify
from pytest_pixipack.lock.diff_fields import FieldChange, field_changes, list_change
from pytest_pixipack.lock.diff_model import (
    DifferenceKind,
    LockChange,
    LockDiff,
    PackageChange,
    Side,
)
from pytest_pixipack.lock.diff_notation import notation_changes
from pytest_pixipack.lock.model import Lock, LockedPackage, LockEnvironment

__all__ = ["DifferenceKind", "LockChange", "LockDiff", "PackageChange", "diff", "diff_locks"]

# The first version that knows virtual packages, build environments and partial source records.
_RICH = 7
# How much of the way to a package in nested build environments is kept: names and roles.
_DEEPEST = 6
_Pair = tuple[LockedPackage | None, LockedPackage | None]


def diff_locks(left: Lock, right: Lock) -> list[LockChange]:
    """All differences, empty where the two locks say the same in the same order.

    Locks that only differ in the order of their entries, in comments or in white space have one
    difference of the kind `order-only`, or `metadata`.
    """
    return list(diff(left, right).changes)


def diff(left: Lock, right: Lock) -> LockDiff:
    """All differences, and what they mean for each package."""
    walk = _Walk(left, right)
    walk.lock()
    walk.changes += notation_changes(left, right, walk.changes)
    return LockDiff(tuple(walk.changes), tuple(walk.packages), _places(left, right))


def _side(package: LockedPackage | None) -> Side | None:
    """What people want to see of a package."""
    if package is None:
        return None
    return Side(
        kind=package.kind,
        version=package.version,
        build=package.build or None,
        channel=package.channel,
        location=package.location,
    )


def _places(left: Lock, right: Lock) -> dict[str | None, tuple[str, ...]]:
    found: dict[str | None, set[str]] = {}
    for lock in (left, right):
        for name, environment in lock.environments.items():
            found.setdefault(name, set()).update(environment.packages)
    return {name: tuple(sorted(platforms)) for name, platforms in found.items()}


class _Walk:
    """Goes through two locks side by side and collects what differs."""

    def __init__(self, left: Lock, right: Lock) -> None:
        self.left, self.right = left, right
        self.old = {package.identifier: package for package in left.packages}
        self.new = {package.identifier: package for package in right.packages}
        self.same_format = (left.version >= _RICH) == (right.version >= _RICH)
        self.changes: list[LockChange] = []
        self.packages: list[PackageChange] = []
        self._fields: dict[tuple[str, ...], tuple[FieldChange, ...]] = {}

    def lock(self) -> None:
        """The whole locks."""
        if not self.same_format:
            self._add("version", self.left.version, self.right.version, "metadata")
        self._platforms()
        self._extra(None, None, self.left.extra, self.right.extra)
        for name in sorted({*self.left.environments, *self.right.environments}):
            old, new = self.left.environments.get(name), self.right.environments.get(name)
            if old is None or new is None:
                sides = (_names(old), _names(new))
                self._add("environment", *sides, "payload", name)
            else:
                self._environment(name, old, new)

    def _add(
        self,
        field: str,
        left: Any,
        right: Any,
        kind: DifferenceKind,
        environment: str | None = None,
        platform: str | None = None,
    ) -> None:
        self.changes.append(LockChange(environment, platform, None, field, left, right, kind))

    def _extra(
        self,
        environment: str | None,
        platform: str | None,
        left: Mapping[str, Any],
        right: Mapping[str, Any],
    ) -> None:
        """Keys that nobody knows."""
        if left != right:
            sides = (dict(left) or None, dict(right) or None)
            self._add("extra", *sides, "metadata", environment, platform)

    # Platforms and environments ---------------------------------------------------------------

    def _platforms(self) -> None:
        left = {platform.name: platform for platform in self.left.platforms}
        right = {platform.name: platform for platform in self.right.platforms}
        for name in sorted({*left, *right}):
            old, new = left.get(name), right.get(name)
            if old is None or new is None:
                sides = (old and old.subdir, new and new.subdir)
                self._add("platform", *sides, "payload", None, name)
                continue
            if old.subdir != new.subdir:
                self._add("subdir", old.subdir, new.subdir, "payload", None, name)
            if self._both_say(old.virtual_packages, new.virtual_packages):
                for each in list_change(
                    "virtual packages", old.virtual_packages, new.virtual_packages, "payload"
                ):
                    self._add(*each, None, name)
            self._extra(None, name, old.extra, new.extra)

    def _both_say(self, left: Any, right: Any) -> bool:
        """False for what only the newer of two formats can say."""
        return self.same_format or bool(left if self.left.version < self.right.version else right)

    def _environment(self, name: str, left: LockEnvironment, right: LockEnvironment) -> None:
        urls = ([channel.url for channel in each.channels] for each in (left, right))
        rows: tuple[tuple[str, DifferenceKind, Iterable[Any]], ...] = (
            ("channels", "payload", urls),
            ("used_env_vars", "metadata", (_variables(left), _variables(right))),
            ("indexes", "payload", (left.indexes, right.indexes)),
            ("find-links", "payload", (left.find_links or None, right.find_links or None)),
            ("strategy", "payload", _each("strategy", left, right)),
            ("channel-priority", "payload", _each("channel_priority", left, right)),
            ("pypi-prerelease-mode", "payload", _each("pypi_prerelease_mode", left, right)),
            ("options", "metadata", _each("extra", left, right)),
        )
        for field, kind, (old, new) in rows:
            if old != new:
                self._add(field, old, new, kind, name)
        self._extra(name, None, left.extra, right.extra)
        for platform in sorted({*left.packages, *right.packages}):
            first, second = left.packages.get(platform), right.packages.get(platform)
            if first and second:
                self._pairs(name, platform, first, second)
            elif first or second:
                sides = (_dists(first), _dists(second))
                self._add("packages", *sides, "payload", name, platform)

    # Packages ---------------------------------------------------------------------------------

    def _pairs(
        self,
        environment: str,
        platform: str,
        left: Iterable[LockedPackage],
        right: Iterable[LockedPackage],
    ) -> None:
        """The packages of an environment, and those that they are built with."""
        waiting: list[tuple[tuple[str, ...], Iterable[LockedPackage], Iterable[LockedPackage]]]
        waiting = [((), left, right)]
        seen: set[tuple[str, str]] = set()
        while waiting:
            inside, lefts, rights = waiting.pop()
            for old, new in pair_packages(lefts, rights):
                name = (old or new).name  # type: ignore[union-attr]
                self._package(environment, platform, inside, name, old, new)
                if old is None or new is None or (old.identifier, new.identifier) in seen:
                    continue
                seen.add((old.identifier, new.identifier))
                waiting += self._built_with((*inside[-_DEEPEST:], name), old, new)

    def _built_with(
        self, path: tuple[str, ...], left: LockedPackage, right: LockedPackage
    ) -> Iterator[tuple[tuple[str, ...], list[LockedPackage], list[LockedPackage]]]:
        for role in ("host", "build"):
            first = _references(left, role, self.old)
            second = _references(right, role, self.new)
            if self._both_say(first, second):
                yield (*path, role), first, second

    def _package(
        self,
        environment: str,
        platform: str,
        inside: tuple[str, ...],
        name: str,
        left: LockedPackage | None,
        right: LockedPackage | None,
    ) -> None:
        if left is not None and right is not None:
            fields = self._compared(left, right)
            if not fields:
                return
        else:
            sides = (left and _describe(left), right and _describe(right))
            fields = (FieldChange("package", *sides, "payload"),)
        path = " > ".join((*inside, name))
        changes = tuple(LockChange(environment, platform, path, *each) for each in fields)
        old, new = _side(left), _side(right)
        what = classify(old, new, [(each.field, each.kind) for each in fields])
        self.changes += changes
        self.packages.append(
            PackageChange(environment, platform, inside, name, what, old, new, changes)
        )

    def _compared(self, left: LockedPackage, right: LockedPackage) -> tuple[FieldChange, ...]:
        # Most packages occur in several environments.
        key = (left.kind, left.identifier, right.kind, right.identifier)
        if key not in self._fields:
            self._fields[key] = field_changes(left, right, same_format=self.same_format)
        return self._fields[key]


def pair_packages(left: Iterable[LockedPackage], right: Iterable[LockedPackage]) -> Iterator[_Pair]:
    """The packages of two lists, matched by name; None where a side has no match.

    Of several with one name, those with the same identifier belong together. A conda package and
    one of PyPI only do where neither has another match.
    """
    old, new = _by_name(left), _by_name(right)
    for name in sorted({*old, *new}):
        lefts, rights = old.get(name, []), new.get(name, [])
        for matches in (_is_same, _is_alike, _took_its_place):
            for package in [*lefts]:
                other = next((each for each in rights if matches(package, each)), None)
                if other is not None:
                    lefts.remove(package)
                    rights.remove(other)
                    yield package, other
        yield from ((package, None) for package in lefts)
        yield from ((None, package) for package in rights)


def _is_same(left: LockedPackage, right: LockedPackage) -> bool:
    return (left.kind, left.identifier) == (right.kind, right.identifier)


def _is_alike(left: LockedPackage, right: LockedPackage) -> bool:
    if "pypi" in (left.kind, right.kind):
        return left.kind == right.kind
    return left.name == right.name


def _took_its_place(left: LockedPackage, right: LockedPackage) -> bool:
    return (left.kind == "pypi") != (right.kind == "pypi")


def _by_name(packages: Iterable[LockedPackage]) -> dict[str, list[LockedPackage]]:
    """Packages by the name as PyPI compares it (PEP 503)."""
    found: dict[str, list[LockedPackage]] = {}
    for package in sorted(packages, key=lambda each: each.sort_key):
        found.setdefault(re.sub(r"[-_.]+", "-", package.name).lower(), []).append(package)
    return found


def _references(
    package: LockedPackage, role: str, packages: Mapping[str, LockedPackage]
) -> list[LockedPackage]:
    chosen = package.build_packages if role == "build" else package.host_packages
    return [packages[identifier] for identifier in chosen if identifier in packages]


def _each(option: str, *environments: LockEnvironment) -> tuple[Any, ...]:
    return tuple(getattr(environment.options, option) for environment in environments)


def _variables(environment: LockEnvironment) -> list[Any] | None:
    found = [[*channel.used_env_vars, *map(str, channel.extra.items())]
             for channel in environment.channels]  # fmt: skip
    return found if any(found) else None


def _names(environment: LockEnvironment | None) -> list[str] | None:
    return None if environment is None else sorted(environment.packages)


def _dists(packages: Iterable[LockedPackage] | None) -> list[str] | None:
    return [_describe(package) for package in packages] if packages else None


def _describe(package: LockedPackage) -> str:
    if package.version is None:
        return f"{package.name} at {package.location}"
    return package.dist if package.kind != "pypi" else f"{package.name} {package.version}"
