"""One thing is changed in a package: exactly that is found, whatever else is in there."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.artifact import Member, write_artifact
from pytest_pixipack.compare import compare_artifacts
from pytest_pixipack.compare.inside import lockstep

from .conftest import INDEX

LINES = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=2, max_size=6)
CONTENTS = st.one_of(
    LINES.map(lambda lines: "".join(f"{line}\n" for line in lines).encode()),
    st.binary(min_size=1, max_size=60),
)
TREES = st.dictionaries(
    st.text("abc", min_size=1, max_size=3).map("share/{}".format), CONTENTS, min_size=1, max_size=6
)


def change_content(files, name):
    return {**files, name: files[name] + b"\0more"}, {("payload", "content")}


def add(files, _):
    return {**files, "new/file": b"new\n"}, {("payload", "file-added")}


def remove(files, name):
    rest = {each: content for each, content in files.items() if each != name}
    return rest, {("payload", "file-removed")}


def insert_date(files, name):
    return files | {name: b"made 2024-03-02\n"}, {("payload", "embedded-date")}


def executable(files, name):
    return files, {("payload", "mode")}


MUTATIONS = [change_content, add, remove, insert_date, executable]


def written(place, files, executables=()):
    place.mkdir()
    path = place / "app-1.0-h0_0.conda"
    members = [Member(name, content, name in executables) for name, content in files.items()]
    write_artifact(path, INDEX, members)
    return path


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, st.sampled_from(MUTATIONS), st.integers(0, 10))
def test_a_single_mutation_is_found(files, mutate, number):
    name = sorted(files)[number % len(files)]
    if mutate is insert_date:
        files = {**files, name: b"made 2024-03-01\n"}
    changed, expected = mutate(files, name)
    with tempfile.TemporaryDirectory() as directory:
        left = written(Path(directory, "left"), files)
        marked = [name] if mutate is executable else []
        right = written(Path(directory, "right"), changed, marked)
        there, back = compare_artifacts(left, right), compare_artifacts(right, left)
        assert compare_artifacts(left, left).verdict == "identical"
    assert {(each.kind, each.cause) for each in there.differences} == expected
    assert there.verdict == back.verdict == "payload"
    assert len(there.differences) == len(back.differences) == 1
    assert {each.where[-1] for each in there.differences} <= {name, "new/file"}


@pytest.mark.parametrize("place", [0, 1 << 20, (3 << 20) - 1])
@pytest.mark.parametrize("huge", [False, True])
def test_large_files_that_differ_somewhere(place, huge, tmp_path, monkeypatch):
    """Behind their first MiB, files are read once more; of huge ones only what differs is read."""
    if huge:
        monkeypatch.setattr(lockstep, "_HUGE", 1 << 20)
    noise = random.Random(1).randbytes(3 << 20)
    changed = noise[:place] + bytes([noise[place] ^ 1]) + noise[place + 1 :]
    pair = [written(tmp_path / n, {"lib/a.bin": c}) for n, c in (("l", noise), ("r", changed))]
    (found,) = compare_artifacts(*pair).differences
    assert (found.where[-1], found.kind, found.cause) == ("lib/a.bin", "payload", "content")


def test_a_path_far_inside_a_large_file(tmp_path):
    noise = random.Random(1).randbytes(2 << 20)
    pair = [
        written(tmp_path / n, {"lib/a.bin": noise + b"\0/home/%s/w/x.c\0" % n.encode() + noise})
        for n in ("l", "r")
    ]
    (found,) = compare_artifacts(*pair).differences
    assert (found.kind, found.cause) == ("payload", "embedded-path")
