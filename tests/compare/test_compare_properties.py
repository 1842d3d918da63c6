"""What holds for every comparison."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pixipack.artifact import Member, write_artifact
from pytest_pixipack.compare import VERDICTS, Comparison, Difference, compare_artifacts
from pytest_pixipack.compare.records import compare_records
from pytest_pixipack.prefix.placed import place_of

from .conftest import INDEX

words = st.text("abcxyz", min_size=1, max_size=4)
specs = st.lists(words, max_size=3)
values = st.one_of(st.none(), words, st.integers(), specs)
records = st.dictionaries(
    st.sampled_from(["depends", "constrains", "license", "timestamp", "version", "other"]), values
)
members = st.lists(
    st.builds(
        Member,
        path=words.map("d/{}".format),
        content=st.sampled_from([b"", b"a\nb\n", b"b\na\n", b"a\r\nb\r\n", b"\0\1"]),
        executable=st.booleans(),
    ),
    unique_by=lambda member: member.path,
    max_size=4,
)
contents = st.builds(
    lambda files, depends, time: (files, {"depends": depends, "timestamp": time}),
    members,
    specs,
    st.sampled_from([1_700_000_000_000, 1_700_000_000_001]),
)


def mirrored(comparison: Comparison) -> set[str]:
    return {f"{d.where[1:]} {d.field} {d.kind} {d.right} {d.left}" for d in comparison.differences}


def plain(comparison: Comparison) -> set[str]:
    return {f"{d.where[1:]} {d.field} {d.kind} {d.left} {d.right}" for d in comparison.differences}


@given(records)
def test_a_record_does_not_differ_from_itself(record):
    assert list(compare_records((), record, dict(record))) == []


@given(records, records)
def test_records_differ_in_both_directions(left, right):
    there = Comparison.of(compare_records(("r",), left, right))
    back = Comparison.of(compare_records(("r",), right, left))
    assert mirrored(there) == plain(back)
    assert there.verdict == back.verdict
    assert (there.verdict == "identical") == (left == right)


@settings(max_examples=25, deadline=None)
@given(contents, contents)
def test_artifacts_differ_in_both_directions(left, right):
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for side, (files, index) in (("l", left), ("r", right)):
            path = Path(directory, side, "app-1.0-h0_0.conda")
            path.parent.mkdir()
            write_artifact(path, {**INDEX, **index}, files)
            paths.append(path)
        there, back = compare_artifacts(*paths), compare_artifacts(*reversed(paths))
        assert compare_artifacts(paths[0], paths[0]).verdict == "identical"
        same = paths[0].read_bytes() == paths[1].read_bytes()
    assert mirrored(there) == plain(back)
    assert there.verdict == back.verdict
    assert (there.verdict == "identical") == same


@given(st.lists(st.sampled_from(VERDICTS[1:]), max_size=5))
def test_the_verdict_is_the_worst_kind(kinds):
    found = Comparison.of(Difference(("x",), str(n), kind, 0, 1) for n, kind in enumerate(kinds))
    worst = max([*kinds, "identical"], key=VERDICTS.index)
    assert found.verdict == worst == found.to_json()["verdict"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_a_prefix_is_found_wherever_it_is_in_a_file(before, after):
    with tempfile.TemporaryDirectory() as directory:
        place = place_of(Path(directory))
        file = Path(directory, "f")
        # Around the edge of the pieces in which files are read.
        start = (1 << 20) - before
        file.write_bytes(b"x" * start + directory.encode() + b"y" * after)
        assert place.content("f", 1 << 21) == b"x" * start + b"<prefix>" + b"y" * after


def test_a_cause_is_one_of_the_list():
    with pytest.raises(ValueError, match="no known cause"):
        Difference(("x",), "f", "payload", 1, 2, "magic")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_the_document_is_json_whatever_the_values(number):
    found = Difference(("x",), "f", "payload", {"a": [number, (1,)]}, {1: b"x"}, "content")
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["left"] == {"a": [json.dumps(number), [1]]}
    assert document["right"] == {"1": "b'x'"}


def test_a_difference_as_json():
    found = Difference(("environment.tar", "bin/a"), "mtime", "metadata", 1, 2, "timestamp")
    assert found.to_json() == {
        "where": ["environment.tar", "bin/a"], "field": "mtime", "kind": "metadata",
        "cause": "timestamp", "left": 1, "right": 2,
    }  # fmt: skip
    assert str(found) == "environment.tar > bin/a > mtime: 1 -> 2 (timestamp)"
