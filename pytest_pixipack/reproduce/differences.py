"""What differs between two builds of the same workspace, by place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built
from pytest_pixipack.reproduce.present import dated

# Where a build differs that fails.
FAILED = ("build",)

# The tars inside of a package, whose members say by their names which one they are in.
_PART = re.compile(r"(?:pkg|info)-.*\.tar\.zst")
# What of a file is not its content.
_OF_HEADERS = frozenset({"mode", "mtime", "owner", "executable", "kind", "target"})
_OF_TEXTS = re.compile(r"lines? \d.*|order of lines|content|notation|line ends")
_COMING_AND_GOING = ("file-added", "file-removed")


class Place(NamedTuple):
    """One place where two builds may differ, the same for every pair of builds.

    `target` is a package's name, `environment.tar`, or `build`; `what` is what differs there: a
    field, `content` or `files`; `kind` how much that matters.
    """

    target: str
    where: tuple[str, ...]
    what: str
    kind: str


Found: TypeAlias = Mapping[Place, tuple[Difference, ...]]


@dataclass(frozen=True, slots=True)
class Differing:
    """What differs between two builds: `places`, and where in the pack each package lies that does.

    A build that fails differs in that. What a pack has of a package that differs itself is told
    of the package alone.
    """

    places: Found
    packed: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there was nothing to compare, because the build failed."""
        return any(place.where == FAILED for place in self.places)


def differences_of(base: Built, made: Built) -> Differing:
    """What differs between two builds."""
    places: dict[Place, tuple[Difference, ...]] = {}
    packed: dict[str, str] = {}
    now = time.time()
    for target, each in _every(base, made, packed):
        difference = dated(each, now)
        place = place_of(target, difference)
        places[place] = (*places.get(place, ()), difference)
    return Differing(places, packed)


def place_of(target: str, difference: Difference) -> Place:
    """Where a difference is, as far as that is the same for every pair of builds.

    The content of a file is one place, since a line more moves all others and what is inside of an
    archive can have other names each time; so are the files of a directory that come and go.
    """
    where, name, kind = difference.where, difference.field, difference.kind
    steps = [number for number, part in enumerate(where[1:], 1) if not _PART.fullmatch(part)]
    if not steps:
        return Place(target, where, name, kind)
    at = steps[0]
    inner = where[at]
    if difference.cause in _COMING_AND_GOING and len(where) == at + 1:
        return Place(target, (*where[:at], inner.rpartition("/")[0]), "files", kind)
    if target == PACK or inner.startswith("info/"):
        what = "content" if _OF_TEXTS.fullmatch(name) else name
        return Place(target, where[: at + 1], what, kind)
    plain = len(where) == at + 1 and name in _OF_HEADERS
    return Place(target, where[: at + 1], name if plain else "content", kind)


def once(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Each difference once; their values may be lists, which have no hash."""
    return tuple({_key(each): each for each in differences}.values())


def _key(difference: Difference) -> str:
    return json.dumps(difference.to_json(), sort_keys=True, default=str)


def _every(base: Built, made: Built, packed: dict[str, str]) -> Iterator[tuple[str, Difference]]:
    from pytest_pixipack.compare import compare_artifacts, compare_packs

    if made.error is not None:
        text = made.error.message
        yield "build", Difference(FAILED, "result", "payload", "a package", text, "unknown")
        return
    differing: set[str] = set()
    for name in sorted({*base.files, *made.files} - {PACK}):
        left, right = base.files.get(name), made.files.get(name)
        if left is None or right is None:
            cause = "file-added" if left is None else "file-removed"
            sides = (left and left.name, right and right.name)
            yield name, Difference((name,), "package", "payload", *sides, cause)
            continue
        if left.name != right.name:
            sides = (left.name, right.name)
            place = (left.name,)
            yield name, Difference(place, "file name", "payload", *sides, "build-string")
        for each in compare_artifacts(left, right).differences:
            yield name, each
            differing |= {left.name, right.name}
    packs = base.files.get(PACK), made.files.get(PACK)
    if packs[0] is not None and packs[1] is not None:
        for each in compare_packs(packs[0], packs[1]).differences:
            of = {part.rpartition("/")[2]: part for part in each.where} if differing else {}
            packed.update((name, of[name]) for name in differing & of.keys())
            if not (differing & of.keys() or (differing and _follows(each))):
                yield PACK, each


def _follows(difference: Difference) -> bool:
    """Whether a difference of packs follows from packages that are told of by themselves."""
    return difference.field in ("bytes", "file name")
