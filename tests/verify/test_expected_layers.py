"""Expectations of the layers of a shipment: its wheels, and the files in its pack."""

from __future__ import annotations

from pathlib import Path

import pytest
from dirty_equals import IsPartialDict

from pytest_pixipack.expect import load_expectations
from pytest_pixipack.matchers import HasFiles, IsPack, IsPackage, IsPrefix
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


def test_the_files_of_a_package_in_a_pack_are_read_when_they_are_asked_for(shipped: Layers) -> None:
    pack = shipped.pack
    assert pack.packages["tool"] == HasFiles("bin/tool", "share/**")
    assert pack.packages["old"] == HasFiles("share/old.txt")
    assert pack.packages["tool"] != HasFiles("bin/nothing")
    assert pack == IsPack(packages=IsPartialDict(tool=IsPackage(files=HasFiles("bin/*"))))
    assert all(facts.files is None for facts in pack.records)


def test_a_pack_is_no_prefix_and_both_are_shown_in_one_line(shipped: Layers) -> None:
    assert shipped.pack != IsPrefix()
    assert shipped.prefix != IsPack()
    assert shipped.prefix == IsPrefix(packages=IsPartialDict(tool=HasFiles("bin/tool")))
    for layer in (shipped.pack, shipped.prefix):
        assert str(layer.path) in repr(layer)
        assert len(repr(layer)) < len(str(layer.path)) + 100
