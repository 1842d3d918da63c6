"""Which entries of two records are the same thing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
Key = Callable[[Json], Hashable]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The entries that belong together, and those that are on one side only."""

    both: tuple[tuple[Json, Json], ...]
    left: tuple[Json, ...]
    right: tuple[Json, ...]


def pair(left: Sequence[Json], right: Sequence[Json], keys: Sequence[Key]) -> Pairs:
    """Pairs entries by the first key, those that are left over by the second, and so on.

    Only what is the only one of its key on both sides belongs together: one package that has become
    another variant, but not three that have become two. Of several with the very first key, the
    first belongs to the first.
    """
    both: list[tuple[Json, Json]] = []
    for number, key in enumerate(keys):
        old, new = _by_key(left, key), _by_key(right, key)
        taken: set[int] = set()
        for name, entries in old.items():
            others = new.get(name, [])
            if number == 0 or len(entries) == len(others) == 1:
                found = list(zip(entries, others, strict=False))
                both += found
                taken |= {id(each) for sides in found for each in sides}
        left = [each for each in left if id(each) not in taken]
        right = [each for each in right if id(each) not in taken]
    return Pairs(tuple(both), tuple(left), tuple(right))


def _by_key(entries: Sequence[Json], key: Key) -> dict[Hashable, list[Json]]:
    found: dict[Hashable, list[Json]] = {}
    for each in entries:
        found.setdefault(key(each), []).append(each)
    return found


def variant_of(package: Json) -> tuple[tuple[str, str], ...]:
    """The build variant of a package, as one value."""
    return tuple(sorted((key, str(value)) for key, value in package.get("variants", {}).items()))


def _build_of(package: Json) -> Hashable:
    return package.get("version"), package.get("build")


# By what packages, packs and prefixes are the same ones on the same platform.
SAME: Mapping[str, Sequence[Key]] = {
    "packages": (
        lambda each: (each["name"], each.get("subdir"), variant_of(each), _build_of(each)),
        lambda each: (each["name"], each.get("subdir"), variant_of(each)),
        lambda each: (each["name"], each.get("subdir")),
    ),
    **dict.fromkeys(("packs", "prefixes"), (lambda each: (each["environment"], each["platform"]),)),
}
# And where one of the two is another one: no two have the first of these keys in common.
MOVED: Mapping[str, Sequence[Key]] = {
    "packages": (id, lambda each: (each["name"], variant_of(each)), lambda each: each["name"]),
    **dict.fromkeys(
        ("packs", "prefixes"), (id, lambda each: each["environment"], lambda each: each["platform"])
    ),
}
