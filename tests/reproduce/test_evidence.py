"""Condition or chance: what builds together say, without any build."""

from __future__ import annotations

import random

import pytest

from pytest_pixipack.reproduce.evidence import Trial, judged, judgements

PLACE = "share/x"
ZONE, MASK = ("timezone",), ("umask",)


def trials(*told: str) -> list[Trial]:
    """`"timezone umask!"` is a build with both changed, and with a difference."""
    return [trial(each.strip("!?"), shown="!" in each, hidden="?" in each) for each in told]


def trial(names: str, *, shown: bool, hidden: bool = False) -> Trial:
    return Trial(frozenset(names.split()), frozenset({PLACE} if shown else ()), hidden)


def judge(*told: str, explanations: tuple[tuple[str, ...], ...] = (ZONE,)) -> str:
    return judged(ZONE, PLACE, explanations, trials(*told))


SEARCHED = ("", "timezone umask!", "timezone!", "umask")


def test_what_came_every_time_and_never_otherwise_is_the_condition():
    assert judge(*SEARCHED, "timezone!", "") == "confirmed"


def test_once_is_not_enough():
    assert judge(*SEARCHED) == "open"
    assert judge("", "timezone!", "timezone!", "") == "open"
    assert judge("", "timezone!", "timezone!", "", "timezone!", "") == "confirmed"


@pytest.mark.parametrize("contradiction", ["timezone", "!"])
def test_without_the_difference_or_without_the_condition_it_is_chance(contradiction):
    assert judge(*SEARCHED, "timezone!", "", contradiction) == "refuted"


@pytest.mark.parametrize("doubt", ["umask!", "timezone jobs"])
def test_what_another_build_contradicts_has_to_come_more_often(doubt):
    assert judge(*SEARCHED[:3], doubt, "timezone!", "") == "open"
    more = ["timezone!", ""] * 3
    assert judge(*SEARCHED[:3], doubt, "umask", "umask", *more) == "confirmed"


def test_conditions_that_do_it_only_together_have_to_do_it_more_often():
    both = ("timezone", "umask")
    told = ["", "timezone umask!", "timezone", "umask", "timezone umask!", ""]
    assert judged(both, PLACE, [both], trials(*told)) == "open"
    told += ["timezone umask!", ""] * 2
    assert judged(both, PLACE, [both], trials(*told)) == "confirmed"


def test_another_explanation_is_no_contradiction():
    both = (ZONE, MASK)
    told = (*SEARCHED[:3], "umask!", "jobs", "timezone!", "")
    assert judge(*told, explanations=both) == "confirmed"
    assert set(judgements({ZONE: frozenset({PLACE})}, trials(*told)).values()) == {"open"}


def test_a_build_that_fails_shows_nothing_and_contradicts_nothing():
    assert judge(*SEARCHED, "timezone jobs?", "timezone!", "") == "confirmed"


@pytest.mark.parametrize("likely", [0.1, 0.2, 1 / 3, 0.5, 0.8])
def test_chance_is_rarely_taken_for_a_condition(likely):
    """With one condition: built with it and as usual in turn, until it is clear what it was."""
    dice, times = random.Random(7), 2000
    taken = 0
    for _ in range(times):
        told = [trial(names, shown=dice.random() < likely) for names in ("", "timezone")]
        while (found := judged(ZONE, PLACE, [ZONE], told)) == "open":
            told += [trial(names, shown=dice.random() < likely) for names in ("timezone", "")]
        taken += found == "confirmed"
    assert taken <= 0.03 * times
