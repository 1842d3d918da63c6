"""Which of many changed conditions makes a difference, with as few builds as may be.

Knows nothing of builds: `observe` tells what differs with a set of conditions changed. All are
changed at once first. Where something differs, it is tried with those that are suspected, or with
halves, and again within those with which it differs; what differs with a set but with none of its
parts needs several conditions together, and the smallest such set is found by delta debugging
(Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Places: TypeAlias = frozenset[Hashable]
Names: TypeAlias = tuple[str, ...]
# Several sets are observed at a time, so that they can be built side by side.
Observe: TypeAlias = Callable[[Sequence[Names]], Sequence[Places]]
# The conditions that could be behind what differs with a set of them changed.
Suspect: TypeAlias = Callable[[Names, Places], Collection[str]]


@dataclass(frozen=True, slots=True)
class Attribution:
    """`causes` maps the smallest sets of conditions to the places that differ through them.

    `unresolved` maps sets that could not be made smaller, because no more builds were allowed.
    """

    causes: Mapping[Names, Places] = field(default_factory=dict)
    unresolved: Mapping[Names, Places] = field(default_factory=dict)


class Spent(Exception):
    """No more observations are allowed; `observe` may raise it, too."""


def attribute(
    names: Sequence[str],
    observe: Observe,
    most: int,
    known: Mapping[Names, Places] | None = None,
    suspect: Suspect = lambda _names, _places: (),
) -> Attribution:
    """Finds the smallest sets of `names` that something differs with.

    `most` is the number of observations that are allowed, `known` are those that are there
    already. What differs must not depend on chance. A wrong suspicion costs builds, no more.
    """
    search = _Search(tuple(names), observe, most, dict(known or {}), suspect)
    search.run()
    return Attribution(search.causes, search.unresolved)


class _Search:
    def __init__(
        self,
        names: Names,
        observe: Observe,
        most: int,
        known: dict[Names, Places],
        suspect: Suspect,
    ) -> None:
        self._names = names
        self._observe = observe
        self._left = most
        self._known = known
        self._suspect = suspect
        self.causes: dict[Names, Places] = {}
        self.unresolved: dict[Names, Places] = {}

    def run(self) -> None:
        if not self._names:
            return
        try:
            (places,) = self._places([self._names])
        except Spent:
            return
        if places:
            self._search(self._names, places)

    def _search(self, group: Names, places: Places) -> None:
        if len(group) == 1:
            self._found(group, places)
            return
        parts = self._parts(group, places)
        try:
            seen = self._places(parts)
        except Spent:
            self.unresolved[group] = places
            return
        for part, each in zip(parts, seen, strict=True):
            if each:
                self._search(part, each)
        together = places - seen[0] - seen[1]
        if together:
            self._together(group, together)

    def _parts(self, group: Names, places: Places) -> tuple[Names, Names]:
        """Those that are suspected and the others, or two halves."""
        suspected = self._suspect(group, places)
        first = tuple(name for name in group if name in suspected)
        if 0 < len(first) < len(group):
            return first, _without(group, first)
        middle = (len(group) + 1) // 2
        return group[:middle], group[middle:]

    def _together(self, group: Names, places: Places) -> None:
        """What needs several conditions of a group at the same time."""
        while places:
            try:
                smallest = self._smallest(group, places)
            except Spent:
                self.unresolved[group] = places
                return
            shown = places & self._known.get(smallest, places) or places
            self._found(smallest, shown)
            places -= shown

    def _smallest(self, group: Names, places: Places) -> Names:
        """Delta debugging: the group without all that can be left out."""
        parts = 2
        while len(group) >= 2:
            pieces = _split(group, parts)
            complements = [_without(group, piece) for piece in pieces]
            tried = [*pieces, *(c for c in complements if c not in pieces)]
            shorter = self._first_that_shows(tried, places)
            if shorter is not None:
                parts = 2 if shorter in pieces else max(parts - 1, 2)
                group = shorter
            elif parts < len(group):
                parts = min(len(group), parts * 2)
            else:
                break
        return group

    def _first_that_shows(self, tried: Iterable[Names], places: Places) -> Names | None:
        for names in tried:
            if names and self._places([names])[0] & places:
                return names
        return None

    def _found(self, names: Names, places: Places) -> None:
        self.causes[names] = self.causes.get(names, frozenset()) | places

    def _places(self, groups: Sequence[Names]) -> list[Places]:
        """Raises `Spent` where that would need more observations than are left."""
        new = [group for group in dict.fromkeys(groups) if group not in self._known]
        if not new:
            return [self._known[group] for group in groups]
        if len(new) > self._left:
            raise Spent
        self._left -= len(new)
        self._known |= zip(new, self._observe(new), strict=True)
        return [self._known[group] for group in groups]


def _split(group: Names, parts: int) -> list[Names]:
    size, more = divmod(len(group), parts)
    found, start = [], 0
    for number in range(parts):
        end = start + size + (1 if number < more else 0)
        found.append(group[start:end])
        start = end
    return [piece for piece in found if piece]


def _without(group: Names, piece: Names) -> Names:
    return tuple(name for name in group if name not in piece)
