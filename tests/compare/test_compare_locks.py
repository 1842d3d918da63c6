"""Two locks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import parse_lock
from pytest_pixipack.compare import compare_locks

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"


def text(name: str) -> str:
    path = CASES / name / "expected" / "pixi.lock"
    return path.read_text(encoding="utf-8").replace("@ROOT@", "/root")


def compared(old: str, new: str, name: str = "flat"):
    assert old in text(name)
    return compare_locks(parse_lock(text(name)), parse_lock(text(name).replace(old, new)))


@pytest.mark.parametrize("name", ["flat", "trio", "environments", "variants"])
def test_a_lock_is_identical_to_itself(name):
    assert compare_locks(parse_lock(text(name)), parse_lock(text(name))).verdict == "identical"


def test_hashes_of_source_identifiers_are_metadata():
    import re

    changed = re.sub(r"\[[0-9a-f]{8}\]", "[00000000]", text("flat"))
    found = compare_locks(parse_lock(text("flat")), parse_lock(changed))
    assert found.verdict == "metadata"
    assert {each.cause for each in found.differences} == {"source-identifier"}


def test_another_version_is_payload():
    found = compared("tool-a-1.1.0-h0_0.conda", "tool-a-1.2.0-h0_0.conda")
    assert found.verdict == "payload"
    assert ("pixi.lock", "default", "linux-64", "tool-a") in {
        each.where for each in found.differences
    }


def test_an_environment_that_is_gone_is_payload():
    lock = parse_lock(text("environments"))
    environments = {name: each for name, each in lock.environments.items() if name != "tests"}
    found = compare_locks(lock, replace(lock, environments=environments, text=None))
    assert found.verdict == "payload"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [("\n", "\r\n", "line-endings"), ("platforms:", "# a comment\nplatforms:", "json-format")],
)
def test_another_notation_is_metadata(old, new, cause):
    found = compared(old, new)
    assert found.verdict == "metadata"
    assert [each.cause for each in found.differences] == [cause]


def test_the_same_packages_from_a_mirror_are_metadata():
    """The channels of the lock are payload all the same: a later solve would ask others."""
    path = Path(__file__).parents[2] / "docs" / "examples" / "local-build" / "pixi.lock"
    old = path.read_text(encoding="utf-8")
    new = old.replace("https://conda.anaconda.org/conda-forge", "https://mirror.example.org/main")
    found = compare_locks(parse_lock(old), parse_lock(new))
    general = [each for each in found.differences if len(each.where) < 4]
    packages = [each for each in found.differences if len(each.where) >= 4]
    assert {(each.field, each.kind) for each in general} == {("channels", "payload")}
    assert {(each.field, each.kind) for each in packages} == {("location", "metadata")}


def test_all_values_are_json():
    import json

    left, right = parse_lock(text("flat")), parse_lock(text("trio"))
    document = compare_locks(left, right).to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["verdict"] == "payload"
