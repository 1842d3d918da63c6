"""A worker that dies in a test of the repository's own."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


def test_it_is_listed_in_the_report(demo, pytester):
    pytest.importorskip("xdist")
    pytester.makepyfile(test_own="import os\n\ndef test_dies(): os._exit(9)\n")
    pytester.runpytest_subprocess(
        "--pixi-pack", "--pixipack-checks=lock", "-n1", "--pixipack-report=report.json", timeout=60
    )
    report = json.loads((demo.root / "report.json").read_bytes())
    assert report["crashed"] == ["test_own.py::test_dies"]
    assert report["outcome"] == "infrastructure"
