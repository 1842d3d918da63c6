"""pixi's verdict on a lock, and its reasons, as they were recorded from pixi 0.77.0."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from packaging.version import Version

from .conftest import CONFORMANCE

CHECKS = CONFORMANCE / "lock-check"
NAMES = [
    "unchanged", "binary-made-source", "channel-added-first", "constraint-violated",
    "dependency-added", "environment-added", "keys-reordered", "lock-absent",
    "lock-package-removed", "lock-wrong-sha256", "platform-added", "source-config-edited",
    "source-host-edited-unsatisfied", "source-run-added", "source-run-respelled", "spec-impossible",
]  # fmt: skip


def sorted_names(reason: str) -> str:
    """pixi names superfluous packages in any order."""
    head, mark, names = reason.partition("are used by the environment: ")
    return head + mark + ", ".join(sorted(names.split(", ")))


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_the_recorded_one(name, system, tmp_path):
    shutil.copytree(CHECKS / "channels", tmp_path / "channels")
    workspace = tmp_path / "case" / "workspace"
    shutil.copytree(CHECKS / name / "workspace", workspace)
    for lock in workspace.rglob("pixi.lock"):
        text = lock.read_text(encoding="utf-8").replace("@ROOT@", tmp_path.as_posix())
        lock.write_text(text, encoding="utf-8", newline="\n")
    recorded = json.loads((CHECKS / name / "verdict.json").read_text(encoding="utf-8"))
    verdict = system.lock_check(workspace)
    assert verdict.up_to_date == recorded["up_to_date"]
    assert (verdict.failure is not None) == bool(recorded["errors"])
    # Reasons are words of one release.
    if system.tools.require("pixi").version == Version("0.77.0"):
        reasons = sorted({sorted_names(reason) for reason in verdict.reasons})
        expected = [re.sub("@ROOT@", str(tmp_path), reason) for reason in recorded["reasons"]]
        assert reasons == sorted(expected)
