"""Differences between two locks, in the words of `compare`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.lock import Lock, LockChange, LockDiff

_CAUSES: Mapping[str, str] = {
    "depends": "dependency-change",
    "constrains": "dependency-change",
    "requires_dist": "dependency-change",
    "requires_python": "dependency-change",
    "source_depends": "dependency-change",
    "package": "dependency-change",
    "packages": "dependency-change",
    "version": "version-change",
    "build": "build-string",
    "build_number": "build-string",
    "timestamp": "timestamp",
    "sha256": "content",
    "md5": "content",
    "size": "content",
    "source identifier": "source-identifier",
}
_TABLES = ("extra_depends.", "run_exports")
# What follows from another version or another build of a package.
_FOLLOW = frozenset({
    "build", "build_number", "sha256", "md5", "size", "timestamp", "location", "file_name",
})  # fmt: skip
_ROOTS = ("version", "build", "build_number")


def compare_locks(left: Lock, right: Lock) -> Comparison:
    """Compares two locks by what they say; hashes of source identifiers are metadata."""
    return lock_comparison(left, right, left.diff(right))


def lock_comparison(left: Lock, right: Lock, diff: LockDiff) -> Comparison:
    """The differences that `left.diff(right)` found, with their causes."""
    name = Path(left.file).name if left.file else "pixi.lock"
    fields: dict[tuple[str | None, ...], set[str]] = {}
    for each in diff.changes:
        fields.setdefault(_place(each), set()).add(each.field)
    return Comparison.of(
        _difference(name, each, _cause(each, fields[_place(each)], left, right))
        for each in diff.changes
        if not _follows(each, fields[_place(each)])
    )


def _follows(change: LockChange, beside: Collection[str]) -> bool:
    """Whether a package has another channel because it is the same package from another place."""
    same = not any(root in beside for root in (*_ROOTS, "sha256", "md5"))
    return (
        change.field == "channel" and change.package is not None and same and ("location" in beside)
    )


def _place(change: LockChange) -> tuple[str | None, ...]:
    return change.environment, change.platform, change.package


def _difference(name: str, change: LockChange, cause: str) -> Difference:
    where = (name, *(each for each in _place(change) if each is not None))
    sides: tuple[Any, Any] = (_plain(change.left), _plain(change.right))
    return Difference(where, change.field, change.kind, *sides, cause)


def _cause(change: LockChange, beside: Collection[str], left: Lock, right: Lock) -> str:
    """The cause of a change; `beside` are all fields that differ at its place."""
    if change.kind == "order-only":
        return "member-order"
    if change.package is None:
        return _general(change, left, right)
    if change.field in _FOLLOW:
        for root in _ROOTS:
            if root in beside:
                return _CAUSES[root]
    if change.field.startswith(_TABLES):
        return "dependency-change"
    return _CAUSES.get(change.field, "unknown")


def _general(change: LockChange, left: Lock, right: Lock) -> str:
    if change.field == "notation":
        return "line-endings" if _unix(left) == _unix(right) else "json-format"
    if change.field == "version":
        return "tool-version"  # of the lock's format
    return _CAUSES.get(change.field, "unknown")


def _unix(lock: Lock) -> str | None:
    return None if lock.text is None else lock.text.replace("\r\n", "\n")


def _plain(value: Any) -> Any:
    """A value of the model as JSON: what is not JSON is shown as text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
