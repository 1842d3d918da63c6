"""Changes of packages that are the same in several environments and platforms, told once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_pixipack.lock.diff_model import (
    WHATS,
    DifferenceKind,
    LockChange,
    LockDiff,
    PackageChange,
    Side,
    What,
    shown,
)

_Place = tuple[str | None, str | None]
# Of a rebuilt package, these are what makes it one; of any package, digests tell people nothing.
_SILENT = frozenset({"sha256", "md5", "size", "file_name", "location", "build", "build_number"})
# Where nothing but the version is to be told: the rest follows from it.
_VERSIONS: tuple[What, ...] = ("upgraded", "downgraded")


@dataclass(frozen=True, slots=True)
class Detail:
    """One field of a changed package: what came and went, or both values."""

    field: str
    text: str
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a package in all the places of a group.

    `left` and `right` are what people see of both sides, None where one has nothing; they are the
    same where only `details` differ. `note` says what the package is only used for.
    """

    what: What
    name: str
    left: str | None
    right: str | None
    note: str = ""
    details: tuple[Detail, ...] = ()
    kind: DifferenceKind = "payload"


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that are the same in `where`, such as `default: all 5 platforms`."""

    where: str
    rows: tuple[Row, ...]


def grouped(diff: LockDiff) -> list[Group]:
    """The changes of packages by where they happen, the most frequent places first."""
    alike: dict[tuple[str, ...], list[PackageChange]] = {}
    for change in diff.packages:
        alike.setdefault(_signature(change), []).append(change)
    rows: dict[frozenset[_Place], list[Row]] = {}
    direct: dict[tuple[str, ...], set[_Place]] = {
        key: _of(changes) for key, changes in alike.items() if key[0] == "direct"
    }
    for key, changes in alike.items():
        places = _of(changes)
        if key[0] == "inside" and places <= direct.get(("direct", *key[1:]), set()):
            continue  # it is the same package that the environment has
        rows.setdefault(frozenset(places), []).append(_row(changes))
    known = diff.places or {}
    ordered = sorted(rows, key=lambda places: (-len(places), _sorted(places)))
    return [
        Group(places_text(places, known), tuple(sorted(rows[places], key=_row_order)))
        for places in ordered
    ]


def places_text(places: Iterable[_Place], known: Mapping[str | None, Sequence[str]]) -> str:
    """Where something is: environments with their platforms, or how many where it is all."""
    of: dict[str | None, set[str]] = {}
    for environment, platform in places:
        of.setdefault(environment, set())
        if platform is not None:
            of[environment].add(platform)
    by_platforms: dict[str, list[str]] = {}
    for environment in sorted(of, key=str):
        by_platforms.setdefault(_platforms(of[environment], known.get(environment, ())), []).append(
            environment or ""
        )
    many = [name for name in known if name is not None]
    texts = []
    for platforms, environments in by_platforms.items():
        names = ", ".join(filter(None, environments))
        if len(environments) > 2 and len(environments) == len(many):
            names = f"all {len(many)} environments"
        texts.append(": ".join(filter(None, (names, platforms))))
    return "; ".join(texts)


def _platforms(chosen: set[str], known: Sequence[str]) -> str:
    if len(chosen) > 1 and chosen == set(known):
        return "both platforms" if len(chosen) == 2 else f"all {len(chosen)} platforms"
    return ", ".join(sorted(chosen))


def _of(changes: Iterable[PackageChange]) -> set[_Place]:
    return {(change.environment, change.platform) for change in changes}


def _sorted(places: Iterable[_Place]) -> list[tuple[str, str]]:
    return sorted((environment or "", platform or "") for environment, platform in places)


def _row_order(row: Row) -> tuple[int, str, str]:
    return WHATS.index(row.what), row.name, row.note


def _signature(change: PackageChange) -> tuple[str, ...]:
    """What has to be the same for two changes to be told as one."""
    left, right = _version(change.left), _version(change.right)
    key = ("inside" if change.inside else "direct", change.what, change.name, left, right)
    if change.what in (*_VERSIONS, "rebuilt"):
        return key
    if change.what in ("metadata", "order"):
        return (*key, *sorted(each.field for each in change.fields))
    if change.what == "changed":
        said = [(each.field, each.left, each.right) for each in change.fields]
        return (*key, json.dumps(said, default=str))
    return (*key, _place(change.left), _place(change.right))


def _version(side: Side | None) -> str:
    return "" if side is None else f"{side.kind} {side.version or side.location}"


def _place(side: Side | None) -> str:
    if side is None or side.kind == "pypi":
        return ""
    return str(side.location if side.kind == "source" else side.channel)


def _row(changes: Sequence[PackageChange]) -> Row:
    first = changes[0]
    left, right = _sides(changes)
    fields = [] if first.what in (*_VERSIONS, "added", "removed") else _fields(changes)
    builders = sorted({each.inside[-2] for each in changes if each.inside})
    note = f"to build {', '.join(builders)}" if builders else ""
    details = tuple(detail_of(each) for each in fields)
    return Row(first.what, first.name, left, right, note, details, first.kind)


def _sides(changes: Sequence[PackageChange]) -> tuple[str | None, str | None]:
    first = changes[0]
    one_build = len({(_build(each.left), _build(each.right)) for each in changes}) == 1
    texts: list[str | None] = []
    for side in (first.left, first.right):
        if side is None:
            texts.append(None)
            continue
        parts = [side.version or f"at {side.location}"]
        if first.what == "replaced":
            parts += [f"({_KINDS.get(side.kind, side.kind)})"]
        elif first.what == "moved":
            parts += [_moved_from(side)]
        elif one_build and side.build and first.what not in (*_VERSIONS, "metadata", "order"):
            parts += [side.build]
        texts.append(" ".join(dict.fromkeys(filter(None, parts))))
    left, right = texts
    if first.what == "rebuilt" and left == right:
        reason = "another file" if one_build else "other builds"
        return left, f"{right}, {reason}"
    return left, right


_KINDS = {"binary": "conda", "source": "source", "pypi": "PyPI"}


def _moved_from(side: Side) -> str:
    if side.kind == "binary":
        return f"from {side.channel or side.location}"
    return f"at {side.location}"


def _build(side: Side | None) -> str | None:
    return None if side is None else side.build


def _fields(changes: Sequence[PackageChange]) -> list[LockChange]:
    """The fields that are worth telling, where they are the same in all places."""
    first = changes[0]
    said = {each.field for each in first.fields}
    # Of what is only metadata or order, everything is told; else what is not told anyway.
    every = first.what in ("metadata", "order") or said <= _SILENT
    found = []
    for each in first.fields:
        if not every and (each.field in _SILENT or each.kind != "payload"):
            continue
        if first.what in ("rebuilt", "moved", "replaced") and each.field not in _DEPENDENCIES:
            continue
        others = [
            (other.left, other.right)
            for change in changes
            for other in change.fields
            if other.field == each.field
        ]
        if all(other == (each.left, each.right) for other in others):
            found.append(each)
        else:
            found.append(LockChange(None, None, None, each.field, None, None, each.kind))
    return found


_DEPENDENCIES = frozenset({"depends", "constrains", "requires_dist", "requires_python"})


def detail_of(change: LockChange) -> Detail:
    """One change in words: lists by what went and what came."""
    if change.kind == "order-only":
        return Detail(change.field, "in another order")
    if change.left is None and change.right is None:
        return Detail(change.field, "differs from place to place")
    if all(each is None or isinstance(each, (list, tuple)) for each in (change.left, change.right)):
        old, new = change.left or [], change.right or []
        gone = [f"- {shown(each)}" for each in old if each not in new]
        came = [f"+ {shown(each)}" for each in new if each not in old]
        text = "  ".join([*gone, *came]) or "the same in another number"
        return Detail(change.field, text, shown(old), shown(new))
    left, right = _value(change.left), _value(change.right)
    return Detail(change.field, f"{left} -> {right}", left, right)


def _value(value: object) -> str:
    return "nothing" if value is None else shown(value)
