"""One experiment: which builds are run, and what they say of the conditions.

Usual builds first, then everything changed at once; where that makes a difference, the conditions
are told apart, and what was found is tried again, because builds may differ by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.agreement import suspects
from pytest_pixipack.reproduce.attribute import Attribution, Names, Places, Spent, attribute
from pytest_pixipack.reproduce.bench import USUAL, Bench, Observation
from pytest_pixipack.reproduce.differences import FAILED, Found, Place
from pytest_pixipack.reproduce.evidence import Trial, judgements
from pytest_pixipack.reproduce.noise import Noise, is_of_passing_time
from pytest_pixipack.reproduce.sometimes import Counts, common_to_all, counted, next_builds
from pytest_pixipack.reproduce.stopped import following_the_clock

# Builds that are kept back to try a condition again: with it, and as usual.
_RESERVED = 2
# How often what was found is tried again at most.
_MOST_ROUNDS = 4
# How often what comes and goes is tried again at most, in two builds each time.
_MOST_PURSUITS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What differs: through which conditions, and by itself.

    `causes` are sets of conditions that were confirmed, `unresolved` those for which no build was
    left; `restless` is what two builds under the same conditions differ in, `chance` what came and
    went. In the `hidden` places, a condition could change something without being seen. What
    differs at those `of_the_clock` follows the clock, as builds with a stopped one have shown.
    `common` are the conditions that were changed whenever a place of `chance` was seen, `counts`
    how often that was; the former may be one by chance, unless the latter are clear.
    """

    causes: Mapping[Names, Found] = field(default_factory=dict)
    unresolved: Mapping[Names, Found] = field(default_factory=dict)
    restless: Found = field(default_factory=dict)
    chance: Found = field(default_factory=dict)
    hidden: tuple[Place, ...] = ()
    of_the_clock: frozenset[Place] = frozenset()
    common: Mapping[Place, Names] = field(default_factory=dict)
    counts: Mapping[Place, Counts] = field(default_factory=dict)


def investigate(bench: Bench, tried: Names) -> Outcome:
    """Runs the builds. Raises as `Bench.observe`, but for `Spent`: three builds are needed."""
    return _Investigation(bench, tried).run()


