"""Numbers in which two builds differ: the times at which they ran, or any other."""

from __future__ import annotations

import pytest

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.present import dated

NOW = 1_796_008_600.5


def cause(left: object, right: object, cause: str = "content", **more: str) -> str | None:
    return dated(Difference(("x",), "line 1", "payload", left, right, cause, **more), NOW).cause


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("t=1796008527", "t=1796008545"),
        ("t=1796008547.2109997", "t=1796008547.6487417"),
        ("id 1796008527123", "id 1796008545001"),
        ("id 1796008527123456 x", "id 1796008545001456 x"),
        (1796008527123456789, 1796008545001456789),
        ("1796008527 and 1796008528", "1796008545 and 1796008546"),
        ("a 1234567890 b 1796008527", "a 1234567890 b 1796008545"),
    ],
)
def test_times_of_the_builds(left, right):
    assert cause(left, right) == "embedded-date"
    assert cause(left, right, "random") == "embedded-date"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("tel 1709648521", "tel 1709716244"),
        ("t=1796008527 a", "t=1796008545 b"),
        ("1796008527 7123456789", "1796008545 7123456780"),
        ("1796008527", "1843512345"),
        ("0.1796008527", "0.1796008545"),
        ("17960085", "17960086"),
        (None, "1796008545"),
        (["1796008527"], ["1796008545"]),
        ("", ""),
    ],
)
def test_other_numbers(left, right):
    assert cause(left, right) == "content"


def test_a_cause_that_is_known_stays():
    assert cause("t=1796008527", "t=1796008545", "hash-seed") == "hash-seed"


def test_of_what_is_not_shown_nothing_is_known():
    evidence = "1 more line likewise"
    assert cause("1796008527", "1796008545", evidence=evidence) == "content"
