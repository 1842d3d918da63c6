"""Backends that start wherever the workspace is, and moments that every Python reads alike."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pytest_pixipack.backend.conditions import evaluate
from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import ChildSettings, EngineOptions
from pytest_pixipack.errors import Infrastructure

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"


def built(tmp_path: Path, **options: object) -> list[str]:
    engine = EmbeddedEngine(
        EngineOptions(cache_dir=tmp_path / "cache", child=ChildSettings(), **options)
    )
    artifacts = engine.build(tmp_path / "w", tmp_path / "out", platform="linux-64")
    return [artifact.facts.name for artifact in artifacts]


@pytest.mark.parametrize("name", ["types", "json", "typing", "pytest_pixipack"])
def test_a_package_may_have_modules_named_like_any_other(tmp_path: Path, name: str) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "w")
    for package in ("", "lib", "base"):
        (tmp_path / "w" / package / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    assert built(tmp_path) == ["base-pkg", "lib-pkg", "main-pkg"]


def test_a_stand_in_is_found_without_its_extension_on_windows(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "w")
    start = f'"{sys.executable}" -m pytest_pixipack.backend.stub_main'
    if sys.platform == "win32":
        (tmp_path / "w" / "backend.cmd").write_text(f"@{start}\n")
    else:
        (tmp_path / "w" / "backend").write_text(f"#!/bin/sh\nexec {start}\n")
        (tmp_path / "w" / "backend").chmod(0o755)
    assert len(built(tmp_path, backends={"pixi-build-cmake": "backend"})) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="a directory of Unix")
def test_a_condition_that_cannot_be_written_down_is_no_fault_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/null/nowhere")
    with pytest.raises(Infrastructure, match="cannot be evaluated"):
        evaluate("unix", "linux-64", "linux-64")
