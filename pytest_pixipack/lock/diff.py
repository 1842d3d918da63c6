"""What differs between two locks, in terms of what a user gets.

Hashes inside the identifiers of source packages are no difference of the package: they change from
one pixi release to the next. Lists whose order carries no meaning are compared as sets first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pixipack.lock.model import Lock, LockedPackage, LockEnvironment
from pytest_pixipack.lock.writer import used_packages

DifferenceKind = Literal["order-only", "metadata", "payload"]

# Lists whose order carries no meaning.
_UNORDERED = ("depends", "constrains", "track_features", "flags", "purls")
_PAYLOAD_FIELDS = (
    "kind", "version", "build", "build_number", "subdir", "noarch", "sha256", "md5", "features",
    "file_name", "python_site_packages_path",
)  # fmt: skip
_METADATA_FIELDS = ("license", "license_family", "size", "timestamp", "channel")


@dataclass(frozen=True, slots=True)
class LockChange:
    """One difference. `environment`, `platform` and `package` are None where it is not inside one.

    `package` is a name, or `app > host > libz` for what only a build environment holds. `left` and
    `right` are None where a side lacks the thing.
    """

    environment: str | None
    platform: str | None
    package: str | None
    field: str
    left: Any
    right: Any
    kind: DifferenceKind

    def __str__(self) -> str:
        """The change in plain words."""
        where = " ".join(
            word for word in (self.environment, self.platform, self.package) if word is not None
        )
        subject = f"{where}: {self.field}" if where else self.field
        if self.kind == "order-only":
            return f"{subject} is in another order"
        if self.left is None:
            return f"{subject} added: {_show(self.right)}"
        if self.right is None:
            return f"{subject} removed: {_show(self.left)}"
        return f"{subject} changed: {_show(self.left)} -> {_show(self.right)}"


def diff_locks(left: Lock, right: Lock) -> list[LockChange]:
    """All differences, empty where the two locks say the same in the same order.

    Locks that only differ in the order of their entries, in comments or in white space have one
    difference of the kind `order-only`, or `metadata`.
    """
    changes = [*_platforms(left, right), *_mapping("extra", left.extra, right.extra)]
    for name in sorted({*left.environments, *right.environments}):
        old, new = left.environments.get(name), right.environments.get(name)
        if old is None or new is None:
            sides = (_names(old), _names(new))
            changes.append(LockChange(name, None, None, "environment", *sides, "payload"))
        else:
            changes.extend(_Environments(left, right, name).changes(old, new))
    return changes or _textual(left, right)


def _textual(left: Lock, right: Lock) -> list[LockChange]:
    first, second = _unused(left), _unused(right)
    if first != second:
        sides = (first or None, second or None)
        return [LockChange(None, None, None, "unused entries", *sides, "metadata")]
    if _order(left) != _order(right):
        sides = (_order(left), _order(right))
        return [LockChange(None, None, None, "order of the entries", *sides, "order-only")]
    if None not in (left.text, right.text) and left.text != right.text:
        versions = (f"version {left.version}", f"version {right.version}")
        return [LockChange(None, None, None, "notation", *versions, "metadata")]
    return []


def _unused(lock: Lock) -> list[str]:
    used = {package.identifier for package in used_packages(lock)}
    return sorted({package.identifier for package in lock.packages} - used)


def _order(lock: Lock) -> list[Any]:
    """Everything whose order a lock file fixes but nobody depends on."""
    return [
        [platform.name for platform in lock.platforms],
        [package.name for package in lock.packages],
        [
            (name, platform, [package.name for package in packages])
            for name, environment in lock.environments.items()
            for platform, packages in environment.packages.items()
        ],
    ]


def _platforms(left: Lock, right: Lock) -> Iterator[LockChange]:
    old = {platform.name: platform for platform in left.platforms}
    new = {platform.name: platform for platform in right.platforms}
    for name in sorted({*old, *new}):
        first, second = old.get(name), new.get(name)
        if first is None or second is None:
            sides = (first and first.subdir, second and second.subdir)
            yield LockChange(None, name, None, "platform", *sides, "payload")
            continue
        if first.subdir != second.subdir:
            yield LockChange(None, name, None, "subdir", first.subdir, second.subdir, "payload")
        yield from _lists(
            (None, name, None), "virtual packages", first.virtual_packages, second.virtual_packages
        )


class _Environments:
    """Compares one environment of two locks."""

    def __init__(self, left: Lock, right: Lock, name: str) -> None:
        self.name = name
        self.left = {package.identifier: package for package in left.packages}
        self.right = {package.identifier: package for package in right.packages}
        self.seen: set[tuple[str, str]] = set()

    def changes(self, left: LockEnvironment, right: LockEnvironment) -> Iterator[LockChange]:
        """The differences, channels and options first."""
        pairs: Iterable[tuple[str, Any, Any]] = (
            ("channels", [c.url for c in left.channels], [c.url for c in right.channels]),
            ("indexes", left.indexes, right.indexes),
            ("find-links", left.find_links or None, right.find_links or None),
            ("options", left.options, right.options),
        )
        for field, old, new in pairs:
            if old != new:
                yield LockChange(self.name, None, None, field, old, new, "payload")
        for platform in sorted({*left.packages, *right.packages}):
            first, second = left.packages.get(platform), right.packages.get(platform)
            if first is None or second is None:
                sides = (_dists(first), _dists(second))
                yield LockChange(self.name, platform, None, "packages", *sides, "payload")
            else:
                yield from self._packages(platform, "", first, second)

    def _packages(
        self,
        platform: str,
        path: str,
        left: Iterable[LockedPackage],
        right: Iterable[LockedPackage],
    ) -> Iterator[LockChange]:
        old = {(package.name, package.kind == "pypi"): package for package in left}
        new = {(package.name, package.kind == "pypi"): package for package in right}
        for key in sorted({*old, *new}):
            first, second = old.get(key), new.get(key)
            name = path + key[0]
            if first is None or second is None:
                sides = (first and _describe(first), second and _describe(second))
                yield LockChange(self.name, platform, name, "package", *sides, "payload")
            elif (first.identifier, second.identifier) not in self.seen:
                self.seen.add((first.identifier, second.identifier))
                yield from self._package(platform, name, first, second)

    def _package(
        self, platform: str, name: str, left: LockedPackage, right: LockedPackage
    ) -> Iterator[LockChange]:
        where = (self.name, platform, name)
        yield from _package_fields(where, left, right)
        for role, old, new in (
            ("build", left.build_packages, right.build_packages),
            ("host", left.host_packages, right.host_packages),
        ):
            yield from self._packages(
                platform,
                f"{name} > {role} > ",
                [self.left[identifier] for identifier in old if identifier in self.left],
                [self.right[identifier] for identifier in new if identifier in self.right],
            )


_Where = tuple[str | None, str | None, str | None]


def _package_fields(
    where: _Where, left: LockedPackage, right: LockedPackage
) -> Iterator[LockChange]:
    if left.location != right.location:
        yield LockChange(*where, "location", left.location, right.location, "payload")
    elif left.identifier_hash != right.identifier_hash:
        sides = (left.identifier_hash, right.identifier_hash)
        yield LockChange(*where, "source identifier", *sides, "metadata")
    for field in _PAYLOAD_FIELDS:
        old, new = getattr(left.facts, field), getattr(right.facts, field)
        if old != new:
            yield LockChange(*where, field, old, new, "payload")
    for field in _METADATA_FIELDS:
        old, new = getattr(left.facts, field), getattr(right.facts, field)
        if old != new:
            yield LockChange(*where, field, old, new, "metadata")
    for field in _UNORDERED:
        yield from _lists(where, field, getattr(left.facts, field), getattr(right.facts, field))
    yield from _mapped_lists(where, left, right)
    for field, old, new in _mappings(left, right):
        if old != new:
            kind: DifferenceKind = "metadata" if field == "extra" else "payload"
            yield LockChange(*where, field, old or None, new or None, kind)


def _mapped_lists(where: _Where, left: LockedPackage, right: LockedPackage) -> Iterator[LockChange]:
    old: dict[str, Any] = {f"extra_depends.{k}": v for k, v in left.extra_depends.items()}
    new: dict[str, Any] = {f"extra_depends.{k}": v for k, v in right.extra_depends.items()}
    for lists, package in ((old, left), (new, right)):
        if package.run_exports is not None:
            exports = package.run_exports.to_json()
            lists.update({f"run_exports.{kind}": tuple(specs) for kind, specs in exports.items()})
        if package.pypi is not None:
            lists["requires_dist"] = package.pypi.requires_dist
    for field in sorted({*old, *new}):
        yield from _lists(where, field, old.get(field), new.get(field))


def _mappings(left: LockedPackage, right: LockedPackage) -> Iterator[tuple[str, Any, Any]]:
    yield "variants", dict(left.variants), dict(right.variants)
    first, second = left.source, right.source
    yield "source", first and first.source, second and second.source
    yield "source_depends", first and first.source_depends, second and second.source_depends
    yield "index", left.pypi and left.pypi.index, right.pypi and right.pypi.index
    python = (left.pypi and left.pypi.requires_python, right.pypi and right.pypi.requires_python)
    yield ("requires_python", *python)
    yield "extra", dict(left.extra), dict(right.extra)


def _lists(
    where: _Where, field: str, left: tuple[str, ...] | None, right: tuple[str, ...] | None
) -> Iterator[LockChange]:
    if left == right:
        return
    same = left is not None and right is not None and sorted(left) == sorted(right)
    metadata: DifferenceKind = "metadata" if field == "purls" else "payload"
    sides = (None if left is None else list(left), None if right is None else list(right))
    yield LockChange(*where, field, *sides, "order-only" if same else metadata)


def _mapping(field: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[LockChange]:
    if left != right:
        yield LockChange(None, None, None, field, left or None, right or None, "metadata")


def _names(environment: LockEnvironment | None) -> list[str] | None:
    return None if environment is None else sorted(environment.packages)


def _dists(packages: Iterable[LockedPackage] | None) -> list[str] | None:
    return None if packages is None else [_describe(package) for package in packages]


def _describe(package: LockedPackage) -> str:
    if package.version is None:
        return f"{package.name} at {package.location}"
    return package.dist if package.kind != "pypi" else f"{package.name} {package.version}"


def _show(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)
