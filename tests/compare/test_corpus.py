"""Pairs that differ for one reason: the kind and the cause of the difference are told, no other."""

from __future__ import annotations

import pytest

from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import compare_artifacts
from pytest_pixipack.compare.inside import Content, Inside, Scratch

from .corpus import BOTH, CASES


def looked_into(name, left, right):
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        return Inside(scratch).differences((name,), f"share/{name}", *pair)


def told(differences):
    return {(each.kind, each.cause) for each in differences}


@pytest.mark.parametrize("case", CASES)
def test_one_reason(case):
    name, left, right, kind, cause = CASES[case]
    assert told(looked_into(name, left, right)) == {(kind, cause)}


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_the_other_way_round(case):
    name, left, right, kind, cause = CASES[case]
    other = {"file-added": "file-removed", "file-removed": "file-added"}.get(cause, cause)
    assert told(looked_into(name, right, left)) == {(kind, other)}


@pytest.mark.parametrize("case", CASES)
def test_nothing_differs_from_itself(case):
    name, left, *_ = CASES[case]
    assert looked_into(name, left, left) == []


@pytest.mark.parametrize("case", BOTH)
def test_two_reasons(case):
    name, left, right, expected = BOTH[case]
    assert told(looked_into(name, left, right)) == expected


@pytest.mark.parametrize("case", [*list(CASES)[::9], "deep", "wheel-file"])
def test_inside_a_package(case, make):
    name, left, right, kind, cause = CASES[case]
    pair = [make(files=[Member(f"share/{name}", content)]) for content in (left, right)]
    assert told(compare_artifacts(*pair).differences) == {(kind, cause)}
    assert compare_artifacts(pair[0], pair[0]).verdict == "identical"
