"""What a rebuild changes: the registry of variations.

Each one says what it changes, what it needs, and how a process sees that it was changed: a
variation that no process saw counts as not applied.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce.conditions import EPOCH, Machine, Setup
from pytest_pixipack.reproduce.later import seconds_later

ENTRY_POINTS = "pytest_pixipack.variations"
_YEAR = 366 * 24 * 3600  # seconds

Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Variation:
    """One condition that a rebuild changes.

    `change` makes the changed conditions from the usual ones. `effect` tells from what a process
    saw usually and with the change whether the change got there (`reproduce.probe` has the names);
    `unseen` is the reason where it did not. `unavailable` gives a reason where this machine cannot
    do it, `note` says what is left out here, `missed` what a process then did not see. `what` and
    `needs` are for people.
    """

    name: str
    what: str
    change: Callable[[Setup, Machine], Setup]
    effect: Callable[[Seen, Seen], bool]
    needs: str = "nothing"
    unseen: str = "the build sees no difference"
    unavailable: Callable[[Machine], str | None] = lambda _: None
    note: Callable[[Machine], str | None] = lambda _: None
    missed: Callable[[Machine, Seen], str | None] = lambda _machine, _seen: None


def variables(**changed: str | None) -> Callable[[Setup, Machine], Setup]:
    """A change of environment variables; None removes one."""
    return lambda setup, _: with_variables(setup, changed)


def with_variables(setup: Setup, changed: Mapping[str, str | None]) -> Setup:
    """The same conditions with these variables."""
    return replace(setup, environment={**setup.environment, **changed})


def differs(*names: str) -> Callable[[Seen, Seen], bool]:
    """Whether one of these things that a process sees is another one."""
    return lambda usual, varied: any(usual.get(name) != varied.get(name) for name in names)


CLOCK = "clock"
_WITHOUT = "SOURCE_DATE_EPOCH and the sources' times only"


# --- the changes ----------------------------------------------------------------------------------
def _clock(setup: Setup, machine: Machine) -> Setup:
    changed: dict[str, str | None] = {"SOURCE_DATE_EPOCH": None}
    later = seconds_later(machine.moment)
    if machine.faketime is not None:
        changed |= _faketime(machine.faketime, f"+{later}")
    return with_variables(replace(setup, later=later), changed)


def _faketime(library: Path, when: str) -> dict[str, str | None]:
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": when,
        "FAKETIME_SHARED": None,  # the library sets it
        # As in all builds (`without_effect`).
        "NO_FAKE_STAT": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def stopped_clock(moment: float) -> Variation:
    """A clock that stands still, at a moment in seconds since 1970; all else is as usual.

    It needs libfaketime (faketime(1), "Using absolute dates"), whose dates are read in the zone of
    builds, UTC. No condition that anyone chooses: it tells what follows the clock from chance.
    """
    text = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")

    def change(setup: Setup, machine: Machine) -> Setup:
        assert machine.faketime is not None
        return with_variables(setup, _faketime(machine.faketime, text))

    return Variation("stopped-clock", f"a clock that stands still at {text}", change, differs())


def _clock_note(machine: Machine) -> str | None:
    if machine.faketime is not None:
        return None
    return f"{_WITHOUT}: libfaketime is not on this machine"


def _clock_missed(machine: Machine, seen: Seen) -> str | None:
    if machine.faketime is None:
        return None
    if seen.get("left"):
        return f"{_WITHOUT}: with libfaketime a backend cannot wait"
    if seen.get("static"):
        return "libfaketime does not reach a backend that is linked statically"
    if (seen.get("time") or 0) < time.time() + _YEAR / 2:
        return "libfaketime had no effect on a backend"
    names = seen.get("unreached")
    return f"libfaketime does not reach {', '.join(names)}: linked statically" if names else None


def _cpus_note(machine: Machine) -> str | None:
    if machine.system != "linux":
        return None
    return "the scheduler only: /proc/cpuinfo, os.cpu_count() show all"


def _locale(setup: Setup, machine: Machine) -> Setup:
    if machine.locale is None:
        changed: dict[str, str | None] = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0"}
    else:
        changed = {"LC_ALL": machine.locale, "LANG": machine.locale}
        if machine.locale_path is not None:
            changed["LOCPATH"] = str(machine.locale_path)
    return with_variables(setup, {"PYTHONUTF8": "0", **changed})


def _home(setup: Setup, _: Machine) -> Setup:
    return replace(setup, home=setup.home.with_name("another-home"), user="somebody")


def _path(setup: Setup, machine: Machine) -> Setup:
    def elsewhere(path: Path) -> Path:
        return path.parent / "another-and-longer" / "path" / path.name

    return replace(
        setup,
        workspace=elsewhere(setup.workspace),
        work=elsewhere(setup.work),
        renamed=machine.renames,
    )


def _noise(setup: Setup, _: Machine) -> Setup:
    noise = {f"PIXIPACK_NOISE_{number}": "x" * number for number in range(1, 40)}
    usual = {
        "EDITOR": "ed", "PAGER": "cat", "TERM": "xterm-256color", "COLUMNS": "213", "LINES": "57",
        "SHELL": "/bin/noise", "SHLVL": "7", "DISPLAY": ":7", "BUILD_ID": "4711",
        "BUILD_NUMBER": "4711", "HOSTNAME": "noise", "GIT_AUTHOR_NAME": "Noise",
        "GIT_COMMITTER_NAME": "Noise", "EMAIL": "noise@example.org",
    }  # fmt: skip
    return with_variables(setup, {**noise, **usual, "PIXIPACK_NOISE": "1"})


def _temp(setup: Setup, _: Machine) -> Setup:
    return replace(setup, temp=setup.temp.with_name("another-temp"))


def _one_processor(setup: Setup, machine: Machine) -> Setup:
    changed = {"PYTHON_CPU_COUNT": "1"}
    if machine.system == "win32":
        changed["NUMBER_OF_PROCESSORS"] = "1"
    return with_variables(replace(setup, cpus=1), changed)


def _jobs(setup: Setup, _: Machine) -> Setup:
    names = ("CMAKE_BUILD_PARALLEL_LEVEL", "CARGO_BUILD_JOBS", "CPU_COUNT")
    return with_variables(setup, {**dict.fromkeys(names, "4"), "MAKEFLAGS": "-j4"})


# --- where they cannot be -------------------------------------------------------------------------
def _no_umask(machine: Machine) -> str | None:
    return "Windows has no umask" if machine.system == "win32" else None


def _no_affinity(machine: Machine) -> str | None:
    if machine.system == "darwin":
        return "macOS cannot keep a process off a processor"
    return "this machine has one processor" if machine.cpus < 2 else None


def _no_network(machine: Machine) -> str | None:
    return None if machine.network else "the network is off for all builds"


_ALL = (
    Variation(
        CLOCK,
        "another date and time; SOURCE_DATE_EPOCH is not set; the sources were changed later",
        _clock,
        lambda usual, varied: (
            usual.get("epoch") != varied.get("epoch")
            or any(
                abs((varied.get(name) or 0) - (usual.get(name) or 0)) > _YEAR / 2
                for name in ("time", "newest")
            )
        ),
        needs="libfaketime, or only SOURCE_DATE_EPOCH and the sources' times are changed",
        note=_clock_note,
        missed=_clock_missed,
    ),
    Variation(
        "timezone",
        "TZ is 13:45 hours east of Greenwich instead of UTC",
        variables(TZ="PXT-13:45"),
        differs("zone"),
    ),
    Variation(
        "locale",
        "a locale that sorts by letters instead of bytes",
        _locale,
        differs("locale"),
        needs="a locale beside C, or localedef to make one; else only the encoding changes",
        note=lambda m: None if m.locale else "the encoding only: this machine has no locale but C",
    ),
    Variation(
        "umask",
        "027 instead of 022",
        lambda setup, _: replace(setup, umask=0o027),
        differs("umask"),
        needs="a system with a umask",
        unavailable=_no_umask,
    ),
    Variation(
        "hash-seed",
        "another PYTHONHASHSEED, which orders the sets of Python",
        variables(PYTHONHASHSEED="20011", PERL_HASH_SEED="20011"),
        differs("hash"),
    ),
    Variation("home", "another home directory, another user's name", _home, differs("home")),
    Variation(
        "path",
        "the workspace, under another name, and the work directories are at another, longer path",
        _path,
        differs("path"),
        note=lambda m: (
            None if m.renames else "the workspace keeps the name by which others find it"
        ),
    ),
    Variation(
        "cpu-count",
        "one processor instead of all",
        _one_processor,
        differs("cpus"),
        needs="Linux or Windows, and more than one processor",
        unavailable=_no_affinity,
        note=_cpus_note,
    ),
    Variation(
        "directory-order",
        "the files of the sources are made in the reverse order",
        lambda setup, _: replace(setup, reverse=True),
        differs("order"),
        needs="a file system that lists files as they were made (tmpfs)",
        unseen="the file system lists files in the same order, however they were made",
    ),
    Variation(
        "environment",
        "many more environment variables, such as EDITOR and COLUMNS",
        _noise,
        differs("noise"),
    ),
    Variation("temp", "another directory for temporary files", _temp, differs("temp")),
    Variation(
        "cache",
        "caches, the home and the scratch directory are as an earlier build left them, not empty",
        lambda setup, _: replace(setup, warm=True),
        differs("cache"),
        needs="a backend that keeps something there",
        unseen="the build leaves nothing in caches, home and scratch",
    ),
    Variation(
        "network",
        "the network is off",
        lambda setup, _: replace(setup, network=False),
        differs("network"),
        needs="builds that may use the network otherwise (--network)",
        unavailable=_no_network,
    ),
    Variation(
        "jobs",
        "four parallel jobs instead of one (MAKEFLAGS, CMAKE_BUILD_PARALLEL_LEVEL, ...)",
        _jobs,
        differs("jobs"),
    ),
)

VARIATIONS: tuple[str, ...] = tuple(each.name for each in _ALL)


def is_ours(variation: Variation) -> bool:
    """Whether nothing else changes what this variation's effect is seen by."""
    return any(variation is each for each in _ALL)


