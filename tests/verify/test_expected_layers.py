"""Expectations of the layers of a shipment: its wheels, and the files in its pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.expect import load_expectations
from pytest_pixipack.verify import verify
from tests.verify.conftest import PLATFORM, Layers


def rules(layers: Layers, layer: str, text: str, place: Path) -> list[tuple[str, str | None]]:
    file = place / "expect.toml"
    file.write_text(text, encoding="utf-8")
    report = verify(
        **{layer: getattr(layers, layer)}, platform=PLATFORM, expectations=load_expectations(file)
    )
    return [(finding.rule, finding.field) for finding in report.findings]


@pytest.mark.parametrize("layer", ["lock", "pack", "prefix"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('packages.keel = ">=1.2"', []),
        ('packages.keel = ">=2"', [("expect-package", "version")]),
        ('forbidden = ["keel"]', [("expect-forbidden", None)]),
        ('forbidden = ["keel >=2"]', []),
        ('packages.mast = "*"', [("expect-package", None)]),
    ],
)
def test_wheels(
    text: str, found: list[tuple[str, str | None]], layer: str, shipped: Layers, tmp_path: Path
) -> None:
    assert rules(shipped, layer, text, tmp_path) == found


@pytest.mark.parametrize("layer", ["pack", "prefix"])
def test_files(layer: str, shipped: Layers, tmp_path: Path) -> None:
    there = 'packages.tool.files = ["bin/*", "share/**"]\npackages.old.files = ["share/old.txt"]'
    absent = 'packages.tool.files = ["bin/*", "bin/nothing"]'
    assert rules(shipped, layer, there, tmp_path) == []
    assert rules(shipped, layer, absent, tmp_path) == [("expect-package", "files")]


def test_a_lock_knows_no_files(shipped: Layers, tmp_path: Path) -> None:
    assert rules(shipped, "lock", 'packages.tool.files = ["bin/nothing"]', tmp_path) == []
