"""What comes and goes: only with some condition, or with any."""

from __future__ import annotations

import json

import pytest

from pytest_pixipack.reproduce import Reproduction
from pytest_pixipack.reproduce.evidence import Trial
from pytest_pixipack.reproduce.html import html_report
from pytest_pixipack.reproduce.report import report_lines
from pytest_pixipack.reproduce.sometimes import Counts, common_to_all, counted, next_builds

ALL = ("clock", "umask", "path", "jobs")


def trial(*names: str, seen: bool = True, hidden: bool = False) -> Trial:
    return Trial(frozenset(names), frozenset({"x"} if seen else ()), hidden)


@pytest.mark.parametrize(
    ("counts", "clear"),
    [
        (Counts(3, 6, 0, 9), False),
        (Counts(4, 6, 0, 10), True),
        (Counts(3, 3, 0, 6), False),
        (Counts(5, 8, 0, 11), True),
        (Counts(5, 8, 1, 11), False),
        (Counts(2, 4, 0, 1000), False),
        (Counts(0, 4, 0, 4), False),
    ],
)
def test_how_often_is_often_enough(counts, clear):
    assert counts.is_clear is clear
    assert Counts.from_json(json.loads(json.dumps(counts.to_json()))) == counts


def test_builds_are_counted_with_a_condition_and_without():
    trials = [
        trial(*ALL), trial("jobs"), trial("jobs", seen=False), trial(seen=False),
        trial("umask", seen=False), trial("jobs", seen=False, hidden=True),
    ]  # fmt: skip
    assert common_to_all("x", ALL, trials) == ("jobs",)
    assert counted("x", ("jobs",), trials) == Counts(2, 3, 0, 2)


@pytest.mark.parametrize(
    ("trials", "wanted"),
    [
        ([trial(*ALL)], (("clock", "umask"), ("path", "jobs"))),
        ([trial(*ALL), trial("path", "jobs")], (("path",), ("jobs",))),
        ([trial(*ALL), trial("jobs"), trial("jobs", seen=False)], (("jobs",), ())),
        ([trial("clock"), trial("umask")], ()),
        ([trial("jobs")] * 5 + [trial(seen=False)] * 10, ()),
    ],
)
def test_what_to_build_next(trials, wanted):
    assert next_builds("x", ALL, trials) == wanted


RACE = """
counter = Path({counter!r})
jobs = os.environ['CMAKE_BUILD_PARALLEL_LEVEL'] != '1'
number = int(counter.read_text()) if counter.exists() else 0
counter.write_text(str(number + jobs))
late = jobs and {late}[number % {length}]
{what}
"""
ORDER = r"files['x'] = 'b\na\n' if late else 'a\nb\n'"
FAILURE = "if late: sys.exit('not made yet')"


def race(planted, tmp_path, late: list[int], what: str) -> Reproduction:
    code = RACE.format(counter=f"{tmp_path}/counter", late=late, length=len(late), what=what)
    found: Reproduction = planted(code, vary="timezone,umask,jobs,temp")
    return found


# Whether a parallel build is the one that is seen, again and again.
TURNS = [[1, 0], [1, 0, 1, 1], [1, 1, 0, 1, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("late", TURNS, ids=str)
def test_a_race_that_only_parallel_builds_have(late, planted, tmp_path):
    result = race(planted, tmp_path, late, ORDER)
    (found,) = result.differences
    assert (found.variations, found.cause, found.resolved) == (("jobs",), "random", True)
    assert found.seen is not None
    assert found.seen.seen < found.seen.builds
    assert found.seen.seen_without == 0
    jobs = result.variation("jobs")
    assert (jobs.verdict, jobs.causes, jobs.told) == ("payload", ("random",), False)
    assert result.variation("umask").told
    text = " ".join(" ".join(report_lines(result)).split())
    assert "random: differs now and then, only seen with another jobs: in" in text
    assert "clean timezone, umask, temp" in text
    assert "jobs: build with a fixed number of jobs" in text
    assert "only seen with another jobs" in html_report([result])
    assert Reproduction.from_json(result.to_json()).to_json() == result.to_json()


@pytest.mark.slow
def test_a_failure_that_only_parallel_builds_have(planted, tmp_path):
    result = race(planted, tmp_path, [1, 0], FAILURE)
    (found,) = result.differences
    assert (found.variations, found.cause) == (("jobs",), "random")
    text = " ".join(" ".join(report_lines(result)).split())
    assert "fails now and then, with another jobs:" in text
