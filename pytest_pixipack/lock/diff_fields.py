"""What differs between two entries for one package, field by field.

A field is payload where what gets installed is not the same. A file that comes from another place
with the same digest is the same file; the hash in a source package's identifier names the record,
not the package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_pixipack.lock.diff_model import DifferenceKind
from pytest_pixipack.lock.model import LockedPackage, LockedSource

# Lists whose order carries no meaning.
_UNORDERED = ("depends", "constrains", "track_features", "flags", "purls")
_PAYLOAD = (
    "kind", "version", "build", "build_number", "subdir", "noarch", "features",
    "python_site_packages_path",
)  # fmt: skip
_METADATA = ("license", "license_family", "size", "timestamp", "channel")
_DIGESTS = ("sha256", "md5")


class FieldChange(NamedTuple):
    """One field that differs; None where a side lacks it."""

    field: str
    left: Any
    right: Any
    kind: DifferenceKind


def field_changes(
    left: LockedPackage, right: LockedPackage, *, same_format: bool = True
) -> tuple[FieldChange, ...]:
    """All fields that differ. Without `same_format`, the locks are of different versions.

    Then identifiers are not compared, which the versions make in different ways, and what only one
    of two source records says is metadata, for version 6 and 7 know different things of them.
    """
    found = [
        *_location(left, right, same_format),
        *_plain(left, right),
        *_digests(left, right),
        *_all_lists(left, right),
        *_mappings(left, right),
    ]
    if not same_format and left.kind == right.kind == "source":
        found = [
            each._replace(kind="metadata") if not each.left or not each.right else each
            for each in found
        ]
    return tuple(found)


def list_change(field: str, left: Any, right: Any, kind: DifferenceKind) -> Iterator[FieldChange]:
    """The difference of two lists whose order carries no meaning; None is no list."""
    if left == right:
        return
    same = left is not None and right is not None and _counted(left) == _counted(right)
    sides = (None if left is None else list(left), None if right is None else list(right))
    yield FieldChange(field, *sides, "order-only" if same else kind)


def _counted(values: Any) -> list[str]:
    return sorted(each if isinstance(each, str) else json.dumps(each) for each in values)


def _location(
    left: LockedPackage, right: LockedPackage, same_format: bool
) -> Iterator[FieldChange]:
    same = _same_file(left, right)
    if left.location != right.location:
        kind: DifferenceKind = "metadata" if same else "payload"
        yield FieldChange("location", left.location, right.location, kind)
    elif same_format and left.identifier_hash != right.identifier_hash:
        sides = (left.identifier_hash, right.identifier_hash)
        yield FieldChange("source identifier", *sides, "metadata")
    old, new = left.facts.file_name, right.facts.file_name
    if old != new and left.kind == right.kind == "binary":
        yield FieldChange("file_name", old, new, "metadata" if same else "payload")
    if left.facts.name != right.facts.name:  # PyPI names that mean the same
        yield FieldChange("name", left.facts.name, right.facts.name, "metadata")


def _same_file(left: LockedPackage, right: LockedPackage) -> bool:
    """Whether digests say that two places hold the same file."""
    pairs = [(getattr(left.facts, name), getattr(right.facts, name)) for name in _DIGESTS]
    known = [old == new for old, new in pairs if old is not None and new is not None]
    return bool(known) and all(known)


def _plain(left: LockedPackage, right: LockedPackage) -> Iterator[FieldChange]:
    fields: tuple[tuple[tuple[str, ...], DifferenceKind], ...] = (
        (_PAYLOAD, "payload"),
        (_METADATA, "metadata"),
    )
    for names, kind in fields:
        for field in names:
            old, new = getattr(left.facts, field), getattr(right.facts, field)
            if old != new:
                yield FieldChange(field, old, new, kind)


def _digests(left: LockedPackage, right: LockedPackage) -> Iterator[FieldChange]:
    """A digest that only one lock knows says nothing about the other's file."""
    for field in _DIGESTS:
        old, new = getattr(left.facts, field), getattr(right.facts, field)
        if old != new:
            yield FieldChange(field, old, new, "metadata" if None in (old, new) else "payload")


def _all_lists(left: LockedPackage, right: LockedPackage) -> Iterator[FieldChange]:
    for field in _UNORDERED:
        kind: DifferenceKind = "metadata" if field == "purls" else "payload"
        sides = (getattr(left.facts, field), getattr(right.facts, field))
        yield from list_change(field, *sides, kind)
    old, new = _tables(left, right), _tables(right, left)
    for field in sorted({*old, *new}):
        yield from list_change(field, old.get(field), new.get(field), "payload")
    if (left.run_exports is None) != (right.run_exports is None):
        # None: not known. That only one lock knows them says nothing about the package.
        old_exports, new_exports = (
            None if each.run_exports is None else each.run_exports.to_json()
            for each in (left, right)
        )
        yield FieldChange("run_exports", old_exports, new_exports, "metadata")


def _tables(package: LockedPackage, other: LockedPackage) -> dict[str, tuple[str, ...]]:
    lists = {f"extra_depends.{name}": specs for name, specs in package.extra_depends.items()}
    if package.run_exports is not None and other.run_exports is not None:
        exports = package.run_exports.to_json()
        lists.update({f"run_exports.{kind}": tuple(specs) for kind, specs in exports.items()})
    if package.pypi is not None and package.pypi.requires_dist:
        lists["requires_dist"] = package.pypi.requires_dist
    return lists


def _mappings(left: LockedPackage, right: LockedPackage) -> Iterator[FieldChange]:
    first, second = left.source, right.source
    python = (left.pypi and left.pypi.requires_python, right.pypi and right.pypi.requires_python)
    rows: tuple[tuple[str, Any, Any, DifferenceKind], ...] = (
        ("variants", dict(left.variants), dict(right.variants), "payload"),
        ("source", first and first.source, second and second.source, "payload"),
        ("source_depends", _places(first), _places(second), "payload"),
        ("index", left.pypi and left.pypi.index, right.pypi and right.pypi.index, "metadata"),
        ("requires_python", *python, "payload"),
        ("extra", dict(left.extra), dict(right.extra), "metadata"),
    )
    for field, old, new, kind in rows:
        if (old or None) != (new or None):
            yield FieldChange(field, old or None, new or None, kind)


def _places(source: LockedSource | None) -> Mapping[str, Any] | None:
    return None if source is None else source.source_depends
