"""What differs between two builds of the same workspace, by place."""

from __future__ import annotations

from typing import TypeAlias

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built

# Where a build differs that fails.
FAILED = ("build",)
# (target, where, field): one place where two builds may differ.
Place: TypeAlias = tuple[str, tuple[str, ...], str]


def differences_of(base: Built, made: Built) -> dict[Place, Difference]:
    """What differs between two builds, by place.

    A build that fails differs in that. What a pack has of a package that differs itself is told
    of the package alone.
    """
    from pytest_pixipack.compare import compare_artifacts, compare_packs

    if made.error is not None:
        text = made.error.message
        failed = Difference(FAILED, "result", "payload", "a package", text, "unknown")
        return {("build", failed.where, failed.field): failed}
    found: dict[Place, Difference] = {}
    differing: set[str] = set()
    for name in sorted({*base.files, *made.files} - {PACK}):
        left, right = base.files.get(name), made.files.get(name)
        if left is None or right is None:
            cause = "file-added" if left is None else "file-removed"
            sides = (left and left.name, right and right.name)
            each = Difference((name,), "package", "payload", *sides, cause)
            found[name, each.where, each.field] = each
            continue
        if left.name != right.name:
            each = Difference(
                (left.name,), "file name", "payload", left.name, right.name, "build-string"
            )
            found[name, each.where, each.field] = each
        for each in compare_artifacts(left, right).differences:
            found[name, each.where, each.field] = each
            differing |= {left.name, right.name}
    packs = base.files.get(PACK), made.files.get(PACK)
    if packs[0] is not None and packs[1] is not None:
        for each in compare_packs(packs[0], packs[1]).differences:
            if not _is_of(each, differing):
                found[PACK, each.where, each.field] = each
    return found


def _is_of(difference: Difference, names: set[str]) -> bool:
    """Whether a difference of packs follows from packages that are told of by themselves."""
    steps = {part.rpartition("/")[2] for part in difference.where}
    return bool(steps & names) or (difference.field in ("bytes", "file name") and bool(names))
