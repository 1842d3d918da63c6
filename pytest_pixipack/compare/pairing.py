"""Which package file of one side stands for which of the other: another form, build or version."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

_SUFFIXES = (".conda", ".tar.bz2")
# `py310h1a2b3c4_0`, as conda-build and rattler-build make build strings: what a package is a
# variant for, the hash of its build environment, and the build number.
_HASH = re.compile(r"(?:h[0-9a-f]+)?(?:_\d+)?$")
_Key: TypeAlias = Callable[["Named"], tuple[str, ...]]
_Groups: TypeAlias = Mapping[tuple[str, ...], Mapping[tuple[str, ...], list["Named"]]]


@dataclass(frozen=True, slots=True)
class Named:
    """A package file, and the package that it says it holds."""

    file: str
    subdir: str
    name: str
    version: str
    build: str

    @classmethod
    def of(cls, file: str, record: Mapping[str, Any], subdir: str | None = None) -> Named:
        """The file that a record of repodata or an `index.json` is about."""
        known = {key: str(record.get(key)) for key in ("name", "version", "build")}
        return cls(file, str(subdir or record.get("subdir")), **known)

    @property
    def dist(self) -> tuple[str, ...]:
        """What makes it another package than others."""
        return self.subdir, self.name, self.version, self.build

    @property
    def variant(self) -> str:
        """What its build string says it is built for: `py310` of `py310h1a2b3c4_0`."""
        return "" if self.build.isdigit() else _HASH.sub("", self.build)


# From the closest to the farthest relation.
_LEVELS: tuple[_Key, ...] = (
    lambda each: each.dist,
    lambda each: (each.subdir, each.name, each.version, each.variant),
    lambda each: (each.subdir, each.name, each.variant),
    lambda each: (each.subdir, each.name, each.version),
    lambda each: (each.subdir, each.name),
    lambda each: (each.name,),
)


def paired(left: Iterable[Named], right: Iterable[Named]) -> dict[str, str]:
    """The files of the left side that stand for one of the right side, and which one.

    Files of one name do. Of the others, a package is another form, build or version of one of the
    other side only where each side has one such package in all: a channel with several versions of
    a package gets one more and loses one, which replaces nothing.
    """
    old, new = list(left), list(right)
    names = {each.file for each in new}
    pairs = {each.file: each.file for each in old if each.file in names}
    taken = set(pairs.values())
    for key in _LEVELS:
        first, second = _grouped(old, key), _grouped(new, key)
        for group, dists in first.items():
            others = second.get(group, {})
            if len(dists) == len(others) == 1:
                (mine,), (theirs,) = dists.values(), others.values()
                rest = [each for each in mine if each.file not in pairs]
                left_over = [each for each in theirs if each.file not in taken]
                found = dict(_of_one_package(rest, left_over))
                pairs |= found
                taken |= set(found.values())
    return pairs


def _grouped(packages: Iterable[Named], key: _Key) -> _Groups:
    """The packages by key, each with all its files."""
    found: dict[tuple[str, ...], dict[tuple[str, ...], list[Named]]] = {}
    for each in packages:
        found.setdefault(key(each), {}).setdefault(each.dist, []).append(each)
    return found


def _of_one_package(left: list[Named], right: list[Named]) -> Iterator[tuple[str, str]]:
    """Files of one package: of the same form, and else the only ones."""
    for suffix in _SUFFIXES:
        mine, theirs = ([each for each in side if each.file.endswith(suffix)]
                        for side in (left, right))  # fmt: skip
        if len(mine) == len(theirs) == 1:
            yield mine[0].file, theirs[0].file
            left, right = ([each for each in side if each.file != other[0].file]
                           for side, other in ((left, mine), (right, theirs)))  # fmt: skip
    if len(left) == len(right) == 1:
        yield left[0].file, right[0].file