class _Investigation:
    def __init__(self, bench: Bench, tried: Names) -> None:
        self._bench = bench
        self._tried = tried
        self._noise = Noise()

    def run(self) -> Outcome:
        self._observe([USUAL, self._tried])
        found = Attribution()
        if self._shows_more():
            self._bench.reserved = _RESERVED
            found = self._behind_failures(self._searched(self._tried))
            self._bench.reserved = 0
            if found.unresolved:  # to know which one it may be is more than to be sure of several
                found = self._behind_failures(self._searched(self._tried))
            self._try_again(found)
        self._pursue(found)
        return self._of_the_clock(self._counted(self._outcome(found)))

    # --- builds -----------------------------------------------------------------------------------
    def _observe(self, groups: Sequence[Names]) -> list[Places]:
        """What differs with these conditions changed and not anyway."""
        made = self._bench.observe(groups)
        for each in made:
            if each.names == USUAL:
                self._noise.learn(each.differing.places)
        return [self._places(each) for each in made]

    def _places(self, observation: Observation) -> Places:
        return frozenset(self._noise.beyond(observation.differing.places))

    def _shows_more(self) -> bool:
        """Whether something differs with everything changed that does not differ anyway."""
        (everything,) = (each for each in self._observations() if each.names)
        places = self._places(everything)
        if not places or places - self._noise.places.keys():
            return bool(places)
        # It is in files that are others each time: perhaps more often than was seen.
        try:
            self._observe([USUAL])
        except Spent:
            return True
        return bool(self._places(everything))

    def _observations(self) -> list[Observation]:
        return self._bench.observations

    def _known(self) -> dict[Names, Places]:
        return {each.names: self._places(each) for each in self._observations() if each.names}

    # --- what it was ------------------------------------------------------------------------------
    def _searched(self, names: Names) -> Attribution:
        return attribute(names, self._observe, self._bench.left, self._known(), self._suspects)

    def _suspects(self, names: Names, places: Places) -> frozenset[str]:
        """The conditions that what differs with these changed looks like: by words, or by cause."""
        seen = [
            each
            for observation in self._observations()
            if observation.names == names
            for place, differences in self._noise.beyond(observation.differing.places).items()
            if place in places
            for each in differences
        ]
        by_words = map(self._bench.known_by, seen)
        return frozenset().union(*by_words) or suspects(each.cause for each in seen)

    def _behind_failures(self, found: Attribution) -> Attribution:
        """Also what differs with the conditions changed under which the build does not fail."""
        failing = {
            name
            for names, places in found.causes.items()
            if any(_is_failure(place) for place in places)
            for name in names
        }
        rest = tuple(name for name in self._tried if name not in failing)
        if not failing or not rest or rest in self._known():
            return found
        more = self._searched(rest)
        return Attribution(_joined(found.causes, more.causes),
                           _joined(found.unresolved, more.unresolved))  # fmt: skip

    def _try_again(self, found: Attribution) -> None:
        """Repeats what was found, and builds as usual, until they say what it was.

        In another order each time: else something that every third build does comes with the same
        condition again and again.
        """
        for number in range(_MOST_ROUNDS):
            judged = judgements(found.causes, self._trials())
            doubted = dict.fromkeys(names for (names, _), each in judged.items() if each == "open")
            if not doubted:
                return
            try:
                self._observe(_rotated([*doubted, USUAL], number))
            except Spent:
                try:
                    self._observe(_rotated([next(iter(doubted)), USUAL], number))
                except Spent:
                    return

    def _trials(self) -> list[Trial]:
        return [
            Trial(frozenset(each.names), self._places(each), each.differing.failed)
            for each in self._observations()
        ]

    def _pursue(self, found: Attribution) -> None:
        """Builds more, with and without conditions that may be behind what comes and goes."""
        for _ in range(_MOST_PURSUITS):
            trials = self._trials()
            wanted = (
                next_builds(place, self._tried, trials) for place in self._outcome(found).chance
            )
            groups = next(filter(None, wanted), None)
            if groups is None:
                return
            try:
                self._observe(groups)
            except Spent:
                return

    def _counted(self, outcome: Outcome) -> Outcome:
        """With what is common to the builds in which something came and went."""
        trials = self._trials()
        common = {place: common_to_all(place, self._tried, trials) for place in outcome.chance}
        counts = {place: counted(place, names, trials) for place, names in common.items()}
        return replace(outcome, common=common, counts=counts)

    def _of_the_clock(self, outcome: Outcome) -> Outcome:
        """With what of all that differs by itself does so because time passes."""
        if "clock" not in self._tried:
            return outcome
        doubtful = [
            place
            for place, differences in {**outcome.restless, **outcome.chance}.items()
            if not all(map(is_of_passing_time, differences))
            and "clock" in (outcome.common.get(place) or ("clock",))
        ]
        return replace(outcome, of_the_clock=following_the_clock(self._bench, doubtful))

    # --- what it means ----------------------------------------------------------------------------
    def _outcome(self, found: Attribution) -> Outcome:
        causes: dict[Names, dict[Place, tuple[Difference, ...]]] = {}
        unresolved: dict[Names, dict[Place, tuple[Difference, ...]]] = {}
        chance: dict[Place, tuple[Difference, ...]] = {}
        for (names, place), judgement in judgements(found.causes, self._trials()).items():
            assert isinstance(place, Place)
            if judgement == "refuted":
                chance[place] = self._differences(place, names)
            else:
                into = causes if judgement == "confirmed" else unresolved
                into.setdefault(names, {})[place] = self._differences(place, names)
        for names, places in found.unresolved.items():
            for place in places:
                assert isinstance(place, Place)
                unresolved.setdefault(names, {})[place] = self._differences(place, names)
        told = {place for each in (*causes.values(), *unresolved.values()) for place in each}
        for names, place in self._untold(told | chance.keys() | self._noise.places.keys()):
            if self._came_and_went(names, place):
                chance[place] = self._differences(place, names)
            else:
                unresolved.setdefault(names, {})[place] = self._differences(place, names)
        restless = self._noise.places
        return Outcome(
            causes,
            unresolved,
            restless,
            {place: each for place, each in chance.items() if place not in restless},
            self._noise.hides(),
        )

    def _differences(self, place: Place, names: Names) -> tuple[Difference, ...]:
        """As these conditions make them, or as they were seen where they were not changed alone."""
        every = sorted(self._observations(), key=lambda each: each.names != names)
        seen = [each.differing.places.get(place, ()) for each in every]
        beyond = (self._noise.new(place, differences) for differences in seen)
        return next(filter(None, beyond), None) or next(filter(None, seen), ())

    def _untold(self, told: set[Place]) -> Iterator[tuple[Names, Place]]:
        """What was seen and is told of nowhere, with the smallest set with which it was seen."""
        for each in sorted(self._observations(), key=lambda each: len(each.names)):
            for place in each.differing.places:
                if place not in told:
                    told.add(place)
                    yield each.names, place

    def _came_and_went(self, names: Names, place: Place) -> bool:
        return any(
            place not in each.differing.places and not each.differing.failed
            for each in self._observations()
            if each.names == names
        )


def _rotated(groups: Sequence[Names], steps: int) -> list[Names]:
    start = steps % len(groups)
    return [*groups[start:], *groups[:start]]


def _is_failure(place: object) -> bool:
    return isinstance(place, Place) and place.where == FAILED


def _joined(one: Mapping[Names, Places], other: Mapping[Names, Places]) -> dict[Names, Places]:
    return {
        names: one.get(names, frozenset()) | other.get(names, frozenset())
        for names in {**one, **other}
    }
