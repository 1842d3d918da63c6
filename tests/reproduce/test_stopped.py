"""What differs each time follows the clock where builds with a stopped one are the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_pixipack.artifact import Member, write_artifact
from pytest_pixipack.errors import BackendError, Infrastructure
from pytest_pixipack.reproduce.attribute import Spent
from pytest_pixipack.reproduce.builds import Built
from pytest_pixipack.reproduce.conditions import this_machine
from pytest_pixipack.reproduce.differences import Place, differences_of
from pytest_pixipack.reproduce.stopped import following_the_clock

NOW = 1_796_008_600.0


@dataclass
class Stopped:
    """In the place of a bench: `made` makes the text of a file from the moment and the number."""

    folder: Path
    made: Callable[[float, int], str]
    left: int = 60
    moment: float | None = NOW
    moments: list[float] = field(default_factory=list)

    def stopped(self, moment: float) -> Built:
        if self.left < 1:
            raise Spent
        self.left -= 1
        self.moments.append(moment)
        return package(self.folder, self.made(moment, len(self.moments)), len(self.moments))


def package(folder: Path, text: str, number: int) -> Built:
    place = folder / f"{number}"
    place.mkdir()
    facts = {"name": "app", "version": "1.0", "build": "h0_0", "build_number": 0}
    file = place / "app-1.0-h0_0.conda"
    write_artifact(file, {**facts, "subdir": "linux-64"}, [Member("share/a", text.encode())])
    return Built({"app": file})


def places(folder: Path) -> list[Place]:
    sides = package(folder, "one", 101), package(folder, "two", 102)
    return list(differences_of(*sides).places)


def test_what_is_the_same_at_each_moment_and_not_at_two_follows_the_clock(tmp_path):
    own = places(tmp_path)
    bench = Stopped(tmp_path, lambda moment, _: f"{int(moment):x}")
    assert following_the_clock(bench, own) == frozenset(own)
    assert len(bench.moments) == 6
    assert sorted(map(bench.moments.count, set(bench.moments))) == [3, 3]


@pytest.mark.parametrize(
    ("made", "builds"),
    [
        (lambda _, number: f"chance {number}", 2),
        (lambda _, number: f"chance {number % 2}", 2),
        (lambda _, number: f"chance {number % 3 == 2}", 2),
        (lambda _, number: f"chance {number % 4 > 1}", 2),
        (lambda *_: "nothing more of it", 3),
    ],
)
def test_what_is_not_is_chance(tmp_path, made, builds):
    bench = Stopped(tmp_path, made)
    assert following_the_clock(bench, places(tmp_path)) == frozenset()
    assert len(bench.moments) == builds


def test_where_it_cannot_be_tried_nothing_is_said(tmp_path):
    own = places(tmp_path)
    for bench in (
        Stopped(tmp_path, lambda *_: "", left=5),
        Stopped(tmp_path, lambda *_: "", moment=None),
    ):
        assert following_the_clock(bench, own) == frozenset()
        assert bench.moments == []
    assert following_the_clock(Stopped(tmp_path, lambda *_: ""), []) == frozenset()


class Hanging(Stopped):
    def stopped(self, moment: float) -> Built:  # noqa: ARG002
        raise Infrastructure("A build took longer than 60 seconds.")


class Failing(Stopped):
    def stopped(self, moment: float) -> Built:  # noqa: ARG002
        return Built(error=BackendError("It waits for the next second."))


@pytest.mark.parametrize("kind", [Hanging, Failing])
def test_a_build_that_does_not_like_a_stopped_clock_tells_nothing(kind, tmp_path):
    bench = kind(tmp_path, lambda *_: "")
    assert following_the_clock(bench, places(tmp_path)) == frozenset()


STAMPS = {
    "a number of fourteen digits": "files['x'] = time.strftime('1.0.%Y%m%d%H%M%S')",
    "a name": "files[f'r-{time.time():.0f}.txt'] = 'x'",
    "a date in a name": "files[time.strftime('r-%Y%m%d-%H%M%S.txt')] = 'x'",
    "hexadecimal": "files['x'] = f'0x{int(time.time()):x}'",
    "bytes": "files['x'] = (time.time_ns() // 10**6).to_bytes(8, 'little') + b'\\0\\xff'",
    "a seed": "import random; files['x'] = random.Random(time.time()).randbytes(20).hex()",
}


@pytest.mark.slow
@pytest.mark.parametrize("stamp", STAMPS)
def test_a_time_in_a_shape_that_nobody_knows(stamp, planted, tmp_path):
    if this_machine(tmp_path, locales=False).faketime is None:
        pytest.skip("libfaketime is not on this machine")
    result = planted(STAMPS[stamp], vary="clock,umask")
    assert list(result.culprits()) == [("clock",)]
    assert all(each.agrees for each in result.differences)
    assert result.builds <= 20  # several of them may be of the same second


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="libfaketime is for Linux here")
def test_chance_stays_chance(planted, tmp_path):
    result = planted("files['x'] = os.urandom(9).hex()", vary="clock,umask")
    assert result.causes == ("random",)
    stopped = this_machine(tmp_path, locales=False).faketime is not None
    assert result.builds == (5 if stopped else 3)


def test_a_moment_is_told_in_the_zone_of_builds(tmp_path):
    from pytest_pixipack.reproduce.conditions import Machine, Setup
    from pytest_pixipack.reproduce.variations import stopped_clock

    names = ("workspace", "work", "home", "temp", "cache")
    usual = Setup(**{name: tmp_path / name for name in names})
    machine = Machine(faketime=tmp_path / "libfaketime.so.1")
    moment = datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone.utc).timestamp()
    variables = stopped_clock(moment).change(usual, machine).variables()
    assert variables["FAKETIME"] == "2027-01-02 03:04:05"
    assert variables["SOURCE_DATE_EPOCH"] == usual.variables()["SOURCE_DATE_EPOCH"]
