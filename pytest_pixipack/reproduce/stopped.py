"""What is another one each time: does it follow the clock, or is it chance?

A time can be written in many ways, in hexadecimal, in bytes, in the name of a file, as the seed of
something else, and no look at two files tells such a one from chance. So it is tried: builds whose
clock stands still at one moment have to be the same, those at another moment as well, and the ones
have to differ from the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.reproduce.attribute import Spent
from pytest_pixipack.reproduce.bench import Bench
from pytest_pixipack.reproduce.builds import Built
from pytest_pixipack.reproduce.differences import Place, differences_of
from pytest_pixipack.reproduce.later import seconds_later

# A place, whatever the kind of its difference is.
_Spot = tuple[str, tuple[str, ...], str]
# At both moments in turn. Something that is one of two by chance looks like a time in one of 32.
_ONE, _OTHER = 0, 1
_TURNS = (_ONE, _ONE, _OTHER, _OTHER, _ONE, _OTHER)


def following_the_clock(bench: Bench, places: Iterable[Place]) -> frozenset[Place]:
    """Those of these places that differ only because time passes.

    Two builds where all of them are chance, six else; none where so many are not left, or the clock
    cannot be stopped here. A build that fails with a clock that stands still tells nothing.
    """
    left = frozenset(places)
    begin = bench.moment
    if not left or begin is None or bench.left < len(_TURNS):
        return frozenset()
    moments = (begin, begin + seconds_later(begin))
    firsts: dict[int, Built] = {}
    for turn in _TURNS:
        try:
            made = bench.stopped(moments[turn])
        except (Spent, Infrastructure):
            return frozenset()
        if made.error is not None:
            return frozenset()
        if turn in firsts:
            differing = _differing(firsts[turn], made)
            left = frozenset(place for place in left if _spot(place) not in differing)
        elif firsts:
            differing = _differing(firsts[_ONE], made)
            left = frozenset(place for place in left if _spot(place) in differing)
        firsts.setdefault(turn, made)
        if not left:
            break
    return left


def _differing(one: Built, other: Built) -> frozenset[_Spot]:
    return frozenset(map(_spot, differences_of(one, other).places))


def _spot(place: Place) -> _Spot:
    return place.target, place.where, place.what
