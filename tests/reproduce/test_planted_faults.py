"""A backend that lets one condition into its packages: the condition and the cause are named."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce import VARIATIONS, reproduce
from pytest_pixipack.reproduce.conditions import this_machine
from pytest_pixipack.reproduce.report import report_lines

pytestmark = pytest.mark.slow

# The leak and the cause that its difference has in the end. A cache and a network have no cause of
# their own: the variation says it all.
CAUSES = {
    "clock": "embedded-date",
    "timezone": "timezone",
    "locale": "locale-sort",
    "umask": "mode",
    "hash-seed": "hash-seed",
    "home": None,
    "path": "embedded-path",
    "cpu-count": "cpu-count",
    "directory-order": "line-order",
    "environment": "environment-variable",
    "temp": "embedded-path",
    "cache": None,
    "network": None,
    "jobs": "line-order",
}


def test_there_is_a_fault_for_every_variation():
    assert set(CAUSES) == set(VARIATIONS)


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_planted_fault_is_named(name, experiment):
    others = ["clock", "umask", "jobs", "timezone"]
    result = experiment(name, network=name == "network", vary=[name, *others])
    own = result.variation(name)
    if not own.applied:
        pytest.skip(f"{name}: {own.reason}")
    if name == "locale" and own.reason is not None:
        pytest.skip(own.reason)
    assert list(result.culprits()) == [(name,)]
    (found,) = result.differences
    assert found.difference.where[-1] == f"share/app/leak-{name}.txt"
    assert found.agrees
    assert CAUSES[name] in (found.cause, None)
    assert own.verdict == found.difference.kind
    assert {each.verdict for each in result.variations if each.name != name} <= {"identical", None}


def test_a_clean_backend_is_clean_under_all(experiment):
    result = experiment()
    assert result.is_reproducible
    assert result.verdict == "identical"
    assert result.builds == 3
    expected = {"clock", "timezone", "hash-seed", "home", "path", "environment", "temp", "jobs"}
    assert {each.name for each in result.variations if each.verdict == "identical"} >= expected


def test_a_clean_backend_with_a_cache_and_a_network_is_clean(experiment):
    # It leaves something in its cache, which is then no difference.
    result = experiment("cache", network=True, vary=["network", "jobs"])
    assert result.is_reproducible
    assert result.variation("network").applied


def test_all_faults_at_once_are_told_apart(experiment):
    leaks = [name for name in VARIATIONS if name != "network"]
    result = experiment(*leaks, vary=leaks, jobs=2)
    tried = [each.name for each in result.variations if each.applied]
    assert set(result.culprits()) == {(name,) for name in tried}
    for names, found in result.culprits().items():
        assert [each.difference.where[-1] for each in found] == [f"share/app/leak-{names[0]}.txt"]


def test_a_random_backend_is_found_first(experiment):
    result = experiment("random", vary=["timezone", "umask", "jobs"])
    assert result.causes == ("random",)
    assert result.builds == 3
    assert {each.verdict for each in result.variations if each.applied} == {"identical"}


def test_chance_does_not_hide_a_condition(experiment):
    result = experiment("random", "timezone", vary=["timezone", "umask", "jobs"])
    assert set(result.culprits()) == {(), ("timezone",)}


def test_a_clock_that_only_passes_is_no_chance_where_the_difference_is_a_date(experiment):
    result = experiment("time", vary=["clock", "umask"])
    assert result.causes == ("embedded-date",)
    assert list(result.culprits()) == [("clock",)]


def test_a_number_is_known_for_the_time_of_the_build(planted):
    result = planted("files['x'] = f't={time.time()}'", vary="clock,umask")
    assert result.causes == ("embedded-date",)
    assert list(result.culprits()) == [("clock",)]


def test_the_number_of_builds_is_bounded(experiment):
    result = experiment("timezone", "path", vary=None, most_builds=6)
    assert result.builds <= 6
    assert result.differences
    assert not any(each.resolved for each in result.differences)


def test_the_process_that_asks_stays_as_it_was(experiment, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    mask = os.umask(0o022)
    os.umask(mask)
    before = (Path.cwd(), dict(os.environ), mask)
    experiment("timezone", vary=["timezone", "umask", "home"])
    mask = os.umask(mask)
    os.umask(mask)
    assert (Path.cwd(), dict(os.environ), mask) == before


# A backend that cannot work where the umask keeps others out.
STRICT = """
import os, sys
mask = os.umask(0)
os.umask(mask)
if mask & 0o005:
    sys.exit("strict: others have to be able to read")
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_build_that_fails_under_a_condition_is_a_difference_with_the_reason(leaking, tmp_path):
    root, options = leaking("timezone")
    backend = tmp_path / "strict.py"
    backend.write_text(STRICT, encoding="utf-8")
    options = replace(options, backends={"pixipack-stub-backend": str(backend)})
    result = reproduce(root, options, vary=["timezone", "umask", "jobs", "hash-seed"])
    assert set(result.culprits()) == {("timezone",), ("umask",)}
    (failed,) = result.culprits()[("umask",)]
    assert "others have to be able to read" in failed.difference.right
    assert all(each.applied for each in result.variations)
    assert any("fails      with another umask" in line for line in report_lines(result))


