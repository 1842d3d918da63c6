"""Finding the conditions that make a difference, without any build."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.reproduce.attribute import Attribution, Spent, attribute

NAMES = tuple("abcdefghijklmn")


class World:
    """Places differ where all conditions that they need are changed."""

    def __init__(self, **needs: str) -> None:
        self.needs = needs
        self.observed = 0

    def observe(self, groups: Sequence[tuple[str, ...]]) -> list[frozenset[str]]:
        self.observed += len(groups)
        return [
            frozenset(place for place, needs in self.needs.items() if {*needs} <= {*group})
            for group in groups
        ]


def found(world: World, most: int = 200) -> Attribution:
    return attribute(NAMES, world.observe, most)


def test_nothing_differs_and_one_look_is_enough():
    world = World()
    assert found(world) == Attribution()
    assert world.observed == 1


def test_one_condition_is_found_with_few_looks():
    world = World(stamp="f")
    assert found(world).causes == {("f",): {"stamp"}}
    assert world.observed <= 1 + 2 * 4


def test_several_conditions_each_with_its_own_places():
    causes = found(World(stamp="a", zone="b", path="n", both="n")).causes
    assert causes == {("a",): {"stamp"}, ("b",): {"zone"}, ("n",): {"path", "both"}}


def test_two_conditions_that_lead_to_the_same_place_are_both_named():
    def observe(groups):
        return [frozenset({"x"} if {"c", "k"} & {*group} else ()) for group in groups]

    assert attribute(NAMES, observe, 100).causes == {("c",): {"x"}, ("k",): {"x"}}


def test_conditions_that_have_to_come_together():
    assert found(World(x="bm", y="c")).causes == {("b", "m"): {"x"}, ("c",): {"y"}}


def test_several_places_that_need_several_conditions_each():
    assert found(World(x="bm", y="cn")).causes == {("b", "m"): {"x"}, ("c", "n"): {"y"}}


def test_what_is_not_found_out_in_time_is_said_to_be_so():
    result = found(World(x="b", y="n"), most=4)
    assert result.causes == {}
    assert {place for places in result.unresolved.values() for place in places} == {"x", "y"}


def test_what_is_known_is_not_observed_again():
    world = World(x="b")
    attribute(("b", "c"), world.observe, 9, {("b", "c"): frozenset({"x"})})
    assert world.observed == 2


def test_what_was_seen_stays_where_nothing_more_is_allowed():
    known = {NAMES: frozenset({"x"})}
    for most in (-1, 0, 1):
        result = attribute(NAMES, World(x="b").observe, most, known)
        assert (result.causes, result.unresolved) == ({}, {NAMES: {"x"}})


def test_those_who_look_on_may_allow_no_more():
    def observe(groups: Sequence[tuple[str, ...]]) -> list[frozenset[str]]:
        raise Spent

    known = {NAMES: frozenset({"x"})}
    assert attribute(NAMES, observe, 100, known).unresolved == {NAMES: {"x"}}


@pytest.mark.parametrize("needs", ["f", "k", "fk"])
def test_a_suspicion_saves_looks_and_a_wrong_one_does_no_harm(needs):
    world = World(stamp=needs)
    result = attribute(NAMES, world.observe, 200, suspect=lambda _names, _places: {"f"})
    assert result.causes == {tuple(needs): {"stamp"}}
    if needs == "f":
        assert world.observed == 3


@given(
    st.dictionaries(
        st.sampled_from(["p", "q", "r"]), st.sets(st.sampled_from(NAMES), min_size=1, max_size=3)
    )
)
def test_every_place_is_explained_by_what_it_needs(needs):
    world = World(**{place: "".join(sorted(names)) for place, names in needs.items()})
    causes = found(world).causes
    for place, names in needs.items():
        assert place in causes[tuple(sorted(names))]


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.integers(1, 12))
def test_no_more_is_observed_than_allowed(names, most):
    world = World(**{f"place_{name}": name for name in names})
    result = found(world, most)
    assert world.observed <= most
    every = [*result.causes.values(), *result.unresolved.values()]
    assert frozenset().union(*every) == {f"place_{name}" for name in names}


@pytest.mark.parametrize("names", [(), ("a",)])
def test_few_conditions(names):
    world = World(x="a")
    expected = {names: {"x"}} if names else {}
    assert attribute(names, world.observe, 5).causes == expected
