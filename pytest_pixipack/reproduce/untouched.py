"""What of a package differs from build to build although nothing was touched."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.compare.model import VERDICTS, Difference
from pytest_pixipack.reproduce.agreement import VAGUE
from pytest_pixipack.reproduce.rebuilding import Rebuilt

# Where a build failed, nothing of it can be compared.
_ALL = "the build"
# What a comparison can take a change for, and what the same build with the same tools cannot have.
_NOT_BY_ITSELF = frozenset({
    "dependency-change", "source-identifier", "tool-version", "version-change",
})  # fmt: skip


class Untouched:
    """What comes out where nothing is touched, and what of it is noise: other each time.

    An edit can be judged by what it changes beside the noise only.
    """

    def __init__(self, first: Rebuilt, second: Rebuilt) -> None:
        self._first = first
        self._noise: set[str] = set()
        self.cause: str | None = None
        self.evidence: str | None = None
        self.is_noise(second)

    @property
    def noise(self) -> tuple[str, ...]:
        """The paths in the package that differ, sorted."""
        return tuple(sorted(self._noise))

    def is_noise(self, built: Rebuilt, other: Rebuilt | None = None) -> bool:
        """Takes note of what two builds of the same differ in (the first one, where only one is
        given); whether that is more than was known.
        """
        known = len(self._noise)
        before = other or self._first
        found = _differing(before, built)
        if found and not self._noise:
            self.cause, self.evidence = _cause(before.path, built.path)
        self._noise |= found
        return len(self._noise) > known

    def differs(self, built: Rebuilt) -> bool | None:
        """Whether a build is another one than where nothing is touched; None where that cannot be
        told, for what differs may be noise.
        """
        if _ALL in self._noise:
            return None
        if _differing(self._first, built) - self._noise:
            return True
        return None if self._noise else False


def _differing(left: Rebuilt, right: Rebuilt) -> set[str]:
    """The places in a package that are not the same."""
    if left.parts is None or right.parts is None:
        return {_ALL} if left.parts != right.parts else set()
    both = left.parts.keys() | right.parts.keys()
    return {path for path in both if left.parts.get(path) != right.parts.get(path)}


def _cause(left: Path | None, right: Path | None) -> tuple[str | None, str | None]:
    """The cause that the comparison of two files names; `random` where it names none, None where
    it names one that cannot be.
    """
    from pytest_pixipack.compare.artifacts import compare_artifacts

    if left is None or right is None or not (left.is_file() and right.is_file()):
        return "random", None

    def worst(each: Difference) -> tuple[int, bool]:
        return -VERDICTS.index(each.kind), each.cause in VAGUE

    found = compare_artifacts(left, right).differences
    first = min(found, key=worst, default=None)
    if first is None or first.cause is None or first.cause in VAGUE:
        return "random", None
    if first.cause in _NOT_BY_ITSELF:
        return None, None
    return first.cause, first.evidence