def all_variations(extra: Iterable[Variation] = ()) -> dict[str, Variation]:
    """All variations by name: ours, those of entry points, and `extra`; later ones win."""
    found = {each.name: each for each in _ALL}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        made = entry.load()
        for each in made() if callable(made) else made:
            found[each.name] = each
    return found | {each.name: each for each in extra}


def chosen_variations(
    names: Sequence[str] | str | None = None, extra: Iterable[Variation] = ()
) -> tuple[Variation, ...]:
    """The variations of these names, all where there are none.

    One text is names with commas. `all` stands for all of them, `-name` takes one away. Raises
    `InvalidInput` for a name that no variation has.
    """
    known = all_variations(extra)
    chosen: dict[str, Variation] = {}
    words = names.split(",") if isinstance(names, str) else names or ()
    given = [name.strip() for name in words if name.strip()]
    if not given or given[0].startswith("-"):
        given.insert(0, "all")
    for name in given:
        bare = name.removeprefix("-")
        if bare != "all" and bare not in known:
            from pytest_pixipack.toml_positions import did_you_mean

            hint = did_you_mean(bare, list(known)) or f"There are: {', '.join(known)}."
            raise InvalidInput(f"There is no variation `{bare}`.", remedy=hint)
        if bare == "all":
            chosen = dict(known) if bare == name else {}
        elif name == bare:
            chosen[name] = known[name]
        else:
            chosen.pop(bare, None)
    # In the order of the registry, whatever the order of the names.
    found = tuple(each for name, each in known.items() if name in chosen)
    if not found:
        raise InvalidInput("No variation is left.", remedy="Name at least one, or `all`.")
    return found


__all__ = [
    "EPOCH", "VARIATIONS", "Variation", "all_variations", "chosen_variations", "differs",
    "variables", "with_variables",
]  # fmt: skip
