"""Two programs that have been divided: their fields, their parts, and what is left."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.content import Scratch
from pytest_pixipack.compare.inside.divided import Mark, Part, Program
from pytest_pixipack.compare.inside.layout import Layout, Place
from pytest_pixipack.compare.inside.lines import around
from pytest_pixipack.compare.inside.marks import Ranges, in_both, labelled
from pytest_pixipack.compare.inside.parts import Patience, Walk, walk
from pytest_pixipack.compare.inside.pieces import rearranged
from pytest_pixipack.compare.inside.programs import Deeper
from pytest_pixipack.compare.inside.pubnames import INFO, only_moved
from pytest_pixipack.compare.inside.spans import Span, unpacked
from pytest_pixipack.compare.inside.stringtables import Strings, compare_strings
from pytest_pixipack.compare.model import Difference, Kind

Where = tuple[str, ...]
# Tables of strings that are larger are compared as other parts are.
_MOST_STRINGS = 8 << 20
_VERSION = re.compile(r"\d+\.\d+")
_HEADERS = "headers"
# So many parts that differ in one way are told.
_MOST_PARTS = 30
Pair = tuple[Any, Any]
Text = tuple[str | None, str | None, tuple[str, ...]]


def compare_programs(
    where: Where,
    paths: tuple[Path, Path],
    programs: tuple[Program, Program],
    scratch: Scratch,
    deeper: Deeper,
) -> list[Difference]:
    """What two programs differ in, at least one difference. Raises `Unreadable`."""
    with ExitStack() as stack:
        left, right = (stack.enter_context(_mapped(path)) for path in paths)
        return _Programs(where, (left, right), programs, scratch, deeper).differences()


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


class _Programs:
    """Two programs, and the bytes of both."""

    def __init__(
        self,
        where: Where,
        data: tuple[mmap.mmap, mmap.mmap],
        programs: tuple[Program, Program],
        scratch: Scratch,
        deeper: Deeper,
    ) -> None:
        self.where = where
        self.data = data
        self.left, self.right = programs
        self.marks = in_both(labelled(self.left.marks), labelled(self.right.marks))
        self.ranges = Ranges(self.marks[0]), Ranges(self.marks[1])
        self.scratch = scratch
        self.deeper = deeper
        self.patience = Patience()
        self.places: list[Place] = []
        self.orders: list[Difference] = []
        self.facts = {*self.left.facts, *self.right.facts}
        self.grown = False
        self.indexes: set[Where] = set()
        # Where a part is compressed on both sides, one that is not was too small for it.
        both = (self.left.parts, self.right.parts)
        self.packed = any(
            all(name in parts and parts[name].packed for parts in both) for name in self.left.parts
        )

    def differences(self) -> list[Difference]:
        marked = list(self._marked())
        rest = [*self._facts(), *self._parts()]
        rest += self._followed()
        if any(each.cause == "content" for each in rest):
            # A number that a compiler draws from what it compiles may follow.
            rest = [each for each in rest if each.cause != "random" or each.field not in self.facts]
        rest = self._without_indexes(rest)
        rest = self._without_tables(self._without_unread(rest)) or self.orders
        rest = [*_few(rest), *self._headers(bool(rest or marked))]
        follows = {mark.label for marks in self.marks for mark in marks.values() if mark.follows}
        alone = not rest and all(each.field in follows for each in marked)
        told = [each for each in marked if alone or each.field not in follows]
        if any(each.kind == "payload" for each in rest):
            # A build id is made from all the rest.
            told = [each for each in told if each.cause != "build-id"]
        return [*rest, *told]

    def _followed(self) -> list[Difference]:
        """What is left when all that has only moved is taken away."""
        found = self._unexplained(self.places)
        others = [_rearranged(place) for place in self.places]
        if all(each.cause != "content" for each in found) or others == self.places:
            return found
        # Texts may have been sorted in another way.
        again = self._unexplained(others)
        if _strange(again) >= _strange(found):
            return found
        self.places = others
        return again

    def _unexplained(self, places: list[Place]) -> list[Difference]:
        machines = self.left.machine, self.right.machine
        layout = Layout(places, machines, (self.left.sections, self.right.sections))
        return [each for place in places for each in self._place(place, layout)]

    def _marked(self) -> Iterator[Difference]:
        """The fields without meaning that differ, each with all of its bytes."""
        old, new = self.marks
        for label in dict.fromkeys([*old, *new]):
            first, second = old.get(label), new.get(label)
            if first and second and self._equal(first, second):
                continue
            known = first or second
            assert known is not None
            sides: Pair = (first and first.value, second and second.value)
            if sides[0] == sides[1]:
                sides = self._digests(first, second)
            yield Difference(self.where, label, "metadata", *sides, known.cause)

    def _facts(self) -> Iterator[Difference]:
        old, new = self.left.facts, self.right.facts
        for name in dict.fromkeys([*old, *new]):
            first, second = old.get(name), new.get(name)
            if first != second:
                known = first or second
                assert known is not None
                sides: Pair = (first and first[0], second and second[0])
                yield Difference(self.where, name, "payload", *sides, known[1])

    def _parts(self) -> Iterator[Difference]:
        """What can be said of each part by itself; the rest is in `places`."""
        old, new = self.left.parts, self.right.parts
        for name in dict.fromkeys([*old, *new]):
            place = (*self.where, name)
            first, second = old.get(name), new.get(name)
            if first is None or second is None:
                sides: Pair = ("section", None) if first else (None, "section")
                yield Difference(place, "section", "payload", *sides, "content")
                continue
            if first.traits != second.traits:
                traits = list(first.traits), list(second.traits)
                yield Difference(place, "flags", "payload", *traits, "content")
            if first.has("empty") or second.has("empty"):
                self._add(first, second, Span(b"", 0, first.size), Span(b"", 0, second.size))
            elif first.has("apart"):
                yield from self._apart(place, first, second)
            else:
                yield from self._common(place, first, second)

    def _apart(self, where: Where, first: Part, second: Part) -> list[Difference]:
        if self._equal(first, second):
            return []
        contents = [
            self.scratch.keep(Span(data, part.start, part.size).pieces())
            for data, part in zip(self.data, (first, second), strict=True)
        ]
        found = self.deeper(where, where[-1], contents[0], contents[1])
        for content in contents:
            self.scratch.drop(content)
        return found

    def _common(self, where: Where, first: Part, second: Part) -> Iterator[Difference]:
        raw = left, right = self._span(first, 0), self._span(second, 1)
        if first.packed:
            left = unpacked(left, first.packed)
        if second.packed:
            right = unpacked(right, second.packed)
        old, new = (each.packed and each.packed.compression for each in (first, second))
        if old != new and not self.packed:
            yield Difference(where, "compression", "metadata", old, new, "compression")
        elif old and not raw[0].equals(raw[1]):
            # What it says is compressed to another size.
            self.grown = True
        if old and old == new and left.equals(right) and not raw[0].equals(raw[1]):
            sizes = first.size, second.size
            yield Difference(where, "compressed bytes", "metadata", *sizes, "compression")
        if first.has("sealed"):
            self._add(first, second, left, right, Walk(whole=left.equals(right)))
            return
        if not first.has("strings") or max(left.size, right.size) > _MOST_STRINGS:
            followed = walk(left, right, self.patience, code=first.has("code"))
            self._add(first, second, left, right, followed)
            return
        data = left.read(0, left.size), right.read(0, right.size)
        found = (
            compare_strings(*data, sources=first.has("debug")) if data[0] != data[1] else Strings()
        )
        self._add(first, second, left, right, strings=found)
        if data[0] != data[1]:
            yield from self._strings(where, first, found)

    def _strings(self, where: Where, part: Part, found: Strings) -> Iterator[Difference]:
        texts: list[Text] = [(pair.left, pair.right, pair.causes) for pair in found.explained]
        for pair in found.others:
            texts.append((*pair, _tool_causes(*pair) if part.has("tools") else ("content",)))
        if texts:
            yield from _told(where, texts, lambda cause: _kind(part, cause))
        else:
            kind: Kind = "metadata" if part.has("tools") else "order-only"
            self.orders.append(
                Difference(where, "order of strings", kind, None, None, "member-order")
            )

    def _add(
        self,
        first: Part,
        second: Part,
        left: Span,
        right: Span,
        found: Walk | None = None,
        strings: Strings | None = None,
    ) -> None:
        loaded = first.address is not None and second.address is not None
        known = strings.known if strings else frozenset()
        addresses = (first.address or 0, second.address or 0) if loaded else None
        place = Place(first, left, right, found or Walk(), addresses, known)
        self.places.append(place)
        self.grown |= bool(place.walk.resized) or any(len(a) != len(b) for a, b in known)

    def _place(self, place: Place, layout: Layout) -> Iterator[Difference]:
        """The texts of a part that differ, and `content` for what nothing explains."""
        part = place.part
        where = (*self.where, part.name)
        if part.has("empty") or self.right.parts[part.name].has("empty"):
            # A file of debug data alone has the sizes of the sections of its program.
            alone = all(each.has("empty") for each in self.left.parts.values() if each.has("code"))
            if place.left.size != place.right.size and not (self.grown and alone):
                sizes = place.left.size, place.right.size
                yield Difference(where, "size", "payload", *sizes, "content")
            return
        texts: list[Text] = [
            (text.left, text.right, text.causes) for text in place.walk.texts if text.causes
        ]
        yield from _told(where, texts, lambda cause: _kind(part, cause))
        complete = place.walk.whole and all(text.complete for text in place.walk.texts)
        # Symbols and relocations are read entry by entry.
        complete = complete or part.has("entries", "relocates")
        if not complete or next(layout.unexplained(place), None) is not None:
            if part.has("index") and self._only_moved(place, layout):
                self.indexes.add(where)
            digests = place.left.digest(), place.right.digest()
            yield Difference(where, "content", "payload", *digests, "content")

    def _only_moved(self, place: Place, layout: Layout) -> bool:
        info = layout.named(INFO)
        if info is None:
            return False
        sides = (place.left, info.left), (place.right, info.right)
        return only_moved(*sides, self.left.machine.order)

    def _without_indexes(self, found: list[Difference]) -> list[Difference]:
        """Without indexes of data in another file, where a cause is known why it has moved."""
        others = [each for each in found if each.where not in self.indexes]
        debug = {(*self.where, part.name) for part in self.left.parts.values() if part.has("debug")}
        known = any(each.where in debug for each in others)
        return others if known and all(each.cause != "content" for each in others) else found

    def _without_unread(self, found: list[Difference]) -> list[Difference]:
        """Without parts that are not read, where texts of another length are the reason.

        They are tables of places, and data for debuggers that have another size: lengths of texts
        are written there in as many bytes as each takes.
        """
        unread = {
            (*self.where, place.part.name)
            for place in self.places
            if place.part.has("unread")
            or (place.part.has("debug") and place.left.size != place.right.size)
        }
        others = [each for each in found if each.cause != "content" or each.where not in unread]
        if not self.grown or any(each.cause == "content" for each in others):
            return found
        return others

    def _without_tables(self, found: list[Difference]) -> list[Difference]:
        """Without tables of addresses and data for debuggers, where instructions or data differ."""
        tables = {
            (*self.where, part.name)
            for part in self.left.parts.values()
            if part.has("table", "debug", "symbols")
        }
        unknown = [each for each in found if each.field == "content"]
        if all(each.where in tables for each in unknown):
            return found
        return [each for each in found if each.field != "content" or each.where not in tables]

    def _headers(self, told: bool) -> Iterator[Difference]:
        """What is in no part: it follows from parts of other sizes, or has to be told."""
        regions = [program.ranges() for program in (self.left, self.right)]
        in_place = regions[0] == regions[1] and len(self.data[0]) == len(self.data[1])
        old, new = (
            Span(data, 0, len(data)).without(each)
            for data, each in zip(self.data, regions, strict=True)
        )
        sizes = [
            {mark.label: mark.size for mark in marks.values()}
            | {part.name: part.size for part in program.parts.values()}
            for marks, program in zip(self.marks, (self.left, self.right), strict=True)
        ]
        moved = sizes[0] != sizes[1]
        unexplained = old != new and not self.grown if in_place else not moved
        if unexplained or not told:
            yield Difference(self.where, _HEADERS, "payload", old, new, "content")

    def _span(self, part: Part, side: int) -> Span:
        ignored = self.ranges[side].within(part.start, part.start + part.size)
        return Span(self.data[side], part.start, part.size, tuple(ignored))

    def _equal(self, first: Mark | Part, second: Mark | Part) -> bool:
        spans = [
            Span(data, each.start, each.size)
            for data, each in zip(self.data, (first, second), strict=True)
        ]
        return spans[0].equals(spans[1])

    def _digests(self, first: Mark | None, second: Mark | None) -> Pair:
        old, new = (
            mark and Span(data, mark.start, mark.size).digest()
            for data, mark in zip(self.data, (first, second), strict=True)
        )
        return old, new


def _few(found: list[Difference]) -> list[Difference]:
    """The first parts that differ in one way; the others are counted."""
    parts: dict[tuple[str, str | None], list[Difference]] = {}
    for each in found:
        parts.setdefault((each.field, each.cause), []).append(each)
    kept = []
    for places in parts.values():
        kept += places[:_MOST_PARTS]
        more = len(places) - _MOST_PARTS
        if more > 0:
            evidence = f"{more} more section{'s' if more > 1 else ''} likewise"
            kept[-1] = replace(kept[-1], evidence=evidence)
    return kept


def _strange(found: Sequence[Difference]) -> int:
    return sum(each.cause == "content" for each in found)


def _rearranged(place: Place) -> Place:
    """A part of data whose texts may be anywhere, if some of them have another length."""
    if place.part.has("code", "strings") or place.addresses is None or not place.walk.resized:
        return place
    found = rearranged(place.left, place.right)
    return place if found is None else replace(place, walk=found)


def _kind(part: Part, cause: str) -> Kind:
    """What a compiler says of itself beside the program has no meaning."""
    beside = part.has("tools") or (cause == "tool-version" and part.address is None)
    return "metadata" if beside else "payload"


def _tool_causes(left: str | None, right: str | None) -> tuple[str, ...]:
    """What tools say of themselves has a version in it."""
    texts = [each for each in (left, right) if each]
    return ("tool-version",) if all(map(_VERSION.search, texts)) else ("content",)


def _told(where: Where, texts: Sequence[Text], kind: Callable[[str], Kind]) -> Iterator[Difference]:
    """One difference for each cause: the first texts that show it, and how many more there are."""
    causes: dict[str, list[tuple[str | None, str | None]]] = {}
    for old, new, found in texts:
        for cause in found:
            causes.setdefault(cause, []).append((old, new))
    for cause, pairs in causes.items():
        more = len(dict.fromkeys(pairs)) - 1
        evidence = f"{more} more text{'s' if more > 1 else ''} likewise" if more else None
        yield Difference(where, "text", kind(cause), *around(*pairs[0]), cause, evidence)
