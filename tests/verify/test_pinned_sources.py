"""Records of packages from repositories: nothing but an edit of the lock can change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, check_lock

CASE = Path(__file__).parents[1] / "data" / "conformance" / "cases" / "git-source"


@pytest.fixture
def text() -> str:
    lock = (CASE / "expected" / "pixi.lock").read_bytes().decode()
    return lock.replace("file://@ROOT@", "file:///root").replace("@ROOT@", "/root")


def checked(text: str) -> Report:
    manifest = load_manifest(CASE / "workspace")
    report = check_lock(manifest, parse_lock(text))
    # The channel is another one than where the lock was recorded.
    return Report.of(f for f in report.findings if f.rule != "lock-channels")


def test_as_pixi_wrote_it(text: str) -> None:
    assert checked(text).errors == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: '0.9'", "version: '0.10'"),
        ("subdir: linux-64\n  variants:", "build_number: 5\n  subdir: linux-64\n  variants:"),
        ("  - sibling\n  - tool-a *\n", "  - sibling\n"),
        ("remote[fabdaf22]", "remote[00000000]"),
    ],
)
def test_an_edited_record_has_another_identifier(text: str, old: str, new: str) -> None:
    assert old in text
    found = {(f.rule, f.field) for f in checked(text.replace(old, new)).errors}
    assert ("lock-source-metadata", "identifier") in found


def test_fields_that_are_not_part_of_the_identity(text: str) -> None:
    assert checked(text.replace("version: '0.9'", "version: '0.9'\n  license: MIT")).ok
