"""Two records compared: what is another one now, and what that follows from.

A package that was built differently is explained by what is recorded with it: its sources, its
build and host packages, its backend, the tools. Where nothing of that has changed, it is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.compare.model import Comparison, Difference, Kind

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something differs: a cause of the closed list, what has changed, from what to what."""

    cause: str
    what: str
    left: str | None
    right: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.left or 'nothing'} -> {self.right or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Change:
    """One layer that is another one: `where` names it, `field` is what differs.

    Without `reasons`, nothing that is recorded explains it.
    """

    where: tuple[str, ...]
    field: str
    kind: Kind
    left: Any
    right: Any
    reasons: tuple[Reason, ...] = ()

    @property
    def is_explained(self) -> bool:
        """Whether something that is recorded has changed as well."""
        return bool(self.reasons)

    def __str__(self) -> str:
        what = {"sha256": "file differs", "content": "content differs"}.get(
            self.field, f"{self.field} {_shown(self.left)} -> {_shown(self.right)}"
        )
        if not self.reasons:
            return f"{self.where[-1]}: {what}, and nothing that is recorded explains it"
        return f"{self.where[-1]}: {what} because {', '.join(map(str, self.reasons))}"

    def to_json(self) -> dict[str, Any]:
        """One entry of `changes`."""
        return {
            "where": list(self.where),
            "field": self.field,
            "kind": self.kind,
            "left": self.left,
            "right": self.right,
            "explained": self.is_explained,
            "because": [
                {"cause": each.cause, "what": each.what, "left": each.left, "right": each.right}
                for each in self.reasons
            ],
            "message": str(self),
        }


@dataclass(frozen=True, slots=True)
class RecordComparison:
    """All changes between two records."""

    changes: tuple[Change, ...] = ()

    @property
    def findings(self) -> tuple[Change, ...]:
        """The changes that nothing explains."""
        return tuple(each for each in self.changes if not each.is_explained)

    @property
    def comparison(self) -> Comparison:
        """The same as differences, each with its first reason's cause."""
        return Comparison.of(
            Difference(
                each.where,
                each.field,
                each.kind,
                each.left,
                each.right,
                each.reasons[0].cause if each.reasons else "unknown",
            )
            for each in self.changes
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `pixipack compare` for two records."""
        return {
            **self.comparison.to_json(),
            "changes": [each.to_json() for each in self.changes],
            "unexplained": len(self.findings),
        }


def compare_records(left: Json, right: Json) -> RecordComparison:
    """What is another one in the second record, and why, as far as both say."""
    tools = tuple(_tools(left, right))
    old = {each["name"]: each for each in left["workspaces"]}
    new = {each["name"]: each for each in right["workspaces"]}
    changes: list[Change] = []
    for name in sorted({*old, *new}):
        first, second = old.get(name), new.get(name)
        if first is None or second is None:
            sides = (name if first else None, name if second else None)
            why = Reason("file-added" if first is None else "file-removed", "workspace", *sides)
            changes.append(Change((name,), "workspace", "payload", *sides, (why,)))
        else:
            changes += _Workspaces(name, first, second, tools).changes()
    return RecordComparison(tuple(changes))


class _Workspaces:
    """One workspace in both records."""

    def __init__(self, name: str, left: Json, right: Json, tools: tuple[Reason, ...]) -> None:
        self.name = name
        self.left, self.right = left, right
        engine = _reason("tool-version", "engine", left.get("engine"), right.get("engine"))
        self.tools = (*engine, *tools)
        # Package names whose content is another one: what is built against them follows.
        self.differing: dict[str, Reason] = {}

    def changes(self) -> Iterator[Change]:
        packages = list(self._packages())
        yield from self._lock()
        yield from packages
        yield from self._carriers("packs")
        yield from self._carriers("prefixes")

    def _lock(self) -> Iterator[Change]:
        old, new = self.left["lock"], self.right["lock"]
        where = (self.name, "pixi.lock")
        if old.get("normalised") != new.get("normalised"):
            sides = (old.get("normalised"), new.get("normalised"))
            # A lock is an input: it says for itself what is locked now, as `compare` shows.
            why = (*self.tools, Reason("dependency-change", "what is locked", *_short(*sides)))
            yield Change(where, "content", "payload", *sides, why)
        elif old.get("sha256") != new.get("sha256"):
            sides = (old.get("sha256"), new.get("sha256"))
            yield Change(where, "sha256", "metadata", *sides, self.tools)

    def _packages(self) -> Iterator[Change]:
        old, new = _by_key(self.left["packages"]), _by_key(self.right["packages"])
        queue = [key for key in old if key in new]
        # First those that others are built against, so that what follows from them is known.
        found = {key: list(self._package(old[key], new[key])) for key in queue}
        for _ in queue:
            again = {key: list(self._package(old[key], new[key])) for key in queue}
            if again == found:
                break
            found = again
        for key in sorted({*old, *new}):
            if key in found:
                yield from found[key]
                continue
            entry = old.get(key) or new[key]
            sides = (
                entry["version"] if key in old else None,
                entry["version"] if key in new else None,
            )
            cause = "file-removed" if key in old else "file-added"
            why = Reason(cause, f"package {entry['name']}", *sides)
            yield Change((self.name, _title(entry)), "package", "payload", *sides, (why,))

    def _package(self, old: Json, new: Json) -> Iterator[Change]:
        where = (self.name, _title(new))
        why = tuple(self._reasons(old, new))
        changed = False
        for field in ("version", "build"):
            if old.get(field) != new.get(field):
                changed = True
                yield Change(where, field, "payload", old.get(field), new.get(field), why)
        if old.get("normalised") != new.get("normalised"):
            if not changed:
                sides = (old.get("normalised"), new.get("normalised"))
                yield Change(where, "content", "payload", *sides, why)
            changed = True
        elif not changed and old.get("sha256") != new.get("sha256"):
            yield Change(where, "sha256", "metadata", old.get("sha256"), new.get("sha256"), why)
        if changed:
            told: tuple[str | None, ...] = (_build(old), _build(new))
            if told[0] == told[1]:
                told = _short(old.get("normalised"), new.get("normalised"))
            self.differing[new["name"]] = Reason(
                "dependency-change", f"package {new['name']}", *told
            )

    def _reasons(self, old: Json, new: Json) -> Iterator[Reason]:
        """What has changed that a package is made from and by, the likeliest first."""
        for kind in ("build", "host"):
            yield from self._environments(kind, old, new)
        first, second = old["backend"], new["backend"]
        if first != second:
            yield Reason("dependency-change", "backend", _backend(first), _backend(second))
        sources = (old.get("sources"), new.get("sources"))
        yield from _reason("content", "sources", *sources)
        yield from self.tools

    def _environments(self, kind: str, old: Json, new: Json) -> Iterator[Reason]:
        left, right = (_members(each.get(f"{kind}_packages", []), 3) for each in (old, new))
        for name in sorted({*left, *right}):
            what = f"{kind} package {name}"
            if left.get(name) != right.get(name):
                yield Reason("dependency-change", what, *_told(left.get(name), right.get(name)))
            elif name in self.differing and name != new["name"]:
                follows = self.differing[name]
                yield Reason("dependency-change", what, follows.left, follows.right)

    def _carriers(self, kind: str) -> Iterator[Change]:
        """Packs and prefixes, which hold packages."""
        old = {(e["environment"], e["platform"]): e for e in self.left[kind]}
        new = {(e["environment"], e["platform"]): e for e in self.right[kind]}
        word = {"packs": "pack", "prefixes": "prefix"}[kind]
        for key in sorted({*old, *new}):
            where = (self.name, f"{word} {key[0]} {key[1]}")
            first, second = old.get(key), new.get(key)
            if first is None or second is None:
                sides = (word if first else None, word if second else None)
                why = Reason("file-added" if first is None else "file-removed", word, *sides)
                yield Change(where, word, "payload", *sides, (why,))
                continue
            reasons = tuple(self._of_carrier(first, second))
            if first.get("normalised") != second.get("normalised"):
                sides = (first.get("normalised"), second.get("normalised"))
                yield Change(where, "content", "payload", *sides, reasons)
            elif first.get("sha256") != second.get("sha256"):
                sides = (first.get("sha256"), second.get("sha256"))
                yield Change(where, "sha256", "metadata", *sides, reasons)

    def _of_carrier(self, old: Json, new: Json) -> Iterator[Reason]:
        yield from (self.differing[name] for name in sorted(self.differing))
        left, right = (_members(each.get("packages", []), 2, "-") for each in (old, new))
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name):
                yield Reason(
                    "dependency-change", f"package {name}", *_told(left.get(name), right.get(name))
                )
        yield from _reason("tool-version", "the packing tool", old.get("tool"), new.get("tool"))
        if self.left["lock"].get("normalised") != self.right["lock"].get("normalised"):
            sides = (self.left["lock"].get("normalised"), self.right["lock"].get("normalised"))
            yield Reason("dependency-change", "pixi.lock", *_short(*sides))
        yield from self.tools


def _tools(left: Json, right: Json) -> Iterator[Reason]:
    old, new = left["tools"], right["tools"]
    for name in sorted({*old, *new}):
        yield from _reason("tool-version", name, old.get(name), new.get(name))
    yield from _reason("tool-version", "platform", left.get("platform"), right.get("platform"))


def _reason(cause: str, what: str, left: Any, right: Any) -> Iterator[Reason]:
    if left != right:
        yield Reason(cause, what, *_short(left, right))


def _by_key(packages: list[Json]) -> dict[str, Json]:
    """Packages by name, platform and variant; versions and builds may be others."""
    found: dict[str, Json] = {}
    for each in packages:
        variants = sorted((each.get("variants") or {}).items())
        found[f"{each['name']} {each.get('subdir')} {variants}"] = each
    return found


def _members(texts: list[str], number: int, separator: str = " ") -> dict[str, str]:
    """What follows the name in `name version build ...`, by name."""
    parts = [str(text).rsplit(separator, number) for text in texts]
    return {each[0]: " ".join(each[1:]) for each in parts}


def _told(left: str | None, right: str | None) -> tuple[str | None, str | None]:
    """As much of two such texts as tells them apart: versions, builds, digests."""
    if left is None or right is None:
        return (left and left.split(" ")[0], right and right.split(" ")[0])
    for number in (1, 2):
        first, second = (" ".join(each.split(" ")[:number]) for each in (left, right))
        if first != second:
            return first, second
    return left, right


def _title(package: Json) -> str:
    return f"{package['name']} {package.get('version')} ({package.get('subdir')})"


def _build(package: Json) -> str:
    return f"{package.get('version')} {package.get('build')}"


def _backend(backend: Json) -> str:
    """`name version`, and what runs in its place where that is a stand-in."""
    told = " ".join(str(backend[key]) for key in ("name", "version") if backend.get(key))
    runs = backend.get("runs")
    return told if runs in (None, "executable") else f"{told} ({runs})"


def _short(*values: Any) -> tuple[str | None, ...]:
    return tuple(_shown(value) if value is not None else None for value in values)


def _shown(value: Any) -> str:
    text = str(value)
    hexadecimal = len(text) == 64 and all(c in "0123456789abcdef" for c in text)
    return f"{text[:10]}…" if hexadecimal else text
