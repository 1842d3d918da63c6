# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM201
from __future__ import annotations

import pytest
from dirty_equals import AnyThing, Contains, HasLen, IsInt, IsList, IsPartialDict, IsStr
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.difference import difference, explain_comparison, render_difference
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.matchers import (
    HasFiles,
    IsBuildString,
    IsPackage,
    IsSha256,
    IsSource,
    IsSpec,
    IsTimestamp,
    IsVersion,
)

NUMBERS = st.integers(0, 12)
VERSIONS = st.lists(NUMBERS, min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
CLAUSES = st.builds(str.__add__, st.sampled_from([">=", "<=", ">", "<", "==", "!="]), VERSIONS)
NAMES = st.sampled_from(["curl", "libz", "app"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | VERSIONS
)
PACKAGES = st.builds(
    PackageFacts,
    name=NAMES,
    kind=st.sampled_from(["binary", "source"]),
    version=st.none() | VERSIONS,
    depends=st.lists(NAMES, max_size=2).map(tuple),
    run_exports=st.none() | st.builds(RunExports, weak=st.lists(NAMES, max_size=1).map(tuple)),
)
SIMPLE_MATCHERS = st.sampled_from(
    [
        IsVersion, IsVersion(">=3"), IsSpec, IsSpec("curl"), IsBuildString("h*"), IsSha256,
        IsTimestamp, HasFiles("a"), IsPackage, IsSource, IsStr, IsInt(), AnyThing, HasLen(1),
        Contains("curl"), Contains(IsSpec("curl")), IsPartialDict(a=IsInt), IsList(1, IsStr),
        IsPackage(name="curl", depends=["libz"]), IsSource(version=IsVersion(">=3")),
        IsPackage(run_exports={"weak": ["libz"]}),
    ]
)  # fmt: skip
MATCHERS = st.recursive(
    SIMPLE_MATCHERS,
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | st.builds(lambda a: ~a, inner)
    ),
    max_leaves=4,
)


def nested(leaves):
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=6,
    )


ACTUAL = nested(SCALARS | PACKAGES)
EXPECTED = nested(SCALARS | PACKAGES | MATCHERS)


@given(EXPECTED, ACTUAL)
def test_there_is_a_difference_exactly_where_values_are_unequal(expected, actual):
    found = difference(expected, actual)
    assert (found == []) == bool(expected == actual)
    for each in found:
        assert each.expected != each.actual or each.note
        assert "\n" not in str(each)


@given(EXPECTED, ACTUAL)
def test_both_orders_of_operands_agree(expected, actual):
    assert (expected == actual) == (actual == expected)
    assert (expected != actual) == (not expected == actual)


@given(ACTUAL)
def test_a_value_does_not_differ_from_itself(value):
    assert difference(value, value) == []


@given(EXPECTED, ACTUAL, st.integers(40, 100))
def test_explanations_keep_the_width(expected, actual, width):
    lines = render_difference(difference(expected, actual), width=width)
    assert all(len(line) <= width for line in lines)
    explained = explain_comparison(actual, expected, width=width)
    assert explained is None or all(explained)


@given(MATCHERS, SCALARS | st.binary(max_size=4) | st.text())
def test_matchers_never_raise_and_a_negation_is_the_opposite(matcher, value):
    assert (matcher == value) != (~matcher == value)


@given(st.lists(CLAUSES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_clauses_in_a_spec_says_nothing(clauses, random):
    shuffled = random.sample(clauses, len(clauses))
    assert f"curl {','.join(clauses)}" == IsSpec(f"curl {','.join(shuffled)}")
    assert f"curl {'|'.join(clauses)}" == IsSpec(f"curl {'|'.join(shuffled)}")


@given(CLAUSES, CLAUSES)
def test_equal_specs_admit_the_same_versions(left, right):
    if f"curl {left}" == IsSpec(f"curl {right}"):
        for number in range(14):
            version = f"{number}.0"
            assert (version == IsVersion(left)) == (version == IsVersion(right))


@given(VERSIONS, VERSIONS)
def test_a_bound_admits_versions_as_rattler_orders_them(version, bound):
    from rattler import Version

    assert (version == IsVersion(f">={bound}")) == (Version(version) >= Version(bound))
    assert (version == IsVersion(bound)) == (Version(version) == Version(bound))


@given(st.text(max_size=12))
def test_a_constructor_takes_a_text_or_raises_value_error(text):
    for matcher in (IsVersion, IsSpec):
        try:
            matcher(text)
        except ValueError as error:
            assert "is not a" in str(error)  # noqa: PT017


@given(st.sets(st.text("ab/.", min_size=1, max_size=6)), st.text("ab/.*?", min_size=1, max_size=6))
def test_a_glob_is_a_path_and_its_stars(paths, pattern):
    if pattern.startswith("/"):
        with pytest.raises(ValueError, match="relative"):
            HasFiles(pattern)
        return
    assert [pattern, *paths] == HasFiles(pattern)
    plain = not set(pattern) & set("*?")
    if plain:
        assert (sorted(paths) == HasFiles(pattern)) == (pattern in paths)
    assert (sorted(paths) == HasFiles("**")) == bool(paths)
