"""What an experiment's builds come to: differences with their conditions, variations, targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.reproduce.agreement import agree, sharpened
from pytest_pixipack.reproduce.attribute import Names
from pytest_pixipack.reproduce.bench import Bench
from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.differences import FAILED, Found, Place, once
from pytest_pixipack.reproduce.model import (
    RANDOM,
    Attributed,
    Reproduction,
    Target,
    VariationResult,
    worst,
)
from pytest_pixipack.reproduce.noise import is_of_passing_time
from pytest_pixipack.reproduce.reach import Reach
from pytest_pixipack.reproduce.search import Outcome


def reproduction_of(outcome: Outcome, bench: Bench, reach: Mapping[str, Reach]) -> Reproduction:
    """The result, but for what was built. `reach` has all variations that were asked for."""
    found: dict[Place, list[Attributed]] = {}
    for place, each in _attributed(outcome, timed="clock" in reach):
        found.setdefault(place, []).append(each)
    flat = [each for place in sorted(found) for each in _without_repeated(found[place])]
    return Reproduction(
        workspace=Path(),
        environment="",
        platform="",
        targets=_targets(bench, found),
        variations=tuple(
            replace(_variation(name, flat, each), told=not each.applied or _is_told(name, outcome))
            for name, each in reach.items()
        ),
        differences=tuple(flat),
        hidden=tuple(dict.fromkeys(place.where for place in outcome.hidden)),
        builds=bench.builds,
        most=bench.most,
    )


def _attributed(outcome: Outcome, *, timed: bool) -> Iterator[tuple[Place, Attributed]]:
    for names, place, each in _each(outcome.causes):
        yield place, _of_conditions(each, names, resolved=True)
    for names, place, each in _each(outcome.unresolved):
        yield place, _of_conditions(each, names, resolved=False)
    for place, differences in {**outcome.restless, **outcome.chance}.items():
        restless = place in outcome.restless
        for each in differences:
            passing = timed and restless and is_of_passing_time(each)
            if passing or place in outcome.of_the_clock:
                yield place, _of_conditions(each, ("clock",), resolved=True)
            else:
                yield place, _of_chance(each, outcome, place)


def _each(found: Mapping[Names, Found]) -> Iterator[tuple[Names, Place, Difference]]:
    for names, places in found.items():
        for place, differences in places.items():
            for each in differences:
                yield names, place, each


def _of_conditions(difference: Difference, names: Names, *, resolved: bool) -> Attributed:
    claimed = difference.cause
    # A build that fails says why itself.
    known = resolved and difference.where != FAILED
    cause = sharpened(claimed, names) if known else claimed
    return Attributed(difference, names, claimed, cause, agree(claimed, names), resolved)


def _of_chance(difference: Difference, outcome: Outcome, place: Place) -> Attributed:
    """What comes and goes, with the one condition without which it is clear that it does not."""
    counts = outcome.counts.get(place)
    common = outcome.common.get(place, ())
    names = common if counts is not None and len(common) == 1 and counts.is_clear else ()
    return Attributed(difference, names, difference.cause, RANDOM, seen=counts)


def _is_told(name: str, outcome: Outcome) -> bool:
    """Whether all that this condition could change was to be seen, each time."""
    return not outcome.hidden and not any(name in names for names in outcome.common.values())


def _without_repeated(found: Sequence[Attributed]) -> list[Attributed]:
    """Without differences that the experiment has made the same: a date, and its time zone."""
    known: dict[tuple[object, ...], Attributed] = {}
    for each in found:
        key = (each.difference.where, each.difference.field, each.variations, each.cause)
        if key not in known or each.claimed == each.cause:
            known[key] = each
    return list(known.values())


def _variation(name: str, found: Sequence[Attributed], reach: Reach) -> VariationResult:
    own = [each for each in found if name in each.variations]
    if not reach.applied and not own:
        return VariationResult(name, False, reach.reason)
    others = {other for each in own for other in each.variations} - {name}
    return VariationResult(
        name,
        True,
        reach.reason if reach.applied else None,
        worst(own),
        tuple(sorted({each.cause or "unknown" for each in own})),
        tuple(sorted(others)),
    )


def _targets(bench: Bench, found: Mapping[Place, Sequence[Attributed]]) -> tuple[Target, ...]:
    names = sorted({name for base in bench.bases for name in base.files})
    own: dict[str, list[Difference]] = {name: [] for name in names}
    packed = {name: place for each in bench.observations
              for name, place in each.differing.packed.items()}  # fmt: skip
    for place, those in found.items():
        for each in those:
            difference = each.difference
            own.setdefault(place.target, []).append(difference)
            inside = packed.get(difference.where[0]) if place.target != PACK else None
            if inside is not None and PACK in own:
                where = (PACK, inside, *difference.where[1:])
                own[PACK].append(replace(difference, where=where))
    return tuple(
        Target(name, "pack" if name == PACK else "artifact", Comparison.of(once(own[name])))
        for name in names
    )
