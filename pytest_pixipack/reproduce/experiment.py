"""`reproduce`: builds a workspace again and again, and says which condition makes a difference."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.cache.scratch import Scratch
from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.bench import Bench
from pytest_pixipack.reproduce.builds import Lane, Wanted
from pytest_pixipack.reproduce.conditions import Machine, this_machine
from pytest_pixipack.reproduce.findings import reproduction_of
from pytest_pixipack.reproduce.model import Reproduction
from pytest_pixipack.reproduce.reach import Reach, reached
from pytest_pixipack.reproduce.recording import record_of_build
from pytest_pixipack.reproduce.search import investigate
from pytest_pixipack.reproduce.sources import (
    Pristine,
    is_named_from_beside,
    pristine_copy,
    remove,
    require_packages,
    scratch_for_sources,
)
from pytest_pixipack.reproduce.variations import Variation, chosen_variations

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions

MOST_BUILDS = 60
_FEWEST_BUILDS = 3


def reproduce(
    root: Path,
    options: EngineOptions,
    *,
    vary: Sequence[str] | str | None = None,
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

    `vary` names the conditions (default: all), `jobs` is the number of builds side by side, fewer
    where `most_builds` is small, which is never exceeded; `only` names the source packages that are
    built. Work files go below `directory`, and are removed unless it is given. `progress` is told
    of every build. With `record`, the result has the provenance record of the usual build.

    Two builds under the same conditions come first: what differs there is `random`. Then all
    conditions are changed at once; only where that makes a difference, more builds find out which
    it was, and whether it was not chance. Raises what the first build raises, `InvalidInput` for a
    variation that there is not, `Infrastructure` where builds cannot be run, and `Unsupported`
    where nothing differs and none of the conditions could be changed.
    """
    chosen = {each.name: each for each in chosen_variations(vary, extra)}
    if most_builds < _FEWEST_BUILDS:
        raise InvalidInput(
            f"{most_builds} builds are too few to compare anything.",
            remedy=f"Allow at least {_FEWEST_BUILDS}.",
        )
    copies: dict[Path, Path] = {}
    try:
        with _scratch(directory) as scratch, contextlib.ExitStack() as closing:
            copies[scratch / "pristine"] = Path(root)
            pristine = pristine_copy(root, options, scratch / "pristine", engine)
            subdir = platform or current_platform()
            wanted = Wanted(environment, subdir, tuple(only) if only is not None else None, pack)
            if only:
                require_packages(only, pristine)
            machine = this_machine(scratch, network=options.network, locales="locale" in chosen)
            machine = replace(machine, renames=not is_named_from_beside(pristine))
            possible, reasons = _possible(chosen, machine)
            memory = _memory(scratch, pristine, closing) if "directory-order" in chosen else scratch
            lanes = [
                _lane(scratch, memory, number, pristine, machine, wanted, engine)
                for number in range(max(jobs, 1))
            ]
            copies |= {lane.root: pristine.source for lane in lanes}
            with Bench(lanes, possible, most_builds, progress) as bench:
                outcome = investigate(bench, tuple(possible))
                seen = reached(possible, machine, bench.observations, bench.look)
                reach = {**{name: Reach(False, why) for name, why in reasons.items()}, **seen}
            found = reproduction_of(outcome, bench, {name: reach[name] for name in chosen})
            _require_any_change(found)
            found = replace(found, workspace=Path(root), environment=environment, platform=subdir)
            if record:
                made = record_of_build(pristine, bench.bases[0], environment, engine)
                found = replace(found, record=made)
            return found
    except PixipackError as error:
        _name_the_workspace(error, copies)
        raise


@contextlib.contextmanager
def _scratch(directory: Path | None) -> Iterator[Path]:
    """A directory for work files, which is removed at the end unless one is given for it."""
    # Resolved: on macOS, /tmp and /var are links.
    if directory is not None:
        yield Path(tempfile.mkdtemp(prefix="pixipack-", dir=directory)).resolve()
        return
    scratch = Scratch()
    try:
        yield scratch.path.resolve()
    finally:
        _close(scratch)


def _close(scratch: Scratch) -> None:
    remove(scratch.path)  # also what is read-only in there
    scratch.close()


def _memory(directory: Path, pristine: Pristine, closing: contextlib.ExitStack) -> Path:
    """Where copies of the sources go, so that the order in which files are made can matter."""
    place = scratch_for_sources(directory, pristine.directory)
    if place is None:
        return directory
    closing.callback(_close, place)
    return place.path


def _possible(
    chosen: Mapping[str, Variation], machine: Machine
) -> tuple[dict[str, Variation], dict[str, str]]:
    """The variations that can be tried here, and why the others cannot. At least one can."""
    reasons = {
        name: reason
        for name, each in chosen.items()
        if (reason := each.unavailable(machine)) is not None
    }
    if len(reasons) == len(chosen):
        raise _nothing_changed(reasons)
    return {name: each for name, each in chosen.items() if name not in reasons}, reasons


def _require_any_change(found: Reproduction) -> None:
    if found.is_reproducible and not any(each.applied for each in found.variations):
        raise _nothing_changed({each.name: each.reason or "" for each in found.variations})


def _nothing_changed(reasons: Mapping[str, str]) -> Unsupported:
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return Unsupported(
        f"None of the conditions could be changed, so that nothing was tried ({told}).",
        remedy="Name others (`pixipack reproduce --list` says what each one needs).",
    )


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