def test_what_only_two_conditions_together_make(leaking, tmp_path):
    root, options = leaking()
    backend = tmp_path / "both.py"
    backend.write_text(BOTH, encoding="utf-8")
    options = replace(options, backends={"pixipack-stub-backend": str(backend)})
    result = reproduce(root, options, vary=["timezone", "jobs", "hash-seed", "environment"])
    assert list(result.culprits()) == [("timezone", "jobs")]
    assert result.variation("jobs").with_others == ("timezone",)


# A backend that says something else where the time zone and the jobs are not the usual ones.
BOTH = """
import os, sys
from pytest_pixipack.backend import stub_build
usual = os.environ["TZ"] == "UTC" or os.environ["CMAKE_BUILD_PARALLEL_LEVEL"] == "1"
made = stub_build.payload
def payload(*arguments):
    return [*made(*arguments), stub_build.Member("share/x", b"usual" if usual else b"other")]
stub_build.payload = payload
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


def test_where_the_cause_and_the_condition_do_not_go_together_both_are_shown(leaking, tmp_path):
    root, options = leaking()
    backend = tmp_path / "order.py"
    text = BOTH.replace('b"usual"', 'b"x\\ny\\n"')
    backend.write_text(
        text.replace('b"other"', 'b"y\\nx\\n"').replace(
            ' or os.environ["CMAKE_BUILD_PARALLEL_LEVEL"] == "1"', ""
        ),
        encoding="utf-8",
    )
    options = replace(options, backends={"pixipack-stub-backend": str(backend)})
    result = reproduce(root, options, vary=["timezone", "jobs"])
    (found,) = result.differences
    assert (found.variations, found.claimed, found.agrees) == (("timezone",), "line-order", False)
    assert any("it looks like line-order, but timezone" in line for line in report_lines(result))


def test_libfaketime_moves_the_clock_of_the_backend(experiment, tmp_path):
    if this_machine(tmp_path, locales=False).faketime is None:
        pytest.skip("libfaketime is not on this machine")
    result = experiment("clock", vary=["clock", "umask"])
    assert result.variation("clock").reason is None
    (found,) = result.differences
    assert (found.variations, found.cause) == (("clock",), "embedded-date")


@pytest.mark.skipif(sys.platform != "linux", reason="libfaketime is for Linux here")
def test_a_libfaketime_that_does_nothing_is_said(experiment, tmp_path, monkeypatch):
    library = tmp_path / "libfaketime.so.1"
    library.write_bytes(b"no library")  # the loader says so, and goes on
    monkeypatch.setenv("PIXIPACK_FAKETIME", str(library))
    result = experiment(vary=["clock"])
    assert result.variation("clock").reason == "libfaketime had no effect on a backend"


def test_an_error_names_the_workspace_and_not_its_copy(leaking):
    root, options = leaking()
    with pytest.raises(InvalidInput, match="no environment") as caught:
        reproduce(root, options, vary=["umask"], environment="nope")
    assert caught.value.file == str(root / "pixi.lock")
    with pytest.raises(InvalidInput, match="No source package nope is locked"):
        reproduce(root, options, vary=["umask"], only=["nope"])


# A backend whose packages have a file with another name each time, and lines in a file of it.
SHIFTING = """
import os, sys
from pytest_pixipack.backend import stub_build
made = stub_build.payload
def payload(*arguments):
    zone = ["zone " + os.environ["TZ"]] * (1 if os.environ["TZ"] == "UTC" else 3)
    jobs = ["jobs " + os.environ["CMAKE_BUILD_PARALLEL_LEVEL"]]
    text = "\\n".join([*zone, "same", *jobs, ""]).encode()
    more = stub_build.Member(f"tmp/{os.urandom(4).hex()}", b"x")
    return [*made(*arguments), stub_build.Member("share/x", text), more]
stub_build.payload = payload
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


def test_names_by_chance_and_lines_that_move_do_not_mislead(leaking, tmp_path):
    root, options = leaking()
    backend = tmp_path / "shifting.py"
    backend.write_text(SHIFTING, encoding="utf-8")
    options = replace(options, backends={"pixipack-stub-backend": str(backend)})
    result = reproduce(root, options, vary=["timezone", "umask", "jobs", "home"])
    assert set(result.culprits()) == {(), ("timezone",), ("jobs",)}
    chance = result.culprits()[()]
    assert not any("share/x" in each.difference.where for each in chance)
    assert result.variation("umask").verdict == result.variation("home").verdict == "identical"


def test_what_pixi_builds_is_varied_too(experiment):
    if (problem := find_tools().problem("pixi")) is not None:
        pytest.skip(problem)
    result = experiment("timezone", vary=["timezone", "path"], engine="system", pack=False)
    assert all(each.applied for each in result.variations)
    assert list(result.culprits()) == [("timezone",)]
