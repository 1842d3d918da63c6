"""`reproduce`: builds a workspace again and again, and says which condition makes a difference."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.agreement import OF_PASSING_TIME, agree, sharpened
from pytest_pixipack.reproduce.attribute import Attribution, Names, Places, attribute
from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built, Lane, Wanted
from pytest_pixipack.reproduce.conditions import Machine, this_machine
from pytest_pixipack.reproduce.differences import FAILED, Found, Place, differences_of
from pytest_pixipack.reproduce.model import (
    RANDOM,
    Attributed,
    Reproduction,
    Target,
    VariationResult,
    worst,
)
from pytest_pixipack.reproduce.recording import record_of_build
from pytest_pixipack.reproduce.sources import (
    Pristine,
    place_for_sources,
    pristine_copy,
    remove,
    require_packages,
)
from pytest_pixipack.reproduce.variations import Variation, chosen_variations

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions

MOST_BUILDS = 60
_USUAL: Names = ()


def reproduce(
    root: Path,
    options: EngineOptions,
    *,
    vary: Sequence[str] | None = None,
    environment: str = "default",
    platform: str | None = None,
    jobs: int = 1,
    engine: str = "embedded",
    only: Sequence[str] | None = None,
    pack: bool = True,
    most_builds: int = MOST_BUILDS,
    extra: Iterable[Variation] = (),
    record: bool = False,
    directory: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Builds and packs the workspace in `root` again under changed conditions.

    `vary` names the conditions (default: all), `jobs` is the number of builds side by side, `only`
    names the source packages that are built, `most_builds` limits the number of builds. Work files
    go below `directory`, and are removed unless it is given. `progress` is told of every build.
    With `record`, the result has the provenance record of the usual build.

    Two builds under the same conditions come first: what differs there is `random`. Then all
    conditions are changed at once; only where that makes a difference, more builds find out which
    it was. Raises what the first build raises, `InvalidInput` for a variation that there is not,
    and `Infrastructure` where builds cannot be run.
    """
    chosen = chosen_variations(vary, extra)
    if most_builds < 3 + max(jobs - 1, 0):
        raise InvalidInput(
            f"{most_builds} builds are too few to compare anything.",
            remedy=f"Allow at least {3 + max(jobs - 1, 0)}.",
        )
    # Resolved: on macOS, /tmp and /var are links.
    scratch = Path(tempfile.mkdtemp(prefix="pixipack-", dir=directory)).resolve()
    memory = scratch
    copies: dict[Path, Path] = {scratch / "pristine": Path(root)}
    try:
        pristine = pristine_copy(root, options, scratch / "pristine", engine)
        subdir = platform or current_platform()
        wanted = Wanted(environment, subdir, tuple(only) if only is not None else None, pack)
        names = {each.name for each in chosen}
        if "directory-order" in names:
            memory = place_for_sources(scratch, pristine.directory)
        machine = this_machine(scratch, network=options.network, locales="locale" in names)
        lanes = [
            _lane(scratch, memory, number, pristine, machine, wanted, engine)
            for number in range(max(jobs, 1))
        ]
        copies |= {lane.usual.workspace / pristine.relative: pristine.source for lane in lanes}
        experiment = _Experiment(lanes, chosen, machine, most_builds, progress)
        if only:
            require_packages(only, pristine)
        found = replace(
            experiment.run(), workspace=Path(root), environment=environment, platform=subdir
        )
        if record:
            base = next(lane.base for lane in lanes if lane.base is not None)
            found = replace(found, record=record_of_build(pristine, base, environment, engine))
        return found
    except PixipackError as error:
        _name_the_workspace(error, copies)
        raise
    finally:
        if directory is None:
            remove(scratch)
        if memory != scratch:
            remove(memory)


def _name_the_workspace(error: PixipackError, copies: Mapping[Path, Path]) -> None:
    """Puts the workspace's own paths in the place of those of its copies."""
    for copy, real in copies.items():
        error.message = error.message.replace(str(copy), str(real))
        error.file = error.file and error.file.replace(str(copy), str(real))


