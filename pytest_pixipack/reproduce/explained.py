"""One workspace in two records: what is another one, and what that follows from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_pixipack.reproduce.changes import Change, Reason, shown
from pytest_pixipack.reproduce.pairs import MOVED, SAME, Pairs, pair
from pytest_pixipack.reproduce.scope import KINDS, Scope, entry_title

Json = Mapping[str, Any]

_FIELDS = {"packages": "package", "packs": "pack", "prefixes": "prefix"}
# The tools that take part in making a package, by what runs in the place of its backend; a stub's
# own version is that of its backend. Others leave no trace in it, whatever their version.
_OF_BACKENDS = {"recipe": ("py-rattler-build",), "recipe-untested": ("py-rattler-build",)}
_INSTALLS = "py-rattler"  # the packages that one is built with, in the embedded engine
_OF_ENGINES: Mapping[str, Mapping[str | None, Sequence[str]]] = {
    "packages": {"system": ("pixi",)},
    "packs": {"embedded": ("pytest-pixipack",), "system": ("pixi-pack",)},
    "prefixes": {"embedded": (_INSTALLS,), "system": ("pixi-unpack",)},
}


class Workspaces:
    """One workspace in both records; `left` and `right` are the records, without the others."""

    def __init__(self, left: Json, right: Json, records: tuple[Json, Json]) -> None:
        self._name = str(right["name"])
        self._sides = left, right
        self._records = records
        self._scopes = Scope(left), Scope(right)
        # Packages whose content is another one, by name: what is built against them follows.
        self._differing: dict[str, list[tuple[str, Reason]]] = {}
        # Those whose file is another one, with the same content: only the bytes of packs follow.
        self._rewritten: dict[str, list[tuple[str, Reason]]] = {}
        self._titled: dict[str, list[Json]] = {}
        for each in right["packages"]:
            self._titled.setdefault(entry_title("packages", each), []).append(each)
        self.compared = 0
        self.not_compared: list[str] = []

    def changes(self) -> Iterator[Change]:
        """All changes, the lock first; fills `compared` and `not_compared` on the way."""
        yield from self._lock()
        for kind in KINDS:
            pairs = self._paired(kind)
            self.compared += len(pairs.both)
            found = self._packages(pairs) if kind == "packages" else self._carriers(kind, pairs)
            gone = (self._presence(kind, each, True) for each in pairs.left)
            new = (self._presence(kind, each, False) for each in pairs.right)
            yield from sorted([*found, *gone, *new], key=lambda each: (each.where, each.field))

    def _paired(self, kind: str) -> Pairs:
        """What belongs together; of the rest, what the other record does not cover is put aside."""
        first = pair(self._sides[0][kind], self._sides[1][kind], SAME[kind])
        covered = [self._covered(kind, side, (first.left, first.right)[side]) for side in (0, 1)]
        known = {id(each) for entries in covered for each in entries}
        another_machine = any(self._reasons_of_machine())
        moved = [
            both
            for both in pair(first.left, first.right, MOVED[kind]).both
            if another_machine or known & {id(each) for each in both}
        ]
        taken = {id(each) for both in moved for each in both}
        self.not_compared += [
            entry_title(kind, each)
            for each in (*first.left, *first.right)
            if id(each) not in known | taken
        ]
        gone, come = (tuple(e for e in entries if id(e) not in taken) for entries in covered)
        return Pairs((*first.both, *moved), gone, come)

    def _covered(self, kind: str, side: int, entries: Sequence[Json]) -> list[Json]:
        """Those entries of one side that the other record would have if there were such a thing."""
        if kind == "prefixes" and any(self._reasons_of_machine()):
            return []  # each machine installs what it can run
        own, other = self._scopes[side], self._scopes[1 - side]
        return [each for each in entries if other.covers(kind, each, own)]

    # Inputs -----------------------------------------------------------------------------------

    def _lock(self) -> Iterator[Change]:
        where = (self._name, "pixi.lock")
        left, right = (each["lock"] for each in self._sides)
        locked, files = ((left.get(name), right.get(name)) for name in ("normalised", "sha256"))
        if None not in locked and locked[0] != locked[1]:
            yield Change(where, "content", "payload", *locked, is_input=True)
        elif None not in files and files[0] != files[1]:
            yield Change(where, "sha256", "metadata", *files, is_input=True)

    def _reasons_of_lock(self) -> Iterator[Reason]:
        sides = [each["lock"].get("normalised") for each in self._sides]
        yield from _reason("dependency-change", "pixi.lock", *sides)

    def _reasons_of_machine(self) -> Iterator[Reason]:
        yield from _reason("tool-version", "platform", *(r.get("platform") for r in self._records))

    def _reasons_of_tools(self, kind: str, *names: str) -> Iterator[Reason]:
        """The engine, the tools that took part, the machine."""
        engines = [each.get("engine") for each in self._sides]
        yield from _reason("tool-version", "engine", *engines)
        every = dict.fromkeys(names)
        for engine in engines:
            every.update(dict.fromkeys(_OF_ENGINES[kind].get(engine, ())))
        old, new = (each["tools"] for each in self._records)
        for name in every:
            yield from _reason("tool-version", name, old.get(name), new.get(name))
        yield from self._reasons_of_machine()

    # Packages ---------------------------------------------------------------------------------

    def _packages(self, pairs: Pairs) -> Iterator[Change]:
        for old, new in _in_order(pairs.both):
            yield from self._package(old, new)

    def _package(self, old: Json, new: Json) -> Iterator[Change]:
        where = (self._name, self._title(old, new))
        why = tuple(self._reasons(old, new))
        changed = False
        for field in ("subdir", "version", "build"):
            if old.get(field) != new.get(field):
                changed = True
                more = tuple(self._reasons_of_lock()) if field == "subdir" else ()
                sides = (old.get(field), new.get(field))
                yield Change(where, field, "payload", *sides, (*why, *more))
        if old["normalised"] != new["normalised"]:
            if not changed:
                sides = (old["normalised"], new["normalised"])
                yield Change(where, "content", "payload", *sides, why)
            changed = True
        elif not changed and old["sha256"] != new["sha256"]:
            yield Change(where, "sha256", "metadata", old["sha256"], new["sha256"], why)
            told = (shown(old["sha256"]), shown(new["sha256"]))
            reason = Reason("dependency-change", f"file of package {new['name']}", *told)
            self._rewritten.setdefault(new["name"], []).append((str(new.get("subdir")), reason))
        if changed:
            told = (_build(old), _build(new))
            if told[0] == told[1]:
                told = (shown(old["normalised"]), shown(new["normalised"]))
            reason = Reason("dependency-change", f"package {new['name']}", *told)
            known = self._differing.setdefault(new["name"], [])
            known.append((str(new.get("subdir")), reason))

    def _title(self, old: Json, new: Json) -> str:
        """What a package is called; of several variants, which one, unless a reason says so."""
        title = entry_title("packages", new)
        if old.get("variants", {}) != new.get("variants", {}):
            return title
        others = [each.get("variants", {}) for each in self._titled[title] if each is not new]
        own = new.get("variants", {})
        told = [f"{key} {own[key]}" for key in sorted(own)
                if any(each.get(key) != own[key] for each in others)]  # fmt: skip
        if others and not told:
            told = [str(new.get("build"))]
        return ", ".join([title, *told])

    def _reasons(self, old: Json, new: Json) -> Iterator[Reason]:
        """What has changed that a package is made from and by, the likeliest first."""
        variants = [each.get("variants", {}) for each in (old, new)]
        for name in sorted({*variants[0], *variants[1]}):
            sides = [each.get(name) for each in variants]
            yield from _reason("dependency-change", f"variant {name}", *sides)
        for kind in ("build", "host"):
            yield from self._environments(kind, old, new)
        backends = [each.get("backend", {}) for each in (old, new)]
        if backends[0] != backends[1]:
            yield Reason("dependency-change", "backend", *map(_backend, backends))
        yield from _reason("content", "sources", old.get("sources"), new.get("sources"))
        yield from self._reasons_of_tools("packages", *self._tools_of(old), *self._tools_of(new))

    def _tools_of(self, package: Json) -> Iterator[str]:
        yield from _OF_BACKENDS.get(str(package.get("backend", {}).get("runs")), ())
        embedded = any(each.get("engine") == "embedded" for each in self._sides)
        if embedded and (package.get("build_packages") or package.get("host_packages")):
            yield _INSTALLS

    def _environments(self, kind: str, old: Json, new: Json) -> Iterator[Reason]:
        left, right = (_members(each.get(f"{kind}_packages", []), 3) for each in (old, new))
        for name in sorted({*left, *right}):
            what = f"{kind} package {name}"
            if left.get(name) != right.get(name):
                yield Reason("dependency-change", what, *_told(left.get(name), right.get(name)))
            elif name != new["name"]:
                # What is used while building is for the machine that builds, whatever it is.
                platform = str(new.get("subdir")) if kind == "host" else None
                for follows in self._follows(name, platform):
                    yield Reason("dependency-change", what, follows.left, follows.right)

    def _follows(self, name: str, platform: str | None) -> list[Reason]:
        """The change of a package that was built as well, for a platform."""
        return _on(platform, self._differing.get(name, []))

    # Packs and prefixes -----------------------------------------------------------------------

    def _carriers(self, kind: str, pairs: Pairs) -> Iterator[Change]:
        for old, new in pairs.both:
            where = (self._name, entry_title(kind, new))
            reasons = tuple(self._of_carrier(kind, old, new))
            moved = [f for f in ("environment", "platform") if old[f] != new[f]]
            for field in moved:
                yield Change(where, field, "payload", old[field], new[field], reasons)
            if not moved and old["normalised"] != new["normalised"]:
                sides = (old["normalised"], new["normalised"])
                yield Change(where, "content", "payload", *sides, reasons)
            elif not moved and old.get("sha256") != new.get("sha256"):
                sides = (old.get("sha256"), new.get("sha256"))
                yield Change(where, "sha256", "metadata", *sides, (*self._files(new), *reasons))

    def _files(self, new: Json) -> Iterator[Reason]:
        """The packages in a pack whose files are other ones, with the same content."""
        for name in new.get("built", sorted(self._rewritten)):
            yield from _on(new["platform"], self._rewritten.get(name, []))

    def _of_carrier(self, kind: str, old: Json, new: Json) -> Iterator[Reason]:
        """The packages in it first; the lock only where none of them has changed."""
        built = new.get("built", sorted(self._differing))
        found = [each for name in built for each in self._follows(name, new["platform"])]
        texts = [self._not_built(kind, side, each) for side, each in enumerate((old, new))]
        left, right = (_members(each, 2, "-") for each in texts)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name):
                sides = _told(left.get(name), right.get(name))
                found.append(Reason("dependency-change", f"package {name}", *sides))
        yield from found or self._reasons_of_lock()
        yield from _reason("tool-version", "the packing tool", old.get("tool"), new.get("tool"))
        yield from self._reasons_of_tools(kind)

    def _not_built(self, kind: str, side: int, entry: Json) -> list[str]:
        """The packages in a pack that were not built; a prefix was made from the pack beside it."""
        packs = [entry] if kind == "packs" else self._sides[side]["packs"]
        place = (entry["environment"], entry["platform"])
        for each in packs:
            if (each["environment"], each["platform"]) == place:
                return list(each.get("packages", []))
        return []

    # What is on one side only -----------------------------------------------------------------

    def _presence(self, kind: str, entry: Json, is_left: bool) -> Change:
        """What has come or gone follows from what is locked, and from nothing else."""
        title = entry_title(kind, entry)
        left, right = (title, None) if is_left else (None, title)
        reasons = tuple(self._reasons_of_lock())
        return Change((self._name, title), _FIELDS[kind], "payload", left, right, reasons)


def _on(platform: str | None, changes: Sequence[tuple[str, Reason]]) -> list[Reason]:
    """The first of these changes of a package that is on a platform."""
    found = [
        reason
        for subdir, reason in changes
        if platform in (None, "noarch") or subdir in (platform, "noarch")
    ]
    return found[:1]


def _in_order(pairs: Sequence[tuple[Json, Json]]) -> list[tuple[Json, Json]]:
    """The same pairs, those first that others are built with; a circle is cut somewhere."""
    by_name: dict[str, list[tuple[Json, Json]]] = {}
    for each in sorted(pairs, key=lambda each: entry_title("packages", each[1])):
        by_name.setdefault(each[1]["name"], []).append(each)
    done: dict[str, bool] = {}
    found: list[tuple[Json, Json]] = []
    for start in by_name:
        stack = [start]
        while stack:
            name = stack[-1]
            if name in done or name not in by_name:
                stack.pop()
                if done.get(name) is False:
                    done[name] = True
                    found += by_name[name]
                continue
            done[name] = False  # its own turn comes after what is put on top of it
            stack += [each for each in _needs(by_name[name]) if each not in done]
    return found


def _needs(pairs: Sequence[tuple[Json, Json]]) -> list[str]:
    texts = (
        text
        for _, new in pairs
        for kind in ("build_packages", "host_packages")
        for text in new.get(kind, [])
    )
    return sorted({*_members(list(texts), 3)})


def _reason(cause: str, what: str, left: Any, right: Any) -> Iterator[Reason]:
    if left != right:
        sides = [None if value is None else shown(value) for value in (left, right)]
        yield Reason(cause, what, *sides)


def _members(texts: Sequence[str], number: int, separator: str = " ") -> dict[str, str]:
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


def _build(package: Json) -> str:
    return f"{package.get('version')} {package.get('build')}"


def _backend(backend: Json) -> str:
    """`name version`, and what runs in its place where that is a stand-in."""
    told = " ".join(str(backend[key]) for key in ("name", "version") if backend.get(key))
    runs = backend.get("runs")
    return told if runs in (None, "executable") else f"{told} ({runs})"
