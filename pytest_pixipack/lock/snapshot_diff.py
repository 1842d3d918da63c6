"""What differs between two snapshots, told as the difference of two locks is.

Markers are compared by which places they have in common, not by their numbers: a package more or
less changes the numbers of all that follow.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.lock.diff_classify import classify
from pytest_pixipack.lock.diff_model import LockChange, LockDiff, PackageChange, Side
from pytest_pixipack.lock.marks import aligned
from pytest_pixipack.lock.snapshot import LINE_FIELDS, ONLY_FOR_BUILDING
from pytest_pixipack.lock.yaml import load_yaml

_PYPI = " (pypi)"
_METADATA = frozenset({
    "license", "license_family", "size", "timestamp", "channel", "identifier", "purls",
    "legacy_bz2_md5", "legacy_bz2_size", "attestations_sha256", "indexed_timestamp", "index",
})  # fmt: skip
_MOST_LINES = 60


def snapshot_changes(stored: str, now: str, width: int = 80) -> list[str]:
    """Lines that say what the second text says differently; none where both mean the same.

    Both are texts of `snapshot`, or of mappings with `packages` below `environments` or at the top.
    Raises `ValueError` where one is no YAML, or no mapping.
    """
    old, new = _document(stored), _document(now)
    old = aligned(old, new)
    if old == new:
        return []
    lines = diff_documents(old, new).lines(width)
    if not lines:  # what nobody thought of
        texts = stored.splitlines(), now.splitlines()
        lines = list(difflib.unified_diff(*texts, "stored", "now", lineterm="", n=2))
    shown = lines[:_MOST_LINES]
    more = len(lines) - len(shown)
    return [*shown, f"... {more} more lines"] if more else shown


def diff_documents(old: Mapping[str, Any], new: Mapping[str, Any]) -> LockDiff:
    """The difference of two documents whose markers are aligned."""
    walk = _Walk()
    walk.documents(old, new)
    places: dict[str | None, set[str]] = {}
    for document in (old, new):
        for name, environment in _mapping(document, "environments").items():
            places.setdefault(name, set()).update(_mapping(environment, "packages"))
    known = {name: tuple(sorted(platforms)) for name, platforms in places.items()}
    return LockDiff(tuple(walk.changes), tuple(walk.packages), known)


def _document(text: str) -> dict[str, Any]:
    """A snapshot with each package as a mapping. Raises `ValueError` for what is no snapshot."""
    found = dict(_need_mapping(load_yaml(text), "it"))
    if "environments" in found:
        found["environments"] = {
            name: _environment(_need_mapping(each, f"environment {name}"))
            for name, each in _need_mapping(found["environments"], "environments").items()
        }
    for key in ("platforms", "packages"):
        _need_mapping(found.get(key) or {}, key)
    if "packages" in found:
        found["packages"] = _records(found["packages"])
    building = found.get(ONLY_FOR_BUILDING)
    if building is not None:
        if not isinstance(building, list):
            raise ValueError(f"{ONLY_FOR_BUILDING} is no list")
        found[ONLY_FOR_BUILDING] = [_records(each) for each in building]
    return found


def _environment(environment: Mapping[str, Any]) -> dict[str, Any]:
    platforms = _need_mapping(environment.get("packages") or {}, "packages")
    packages = {platform: _records(each) for platform, each in platforms.items()}
    return {**environment, "packages": packages}


def _records(packages: Any) -> dict[str, Any]:
    """Packages by name, each as a mapping."""
    found = _need_mapping(packages or {}, "packages")
    return {name: _record(entry) for name, entry in found.items()}


def _need_mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{what} is no mapping")
    return value


class _Walk:
    """Goes through two documents side by side."""

    def __init__(self) -> None:
        self.changes: list[LockChange] = []
        self.packages: list[PackageChange] = []

    def documents(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """All of them."""
        special = ("environments", "platforms", "packages", ONLY_FOR_BUILDING)
        self._fields(None, None, old, new, special)
        platforms = _mapping(old, "platforms"), _mapping(new, "platforms")
        for name in sorted({*platforms[0], *platforms[1]}):
            first, second = (each.get(name) for each in platforms)
            if first is None or second is None:
                sides = (first if first is None else name, second if second is None else name)
                self._add(None, name, "platform", *sides)
            elif first != second:
                self._add(None, name, "virtual packages", first, second)
        environments = _mapping(old, "environments"), _mapping(new, "environments")
        for name in sorted({*environments[0], *environments[1]}):
            self._environment(name, *(each.get(name) for each in environments))
        self._packages(None, None, _mapping(old, "packages"), _mapping(new, "packages"))
        self._only_for_building(old.get(ONLY_FOR_BUILDING), new.get(ONLY_FOR_BUILDING))

    def _environment(self, name: str, old: Any, new: Any) -> None:
        if old is None or new is None:
            sides = (sorted(_mapping(each, "packages")) for each in (old, new))
            self._add(name, None, "environment", *(
                None if each is None else names
                for each, names in zip((old, new), sides, strict=True)
            ))  # fmt: skip
            return
        self._fields(name, None, old, new, ("packages",))
        first, second = _mapping(old, "packages"), _mapping(new, "packages")
        for platform in sorted({*first, *second}):
            mine, theirs = _mapping(first, platform), _mapping(second, platform)
            if mine and theirs:
                self._packages(name, platform, mine, theirs)
            elif mine or theirs:
                self._add(name, platform, "packages", sorted(mine) or None, sorted(theirs) or None)

    def _only_for_building(self, old: Any, new: Any) -> None:
        """Lists of mappings with one package each, of which several can have one name."""
        left = [each for each in old or [] if each not in (new or [])]
        right = [each for each in new or [] if each not in (old or [])]
        for entry in [*left]:
            other = next((each for each in right if each.keys() == entry.keys()), None)
            left.remove(entry)
            if other is not None:
                right.remove(other)
            self._packages("only for building", None, entry, other or {})
        for entry in right:
            self._packages("only for building", None, {}, entry)

    def _packages(
        self,
        environment: str | None,
        platform: str | None,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
    ) -> None:
        for name in sorted({*old, *new}):
            first, second = old.get(name), new.get(name)
            if first == second:
                continue
            left, right = _side(name, first), _side(name, second)
            changes = tuple(
                LockChange(environment, platform, name, *each, "payload")
                if each[0] not in _METADATA
                else LockChange(environment, platform, name, *each, "metadata")
                for each in _package_fields(first, second)
            )
            what = classify(left, right, [(each.field, each.kind) for each in changes])
            self.changes += changes
            self.packages.append(
                PackageChange(environment, platform, (), name, what, left, right, changes)
            )

    def _fields(
        self,
        environment: str | None,
        platform: str | None,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        ignore: tuple[str, ...],
    ) -> None:
        for field in sorted({*old, *new} - {*ignore}):
            if old.get(field) != new.get(field):
                self._add(environment, platform, field, old.get(field), new.get(field))

    def _add(self, environment: str | None, platform: str | None, field: str, *sides: Any) -> None:
        left, right = sides
        self.changes.append(LockChange(environment, platform, None, field, left, right, "payload"))


def _package_fields(old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if old is None or new is None:
        yield "package", old, new
        return
    first, second = _record(old), _record(new)
    for field in sorted({*first, *second}):
        if first.get(field) != second.get(field):
            yield field, first.get(field), second.get(field)


def _record(entry: Any) -> dict[str, Any]:
    """The fields of a package, also of one that is written in one line."""
    if isinstance(entry, Mapping):
        return dict(entry)
    words = str(entry).split()
    if len(words) in (len(LINE_FIELDS), len(LINE_FIELDS) - 1):
        return dict(zip(LINE_FIELDS, words, strict=False))
    return {"entry": str(entry)}


def _side(name: str, entry: Any) -> Side | None:
    if entry is None:
        return None
    record = _record(entry)
    kind = "pypi" if name.endswith(_PYPI) else str(record.get("kind", "binary"))
    identifier = str(record.get("identifier", ""))
    return Side(
        kind=kind,
        version=_text(record.get("version") or record.get("entry")),
        build=_text(record.get("build")),
        channel=_text(record.get("channel")),
        location=_text(record.get("location")) or identifier.rpartition(" @ ")[2] or None,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    """A mapping in a mapping; empty where there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