def _lane(
    scratch: Path,
    memory: Path,
    number: int,
    pristine: Pristine,
    machine: Machine,
    wanted: Wanted,
    engine: str,
) -> Lane:
    directory = scratch / f"lane{number}"
    directory.mkdir()
    return Lane(directory, memory / f"lane{number}", pristine, machine, wanted, engine)


@dataclass(frozen=True, slots=True)
class _Observation:
    """What differs with some conditions changed, and what was seen then and usually."""

    differences: Found
    usual: tuple[Mapping[str, Any], ...]
    varied: tuple[Mapping[str, Any], ...]


class _Experiment:
    def __init__(
        self,
        lanes: Sequence[Lane],
        variations: Sequence[Variation],
        machine: Machine,
        most: int,
        progress: Callable[[str], None],
    ) -> None:
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        for lane in lanes:
            self._lanes.put(lane)
        self._side_by_side = len(lanes)
        self._known = {each.name: each for each in variations}
        self._machine = machine
        self._most = most
        self._progress = progress
        self._builds = 0
        self._observed: dict[Names, _Observation] = {}

    def run(self) -> Reproduction:
        reasons = {
            name: reason
            for name, each in self._known.items()
            if (reason := each.unavailable(self._machine)) is not None
        }
        tried = tuple(name for name in self._known if name not in reasons)
        with ThreadPoolExecutor(self._side_by_side) as pool:
            self._pool = pool
            usual, everything = self._observe([_USUAL, tried])
            restless = dict(usual.differences)
            found = Attribution()
            if everything.differences.keys() - restless.keys():
                found, restless = self._attributed(tried, restless)
            reasons |= self._unseen(tried)
            applied = tuple(name for name in tried if name not in reasons)
        return self._result(found, restless, applied, reasons)

    # --- builds -----------------------------------------------------------------------------------
    def _observe(self, groups: Sequence[Names]) -> list[_Observation]:
        found = list(self._pool.map(self._compared, groups))
        self._observed |= zip(groups, found, strict=True)
        return found

    def _compared(self, names: Names) -> _Observation:
        """Builds with these conditions changed, and compares with the lane's usual build."""
        lane = self._lanes.get()
        try:
            if lane.base is None:
                lane.base = self._build(lane, _USUAL, "as usual")
                if lane.base.error is not None:
                    raise lane.base.error
            what = ", ".join(names) if 0 < len(names) < len(self._known) else "everything"
            made = self._build(lane, names, f"with {what} changed" if names else "once more")
            return _Observation(differences_of(lane.base, made), lane.base.seen, made.seen)
        finally:
            self._lanes.put(lane)

    def _build(self, lane: Lane, names: Names, what: str) -> Built:
        self._builds += 1
        self._progress(f"build {self._builds}: {what}")
        return lane.build([self._known[name] for name in names])

    # --- what it means ----------------------------------------------------------------------------
    def _unseen(self, tried: Names) -> dict[str, str]:
        """The variations that no process saw in any build, with the reason."""
        found = {}
        for name in tried:
            each = self._known[name]
            built = [done for names, done in self._observed.items() if name in names]
            if not any(
                each.effect(usual, varied)
                for done in built
                for usual, varied in zip(done.usual, done.varied, strict=False)
            ):
                found[name] = each.unseen
        return found

    def _attributed(
        self, tried: Names, restless: dict[Place, tuple[Difference, ...]]
    ) -> tuple[Attribution, dict[Place, tuple[Difference, ...]]]:
        """Finds the conditions; then builds once more as usual, to see what comes and goes."""

        def observe(groups: Sequence[Names]) -> Sequence[Places]:
            return [frozenset(each.differences) - restless.keys() for each in self._observe(groups)]

        known = {tried: frozenset(self._observed[tried].differences) - restless.keys()}
        left = self._most - self._builds - 1
        found = attribute(tried, observe, left, known)
        (again,) = self._observe([_USUAL])
        return found, {**again.differences, **restless}

    def _result(
        self,
        found: Attribution,
        restless: dict[Place, tuple[Difference, ...]],
        applied: Names,
        reasons: Mapping[str, str],
    ) -> Reproduction:
        differences: dict[Place, list[Attributed]] = {}
        for each in (found.causes, found.unresolved):
            for names, places in each.items():
                for place in places - restless.keys():
                    differences.setdefault(place, []).extend(  # type: ignore[arg-type]
                        _attributed(difference, names, resolved=each is found.causes)
                        for difference in self._differences(place, names)  # type: ignore[arg-type]
                    )
        for place, known in restless.items():
            differences[place] = [self._of_itself(difference) for difference in known]
        flat = [each for place in sorted(differences) for each in _once(differences[place])]
        return Reproduction(
            workspace=Path(),
            environment="",
            platform="",
            targets=self._targets(differences),
            variations=tuple(self._variation(name, flat, applied, reasons) for name in self._known),
            differences=tuple(flat),
            builds=self._builds,
            most=self._most,
        )

    def _differences(self, place: Place, names: Names) -> tuple[Difference, ...]:
        """As these conditions make them, or as they were seen where they were not changed alone."""
        first = self._observed.get(names)
        every = [first, *self._observed.values()] if first is not None else self._observed.values()
        return next(done.differences[place] for done in every if done and place in done.differences)

    def _of_itself(self, difference: Difference) -> Attributed:
        """What differs although nothing was changed: time that passed, or chance."""
        if difference.cause in OF_PASSING_TIME and "clock" in self._known:
            return _attributed(difference, ("clock",), resolved=True)
        return Attributed(difference, (), difference.cause, RANDOM, agree(RANDOM, ()))

    def _variation(
        self,
        name: str,
        found: Sequence[Attributed],
        applied: Names,
        reasons: Mapping[str, str],
    ) -> VariationResult:
        own = [each for each in found if name in each.variations]
        if name not in applied and not own:
            return VariationResult(name, False, reasons[name])
        others = {other for each in own for other in each.variations} - {name}
        return VariationResult(
            name,
            True,
            self._note(self._known[name]),
            worst(own),
            tuple(sorted({each.cause or "unknown" for each in own})),
            tuple(sorted(others)),
        )

    def _note(self, variation: Variation) -> str | None:
        """What of a variation that was applied was left out, or did not get to a process."""
        missed = (
            variation.missed(self._machine, seen)
            for names, done in self._observed.items()
            if variation.name in names
            for seen in done.varied
        )
        return variation.note(self._machine) or next(filter(None, missed), None)

    def _targets(self, found: Mapping[Place, Sequence[Attributed]]) -> tuple[Target, ...]:
        names = sorted({name for each in self._files() for name in each})
        targets = []
        for name in names:
            own = [each.difference for place, those in found.items() if place[0] == name
                   for each in those]  # fmt: skip
            layer = "pack" if name == PACK else "artifact"
            targets.append(Target(name, layer, Comparison.of(dict.fromkeys(own))))
        return tuple(targets)

    def _files(self) -> list[Mapping[str, Path]]:
        lanes = [self._lanes.get() for _ in range(self._side_by_side)]
        for lane in lanes:
            self._lanes.put(lane)
        return [lane.base.files for lane in lanes if lane.base is not None]


def _once(found: Sequence[Attributed]) -> list[Attributed]:
    """Without differences that the experiment has made the same: a date, and its time zone."""
    known: dict[tuple[object, ...], Attributed] = {}
    for each in found:
        key = (each.difference.where, each.difference.field, each.variations, each.cause)
        if key not in known or each.claimed == each.cause:
            known[key] = each
    return list(known.values())


def _attributed(difference: Difference, names: Names, *, resolved: bool) -> Attributed:
    claimed = difference.cause
    # A build that fails says why itself.
    known = resolved and difference.where != FAILED
    cause = sharpened(claimed, names) if known else claimed
    return Attributed(difference, names, claimed, cause, agree(claimed, names), resolved)
