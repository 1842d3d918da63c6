"""Which checks a workspace gets, and that their names are unique; on recorded workspaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.plugin.options import Settings
from pytest_pixipack.plugin.plan import plan

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
COMPLETE = sorted(
    path.name
    for path in CASES.iterdir()
    if (path / "workspace" / "pixi.toml").is_file() and (path / "expected" / "pixi.lock").is_file()
)


def planned(case: str, **settings: object) -> list[str]:
    text = (CASES / case / "expected" / "pixi.lock").read_text(encoding="utf-8")
    lock = parse_lock(text.replace("@ROOT@", "/root"))
    checks = plan(load_manifest(CASES / case / "workspace"), lock, Settings(**settings))
    return [check.name for check in checks if not check.name.startswith("unpack")]


def test_a_chain_of_packages():
    assert planned("trio", platforms=("win-64",)) == [
        "lock[default-win-64]",
        "build[app-win-64]",
        "build[core-win-64]",
        "build[lib-win-64]",
        "pack[default-win-64]",
    ]


@pytest.mark.parametrize("case", COMPLETE)
def test_names_are_unique(case):
    names = planned(case)
    assert names
    assert len(names) == len(set(names))


def test_environments_and_rich_platforms_are_told_apart():
    names = planned("environments")
    assert "lock[default-linux-64]" in names
    assert len([name for name in names if name.startswith("lock[")]) == len(
        [name for name in names if name.startswith("pack[")]
    )


def test_variants_of_one_package_have_names_of_their_own(tmp_path):
    text = """
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels: []
    packages:
      linux-64:
      - conda_source: lib[00000001] @ lib
  other:
    channels: []
    packages:
      linux-64:
      - conda_source: lib[00000002] @ lib
packages:
- conda_source: lib[00000001] @ lib
  variants:
    libz: '1.0'
    target_platform: linux-64
- conda_source: lib[00000002] @ lib
  variants:
    libz: '1.1'
    target_platform: linux-64
"""
    manifest = tmp_path / "pixi.toml"
    manifest.write_text(
        """
        [workspace]
        name = "w"
        channels = []
        platforms = ["linux-64"]
        [environments]
        other = []
        """,
        encoding="utf-8",
    )
    checks = plan(load_manifest(manifest), parse_lock(text), Settings())
    builds = [check.name for check in checks if check.kind == "build"]
    assert builds == ["build[lib-libz=1.0-linux-64]", "build[lib-libz=1.1-linux-64]"]


def test_without_a_lock_there_is_nothing_to_build(tmp_path):
    shutil.copy(CASES / "trio" / "workspace" / "pixi.toml", tmp_path)
    checks = plan(load_manifest(tmp_path), None, Settings(platforms=("win-64",)))
    assert [check.name for check in checks] == ["lock[default-win-64]", "pack[default-win-64]"]
