"""Differences between two locks, in the words of `compare`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.lock import Lock, LockChange, diff_locks

_CAUSES: Mapping[str, str] = {
    "depends": "dependency-change",
    "constrains": "dependency-change",
    "requires_dist": "dependency-change",
    "package": "dependency-change",
    "packages": "dependency-change",
    "version": "version-change",
    "build": "build-string",
    "build_number": "build-string",
    "timestamp": "timestamp",
    "sha256": "content",
    "md5": "content",
    "source identifier": "source-identifier",
}
_TABLES = ("extra_depends.", "run_exports.")


def compare_locks(left: Lock, right: Lock) -> Comparison:
    """Compares two locks by what they say; hashes of source identifiers are metadata."""
    name = Path(left.file).name if left.file else "pixi.lock"
    return Comparison.of(_difference(name, each, left, right) for each in diff_locks(left, right))


def _difference(name: str, change: LockChange, left: Lock, right: Lock) -> Difference:
    places = (change.environment, change.platform, change.package)
    where = (name, *(each for each in places if each is not None))
    sides: tuple[Any, Any] = (_plain(change.left), _plain(change.right))
    return Difference(where, change.field, change.kind, *sides, _cause(change, left, right))


def _cause(change: LockChange, left: Lock, right: Lock) -> str:
    if change.kind == "order-only":
        return "member-order"
    if change.field == "notation":
        return "line-endings" if _unix(left) == _unix(right) else "json-format"
    if change.field.startswith(_TABLES):
        return "dependency-change"
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
