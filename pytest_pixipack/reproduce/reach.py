"""Did a change of conditions get to the processes that build?

Each variation is judged by what those processes saw in builds with it, beside builds as usual. What
others than ours are seen by may be changed by something else as well: those are also changed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.reproduce.attribute import Names
from pytest_pixipack.reproduce.bench import USUAL, Observation, Seen
from pytest_pixipack.reproduce.conditions import Machine
from pytest_pixipack.reproduce.variations import Variation, is_ours

# Names that are told.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a variation took effect; `reason` says why not, or what of it did not."""

    applied: bool
    reason: str | None = None


def reached(
    variations: Mapping[str, Variation],
    machine: Machine,
    observations: Sequence[Observation],
    look: Callable[[Names], Seen],
) -> dict[str, Reach]:
    """What became of each of these variations.

    `look` tells what a process sees with some conditions changed, without a build.
    """
    alone: dict[str, Seen] = {}
    if not all(map(is_ours, variations.values())):
        alone = {name: look((name,)) for name in variations}
        alone["usual"] = look(USUAL)
    found = {}
    for name, variation in variations.items():
        pairs = list(_pairs(name, observations))
        if alone and not _has_effect(variation, zip(alone["usual"], alone[name], strict=False)):
            found[name] = Reach(False, variation.unseen)
        else:
            found[name] = _reach(variation, machine, pairs)
    return found


def _pairs(name: str, observations: Sequence[Observation]) -> Iterator[tuple[Any, Any]]:
    """What processes saw usually and with the variation, as far as they stand for each other."""
    for each in observations:
        if name in each.names:
            yield from zip(each.usual, each.varied, strict=False)


def _has_effect(variation: Variation, pairs: Iterator[tuple[Any, Any]]) -> bool:
    return any(variation.effect(usual, varied) for usual, varied in pairs)


def _reach(variation: Variation, machine: Machine, pairs: list[tuple[Any, Any]]) -> Reach:
    effects = [variation.effect(usual, varied) for usual, varied in pairs]
    if not any(effects):
        return Reach(False, variation.unseen)
    missed = next(filter(None, (variation.missed(machine, varied) for _, varied in pairs)), None)
    without = [pair[1] for pair, effect in zip(pairs, effects, strict=True) if not effect]
    return Reach(
        True, "; ".join(filter(None, (variation.note(machine), missed or _not(without)))) or None
    )


def _not(without: Sequence[Mapping[str, Any]]) -> str | None:
    """Which processes do not see the change, because they are run with variables of their own."""
    names = list(dict.fromkeys(str(seen["process"]) for seen in without if seen.get("process")))
    if not names:
        return None
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"it does not get to {', '.join(names[:_MOST])}{more}"
