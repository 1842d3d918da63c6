"""Is it the condition, or chance? What all builds together say of what a search has found.

A build that differs now and then leads any search astray. So the conditions that were found are
changed alone once more, and builds as usual are repeated: a condition is named where what it makes
came every time with it and never without it, in enough builds to tell that from chance.

Knows nothing of builds, as `attribute` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_pixipack.reproduce.attribute import Names, Places

Judgement = Literal["confirmed", "refuted", "open"]

# Builds with the very condition, and as many as usual ...
_ALONE = 2
# ... where any other build contradicts what was found, as something that comes by chance does, or
# where only several conditions together are held to do it: chance looks like that more often.
_ALONE_IN_DOUBT = 4
# All builds with the condition that show it, and all without it that do not.
_AGREEING = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One build: the conditions that were changed, and what differed then.

    `hidden` is whether what differs could not be seen, because the build failed.
    """

    names: frozenset[str]
    places: Places
    hidden: bool = False


def judged(
    names: Names, place: object, explanations: Iterable[Names], trials: Sequence[Trial]
) -> Judgement:
    """What the trials say of a place that these conditions are held to make differ.

    `explanations` are all sets of conditions that are held to do that, these among them.
    """
    changed = frozenset(names)
    seen = [trial for trial in trials if not trial.hidden or place in trial.places]
    alone = [place in trial.places for trial in seen if trial.names == changed]
    usual = [place in trial.places for trial in seen if not trial.names]
    if not all(alone) or any(usual):
        return "refuted"
    others = [frozenset(each) for each in explanations]
    with_it = [place in trial.places for trial in seen if changed <= trial.names]
    without = [
        place in trial.places for trial in seen if not any(other <= trial.names for other in others)
    ]
    doubtful = not all(with_it) or any(without)
    needed = _ALONE_IN_DOUBT if doubtful or len(changed) > 1 else _ALONE
    enough = sum(with_it) >= _AGREEING and without.count(False) >= _AGREEING
    return "confirmed" if min(len(alone), len(usual)) >= needed and enough else "open"


def judgements(
    causes: Mapping[Names, Places], trials: Sequence[Trial]
) -> dict[tuple[Names, object], Judgement]:
    """What the trials say of everything that was found."""
    return {
        (names, place): judged(
            names, place, [other for other, shown in causes.items() if place in shown], trials
        )
        for names, places in causes.items()
        for place in places
    }
