"""Snapshots that no test used.

Only a file with tests that was collected and run as a whole can tell: each of its tests ran, those
with snapshots passed, and nothing was left out of the run. What a worker of pytest-xdist knows
travels on the reports of its tests.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.plugin.fixtures import (
    COLLECTED,
    LEFT_OUT,
    SNAPSHOT_FIXTURES,
    SNAPSHOTS,
    UNUSED_SNAPSHOTS,
)
from pytest_pixipack.plugin.options import SETTINGS
from pytest_pixipack.plugin.snapshots import EXTENSIONS, HEADER

_PASSED = pytest.StashKey[bool]()
# Options with which a run is not a full one.
_NARROWING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "collectonly")


def collected(session: pytest.Session) -> dict[Path, int]:
    """The files with tests that may have snapshots, and how many tests are in each."""
    counts = Counter(item.path for item in session.items)
    found = {item.path for item in session.items if _asks(item)}
    found |= {path for path in counts if any(_snapshots(path.with_suffix("")))}
    return {path: counts[path] for path in found}


def note(item: pytest.Item, report: pytest.TestReport) -> None:
    """Puts what a test did with snapshots on its last report."""
    if report.when == "call" and report.passed:
        item.stash[_PASSED] = True
    number = item.config.stash[COLLECTED].get(item.path)
    if report.when == "teardown" and number is not None:
        report.pixipack_snapshots = {  # type: ignore[attr-defined]
            "module": str(item.path),
            "tests": number,
            "done": report.passed and (item.stash.get(_PASSED, False) or not _asks(item)),
            "used": list(item.stash.get(SNAPSHOTS, ())),
            "left_out": item.config.stash.get(LEFT_OUT, False),
        }


def finish(session: pytest.Session, terminal: Any, reports: Iterable[pytest.TestReport]) -> None:
    """Finds unused snapshots; deletes them or makes the run fail, if that was asked for."""
    if not _is_full(session, terminal):
        return
    found = list(_unused(session.config, reports))
    if not found:
        return
    session.config.stash[UNUSED_SNAPSHOTS] = found
    treatment = session.config.stash[SETTINGS].unused
    if treatment == "fail" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif treatment == "delete":
        for path in found:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there are other files in it
                path.parent.rmdir()


def write_unused(terminal: Any) -> None:
    """Says which snapshots no test used."""
    config: pytest.Config = terminal.config
    found = config.stash[UNUSED_SNAPSHOTS]
    deleted = config.stash[SETTINGS].unused == "delete"
    terminal.ensure_newline()
    terminal.section("pixi-pack: unused snapshots", sep="-")
    for path in found:
        terminal.write_line(_shown(path, config.rootpath))
    number = "1 snapshot" if len(found) == 1 else f"{len(found)} snapshots"
    hint = "deleted" if deleted else "--pixipack-unused=delete deletes what no test used"
    terminal.write_line(f"{number}: {hint}")


def _is_full(session: pytest.Session, terminal: Any) -> bool:
    option = session.config.option
    if any(getattr(option, name, None) for name in _NARROWING):
        return False
    if session.shouldstop or session.shouldfail:
        return False
    failed = terminal.stats.get("error", ())
    return not any(isinstance(report, pytest.CollectReport) for report in failed)


def _unused(config: pytest.Config, reports: Iterable[pytest.TestReport]) -> Iterator[Path]:
    used: set[str] = set()
    tests: dict[str, dict[str, bool]] = {}
    numbers: dict[str, int] = {}
    for report in reports:
        said: dict[str, Any] = report.pixipack_snapshots
        if said["left_out"]:
            return
        used.update(said["used"])
        tests.setdefault(said["module"], {})[report.nodeid] = said["done"]
        numbers[said["module"]] = said["tests"]
    modules = [
        Path(module)
        for module, done in sorted(tests.items())
        if len(done) == numbers[module] and all(done.values())
    ]
    whole = [path for path in modules if not _is_part(path, config)]
    directories = [path.with_suffix("") for path in whole]
    for directory in dict.fromkeys([*directories, *_without_tests(whole, config)]):
        for path in _snapshots(directory):
            if str(path) not in used:
                yield path


def _is_part(path: Path, config: pytest.Config) -> bool:
    """Whether the command line names single tests of a file."""
    return any("::" in arg and _argument(arg, config) == path.resolve() for arg in config.args)


def _without_tests(modules: Iterable[Path], config: pytest.Config) -> Iterator[Path]:
    """Data directories beside files that ran, whose own file with tests is gone."""
    walked = [_argument(arg, config) for arg in config.args if "::" not in arg]
    for folder in dict.fromkeys(path.parent for path in modules):
        place = folder.resolve()
        if any(walk == place or walk in place.parents for walk in walked):
            for each in sorted(folder.iterdir()):
                if each.is_dir() and not each.with_suffix(".py").exists():
                    yield each


def _argument(arg: str, config: pytest.Config) -> Path:
    return Path(config.invocation_params.dir, arg.split("::")[0]).resolve()


def _snapshots(directory: Path) -> Iterator[Path]:
    """The files in a data directory that this plugin has written."""
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            if path.suffix in EXTENSIONS and path.is_file() and _is_ours(path):
                yield path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.readline(200).rstrip() == HEADER.encode().rstrip()
    except OSError:
        return False


def _asks(item: pytest.Item) -> bool:
    return not SNAPSHOT_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
