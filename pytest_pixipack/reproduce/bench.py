"""Where builds run side by side, never more than allowed, and what was observed of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.attribute import Names, Spent
from pytest_pixipack.reproduce.builds import Built, Lane
from pytest_pixipack.reproduce.conditions import words
from pytest_pixipack.reproduce.differences import Differing, differences_of
from pytest_pixipack.reproduce.variations import CLOCK, Variation, stopped_clock

USUAL: Names = ()
# Builds that have to be allowed for each lane, whose first one is a build as usual: with fewer, the
# lanes would use them up.
_FOR_EACH_LANE = 10
# How long a build may take whose clock stands still, for it may wait for time to pass: in seconds,
# and as a multiple of the longest build so far.
_PATIENCE, _TIMES_AS_LONG = 60.0, 10

Seen = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What differs with some conditions changed, and what was seen then and usually."""

    names: Names
    differing: Differing
    usual: Seen
    varied: Seen


class Bench:
    """Runs builds in lanes; `observations` are all that were made, `builds` their number.

    A context manager: at its end, no build runs. `most` is never exceeded; `reserved` builds of
    those are kept back until it is set to 0.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        known: Mapping[str, Variation],
        most: int,
        progress: Callable[[str], None],
    ) -> None:
        self._lanes = lanes[: max(1, most // _FOR_EACH_LANE)]
        self._known = known
        self._marks = {name: lanes[0].marks(each) for name, each in known.items()}
        self._progress = progress
        self._saying = threading.Lock()
        self._said = 0
        self._longest = 0.0
        self._pool = ThreadPoolExecutor(len(self._lanes))
        self.most = most
        self.reserved = 0
        self.builds = 0
        self.observations: list[Observation] = []

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for lane in self._lanes:
                lane.stop()
        self._pool.shutdown()

    @property
    def left(self) -> int:
        """How many builds are allowed yet."""
        return self.most - self.builds - self.reserved

    @property
    def bases(self) -> tuple[Built, ...]:
        """The builds that others are compared with, one for each lane that was used."""
        return tuple(lane.base for lane in self._lanes if lane.base is not None)

    def observe(self, groups: Sequence[Names]) -> list[Observation]:
        """Builds with each of these sets of conditions changed, and compares.

        Raises `Spent` where that would be more builds than are allowed, what the first build
        raises, and `Infrastructure` where builds cannot be run.
        """
        lanes = self._lanes_for(len(groups))
        self.builds += len(groups) + sum(lane.base is None for lane in lanes)
        shares = [groups[number :: len(lanes)] for number in range(len(lanes))]
        done = list(self._pool.map(self._share, lanes, shares))
        found = [done[n % len(lanes)][n // len(lanes)] for n in range(len(groups))]
        self.observations += found
        return found

    @property
    def moment(self) -> float | None:
        """When the experiment began, in seconds since 1970; None where no clock can be stopped."""
        return self._lanes[0].moment

    def stopped(self, moment: float) -> Built:
        """Builds as usual with a clock that stands still, at a moment in seconds since 1970.

        It is compared with nothing. Raises `Spent` where no build is left, and `Infrastructure`
        where it cannot be run or does not end.
        """
        if self.left < 1:
            raise Spent
        self.builds += 1
        clock = stopped_clock(moment)
        self._say(f"with {clock.what}")
        timeout = _PATIENCE + _TIMES_AS_LONG * self._longest
        return self._lanes[0].build([clock], timeout)

    def look(self, names: Names) -> Seen:
        """What a process sees with these conditions changed; nothing is built."""
        return self._lanes[0].look([self._known[name] for name in names])

    def known_by(self, difference: Difference) -> frozenset[str]:
        """The variations of which what differs has words that it usually has not."""
        new = words(str(difference.right)) - words(str(difference.left))
        return frozenset(name for name, own in self._marks.items() if own & new)

    def _lanes_for(self, number: int) -> list[Lane]:
        """Lanes for so many builds, first those that have a build to compare with."""
        ready = sorted(self._lanes, key=lambda lane: lane.base is None)[:number]
        while ready and number + sum(lane.base is None for lane in ready) > self.left:
            ready.pop()
        if not ready:
            raise Spent
        return ready

    def _share(self, lane: Lane, groups: Sequence[Names]) -> list[Observation]:
        return [self._observed(lane, names) for names in groups]

    def _observed(self, lane: Lane, names: Names) -> Observation:
        if lane.base is None:
            lane.base = self._build(lane, USUAL, "as usual")
            if lane.base.error is not None:
                raise lane.base.error
        what = ", ".join(names) if 0 < len(names) < len(self._known) else "everything"
        made = self._build(lane, names, f"with {what} changed" if names else "once more")
        return Observation(names, differences_of(lane.base, made), lane.base.seen, made.seen)

    def _build(self, lane: Lane, names: Names, what: str) -> Built:
        self._say(what)
        begun = time.monotonic()
        variations = [self._known[name] for name in names]
        made = lane.build(variations)
        if CLOCK in names and self.left > 0 and lane.leaves_faketime(made):
            with self._saying:
                self.builds += 1
            self._say(f"{what}, without libfaketime")
            made = lane.build(variations)
        self._longest = max(self._longest, time.monotonic() - begun)
        return made

    def _say(self, what: str) -> None:
        with self._saying:
            self._said += 1
            self._progress(f"build {self._said}: {what}")
