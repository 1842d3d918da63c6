"""Each recorded case with PyPI packages: the verdict is pixi's, and the right rule says why."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, check_lock_file
from tests.verify.pypi_cases import BASES, CASES, Case
from tests.verify.pypi_recording import DATA, made, recorded, verdict, world

VERDICTS = json.loads((DATA / "verdicts.json").read_text(encoding="utf-8"))
PIXI = "0.77.0"

# What pixi says, and the rule that says the same.
REASONS = (
    (r"tags on wheel", {"lock-pypi-tags"}),
    (r"option `no-build` is set|`\.whl`, `\.tar\.gz`", {"lock-pypi-binary"}),
    (r"the indexes used to previously", {"lock-indexes"}),
    (r"PyPI prerelease mode", {"lock-options"}),
    (r"requires index", {"lock-pypi-index"}),
    (r"does not match the locked version", {"lock-pypi-version"}),
    (r"mismatching (url|git)|direct url should start|expected a git url", {"lock-pypi-url"}),
    (r"absolute required path|expected a path but", {"lock-pypi-path"}),
    (r"locked as a distribution but|into a pep508 requirement", {"lock-pypi-path"}),
    (r"requires python version|requires-python changed", {"lock-pypi-python"}),
    (r"conda installed package|conda package does not satisfy", {"lock-pypi-conda"}),
    # Where a platform is not locked at all, we say that.
    (r"missing purls", {"lock-pypi-conda", "lock-platforms"}),
    (r"only requested by pypi dependencies", {"lock-pypi-conda"}),
    (r"metadata for local package|failed to read metadata", {"lock-pypi-requirement"}),
    (r"could not be satisfied", {"lock-pypi-requirement", "lock-pypi-extra", "lock-spec"}),
    (r"more (pypi|conda) packages in the lock", {"lock-unused"}),
    (r"duplicate entry", {"lock-duplicate"}),
)


def report_of(workspace: Path) -> Report | None:
    """The report; None for a manifest that is refused."""
    try:
        return check_lock_file(load_manifest(workspace))
    except InvalidInput:
        return None


@pytest.mark.parametrize(
    "case",
    [
        # The quick run takes every fifth.
        pytest.param(each, id=each.name, marks=[pytest.mark.slow] if number % 5 else [])
        for number, each in enumerate(CASES)
    ],
)
def test_the_verdict_and_its_reason(case: Case, tmp_path: Path) -> None:
    known = VERDICTS[case.name]
    report = report_of(recorded(tmp_path, case.base, *case.edits))
    assert (report is not None and report.ok) == known["up_to_date"]
    if report is None:
        return
    found = {finding.rule for finding in report.errors}
    for reason in known["reasons"]:
        said = {rule for text, rules in REASONS if re.search(text, reason) for rule in rules}
        assert found & said, reason


def test_nothing_is_said_of_a_lock_that_pixi_has_just_written(tmp_path: Path) -> None:
    for name in BASES:
        (tmp_path / name).mkdir()
        report = report_of(recorded(tmp_path / name, name))
        assert report is not None
        assert [f for f in report.findings if f.rule != "lock-canonical"] == [], name


def test_there_are_as_many_as_were_recorded() -> None:
    assert set(VERDICTS) == {case.name for case in CASES}
    assert len(CASES) == len(VERDICTS)
    assert all(known["strict"] == known["up_to_date"] for known in VERDICTS.values())


def pixi_is_there() -> bool:
    if shutil.which("pixi") is None or shutil.which("git") is None:
        return False
    done = subprocess.run(["pixi", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split()[-1:] == [PIXI]


@pytest.mark.slow
@pytest.mark.skipif(not pixi_is_there(), reason=f"pixi {PIXI} and git are not on PATH")
def test_the_recording_is_what_pixi_says() -> None:
    with world() as around:
        for case in CASES[::4]:
            workspace = made(around, case, around.root / "cases" / case.name)
            assert verdict(around, workspace) == VERDICTS[case.name], case.name
