"""What is seen now and then: only with some conditions, or with any?

A race between parallel jobs is there with several jobs only, and not each time. Such a difference
is no condition's alone, and it does not come by itself either. So it is counted with the condition
and without it, in more builds, until that is told from chance.

Knows nothing of builds, as `evidence` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from pytest_pixipack.reproduce.attribute import Names
from pytest_pixipack.reproduce.evidence import Trial

# How often chance alone would spread so, at most, and how often it has to be seen.
_BY_CHANCE, _FEWEST = 0.01, 3


@dataclass(frozen=True, slots=True)
class Counts:
    """Of how many builds with some conditions, and of how many others, something was seen in."""

    seen: int
    builds: int
    seen_without: int = 0
    builds_without: int = 0

    def to_json(self) -> dict[str, Any]:
        """`seen` of an entry of `differences`."""
        return {
            "with": [self.seen, self.builds],
            "without": [self.seen_without, self.builds_without],
        }

    @classmethod
    def from_json(cls, value: Any) -> Counts:
        """The reverse of `to_json`."""
        return cls(*value["with"], *value["without"])

    @property
    def is_clear(self) -> bool:
        """Whether it is only seen with the conditions, and too often for chance: that all `seen`
        builds are among those with the conditions (the hypergeometric distribution, as in Fisher's
        exact test).
        """
        if self.seen_without or self.seen < _FEWEST:
            return False
        every = self.builds + self.builds_without
        return comb(self.builds, self.seen) <= _BY_CHANCE * comb(every, self.seen)


def common_to_all(place: object, tried: Names, trials: Sequence[Trial]) -> Names:
    """The conditions that were changed in each build in which something was seen."""
    shown = [trial.names for trial in trials if place in trial.places]
    return tuple(name for name in tried if all(name in names for names in shown))


def counted(place: object, names: Names, trials: Sequence[Trial]) -> Counts:
    """The builds in which something was seen, with these conditions changed and without."""
    own = frozenset(names)
    known = [trial for trial in trials if not trial.hidden or place in trial.places]
    with_them = [place in trial.places for trial in known if own <= trial.names]
    without = [place in trial.places for trial in known if not own <= trial.names]
    return Counts(sum(with_them), len(with_them), sum(without), len(without))


def next_builds(place: object, tried: Names, trials: Sequence[Trial]) -> tuple[Names, ...]:
    """What to build to know more; nothing where it is known enough, or comes with any condition."""
    common = common_to_all(place, tried, trials)
    if not common:
        return ()
    if len(common) > 1:
        middle = (len(common) + 1) // 2
        return common[:middle], common[middle:]
    return () if counted(place, common, trials).is_clear else (common, ())
