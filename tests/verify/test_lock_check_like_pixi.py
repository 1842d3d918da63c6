"""Each recorded manifest and lock: the verdict is pixi's, and the right rules say why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import read_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, backend_metadata, check_lock, check_lock_file

CASES = Path(__file__).parents[1] / "data" / "conformance" / "lock-check"
# Beside the cases are the channels that they were locked from.
NAMES = sorted(path.name for path in CASES.iterdir() if (path / "verdict.json").is_file())

# Cases that are out of date, with the rule that says so.
RULES = {
    "binary-made-source": "lock-source-kind",
    "channel-added-first": "lock-channels",
    "channel-added-last": "lock-channels",
    "channel-priority-disabled": "lock-options",
    "channel-replaced": "lock-channels",
    "constraint-violated": "lock-spec",
    "dependency-added": "lock-spec",
    "dependency-added-present-too-old": "lock-spec",
    "dependency-removed": "lock-unused",
    "environment-added": "lock-environments",
    "environment-no-default": "lock-unused",
    "environment-removed": "lock-environments",
    "exclude-newer-before": "lock-exclude-newer",
    "feature-spec-unsatisfied": "lock-spec",
    "lock-absent": "lock-parse",
    "lock-bad-md5": "lock-parse",
    "lock-dangling": "lock-parse",
    "lock-empty": "lock-parse",
    "lock-host-packages-dropped": "lock-build-environment",
    "lock-missing-subdir": "lock-parse",
    "lock-package-removed": "lock-depends",
    "lock-source-depends-edited": "lock-source-metadata",
    "lock-virtual-package": "lock-platform-definition",
    "platform-added": "lock-platforms",
    "platform-glibc": "lock-platforms",
    "platform-removed": "lock-platforms",
    "source-constraint-added": "lock-source-metadata",
    "source-deleted": "lock-source-location",
    "source-host-added": "lock-build-environment",
    "source-host-edited-unsatisfied": "lock-build-environment",
    "source-made-binary": "lock-source-kind",
    "source-noarch": "lock-source-metadata",
    "source-path-moved": "lock-source-location",
    "source-renamed": "lock-source-metadata",
    "source-run-added": "lock-source-metadata",
    "source-run-added-if-true": "lock-source-metadata",
    "source-run-removed": "lock-source-metadata",
    "source-run-spec-edited": "lock-source-metadata",
    "spec-impossible": "lock-spec",
    "spec-tightened-unsatisfied": "lock-spec",
    "strategy-lowest": "lock-options",
    "system-requirement": "lock-platforms",
    "target-dependency-removed": "lock-unused",
}
# A backend may have added what a manifest does not declare (any more): without its answer
# nothing can be said.
NEED_A_BACKEND = {"source-noarch", "source-run-removed"}


@pytest.fixture
def workspace(tmp_path: Path, name: str) -> Path:
    root = tmp_path / "case"
    shutil.copytree(CASES / name / "workspace", root / "workspace")
    lock = root / "workspace" / "pixi.lock"
    if lock.is_file():
        text = lock.read_bytes().decode()
        # The root stands in paths (`/root`) and in URLs (`file:///root`).
        text = text.replace("file://@ROOT@", tmp_path.as_uri())
        lock.write_bytes(text.replace("@ROOT@", tmp_path.as_posix()).encode())
    return root / "workspace"


def up_to_date(name: str) -> bool:
    verdict = json.loads((CASES / name / "verdict.json").read_text(encoding="utf-8"))
    return bool(verdict["up_to_date"])


def errors(report: Report) -> set[str]:
    return {finding.rule for finding in report.errors}


@pytest.mark.parametrize("name", NAMES)
def test_with_the_answers_of_the_backends(name: str, workspace: Path, tmp_path: Path) -> None:
    manifest = load_manifest(workspace)
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
    try:
        lock = read_lock(workspace / "pixi.lock")
    except InvalidInput:
        report = check_lock_file(manifest)
    else:
        metadata = backend_metadata(manifest, lock, options)
        report = check_lock(manifest, lock, metadata=metadata)
    assert report.ok == up_to_date(name)
    assert errors(report) == ({RULES[name]} if name in RULES else set())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEED_A_BACKEND])
def test_without_a_backend(name: str, workspace: Path) -> None:
    report = check_lock_file(load_manifest(workspace))
    assert report.ok == up_to_date(name)
    assert errors(report) == ({RULES[name]} if name in RULES else set())


def test_there_are_as_many_as_were_recorded() -> None:
    assert len(NAMES) == 73
    assert {name for name in NAMES if not up_to_date(name)} == set(RULES)
