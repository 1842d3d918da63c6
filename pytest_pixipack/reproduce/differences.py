"""What differs between two builds of the same workspace, by place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built

# Where a build differs that fails.
FAILED = ("build",)
# (target, where, field): one place where two builds may differ.
Place: TypeAlias = tuple[str, tuple[str, ...], str]
Found: TypeAlias = Mapping[Place, tuple[Difference, ...]]

# The tars inside of a package, whose members say by their names which one they are in.
_PART = re.compile(r"(?:pkg|info)-.*\.tar\.zst")
# What of a file is not its content.
_OF_HEADERS = frozenset({"mode", "mtime", "owner", "executable", "kind", "target"})
_OF_TEXTS = re.compile(r"lines? \d.*|order of lines|content|notation|line ends")


def differences_of(base: Built, made: Built) -> Found:
    """What differs between two builds, by place.

    A build that fails differs in that. What a pack has of a package that differs itself is told
    of the package alone.
    """
    found: dict[Place, tuple[Difference, ...]] = {}
    for target, difference in _every(base, made):
        place = place_of(target, difference)
        found[place] = (*found.get(place, ()), difference)
    return found


def place_of(target: str, difference: Difference) -> Place:
    """Where a difference is, as far as that is the same for every pair of builds.

    The content of a file is one place, since a line more moves all others and what is inside of an
    archive can have other names each time; so are the files of a directory that come and go.
    """
    where, field = difference.where, difference.field
    steps = [number for number, part in enumerate(where[1:], 1) if not _PART.fullmatch(part)]
    if not steps:
        return target, where, field
    at = steps[0]
    inner = where[at]
    if difference.cause in ("file-added", "file-removed") and len(where) == at + 1:
        return target, (*where[:at], inner.rpartition("/")[0]), "files"
    if target == PACK or inner.startswith("info/"):
        return target, where[: at + 1], "content" if _OF_TEXTS.fullmatch(field) else field
    plain = len(where) == at + 1 and field in _OF_HEADERS
    return target, where[: at + 1], field if plain else "content"


def _every(base: Built, made: Built) -> Iterator[tuple[str, Difference]]:
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
            if not _is_of(each, differing):
                yield PACK, each


def _is_of(difference: Difference, names: set[str]) -> bool:
    """Whether a difference of packs follows from packages that are told of by themselves."""
    steps = {part.rpartition("/")[2] for part in difference.where}
    return bool(steps & names) or (difference.field in ("bytes", "file name") and bool(names))
