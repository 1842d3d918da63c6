"""Which of the packages that pixi built is the one that the lock means."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack import BackendError, InvalidInput, Unsupported, parse_lock, write_artifact
from pytest_pixipack.engine.system.built import chosen, listed_outputs

PRINTED = """
WARNING: `pixi build` is deprecated and will be removed in a future release.

📋 Building 2 package(s):
  - vary v1.0 [h1_0] (win-64) (color: green, libz: 1.0)
  - vary v1.0 [h2_0] (win-64) (color: blue, libz: 1.0)

📦 Publishing 2 package(s) to directory /out
  - vary-1.0-h1_0.conda (color: green)
"""

LOCK = """\
version: 7
platforms:
- name: win-64
environments:
  default:
    channels: []
    packages:
      win-64:
      - conda_source: vary[00000001] @ vary
packages:
- conda_source: vary[00000001] @ vary
  variants:
    color: {color}
    libz: '1.0'
    target_platform: win-64
"""


def locked(color: str = "blue"):
    return parse_lock(LOCK.replace("{color}", color))["win-64"]["vary"]


@pytest.fixture
def out(tmp_path) -> Path:
    for build in ("h1_0", "h2_0"):
        index = {
            "name": "vary", "version": "1.0", "build": build, "build_number": 0,
            "subdir": "win-64", "depends": [],
        }  # fmt: skip
        write_artifact(tmp_path / f"vary-1.0-{build}.conda", index, [])
    return tmp_path


def test_the_list_names_builds_and_the_variants_in_which_they_differ():
    first, second = listed_outputs(PRINTED)
    assert (first.name, first.version, first.build, first.subdir) == (
        "vary", "1.0", "h1_0", "win-64",
    )  # fmt: skip
    assert second.variants == {"color": "blue", "libz": "1.0"}


def test_the_locked_variant_is_chosen(out):
    assert chosen(locked(), listed_outputs(PRINTED), out, "pixi").facts.build == "h2_0"


def test_a_variant_that_is_not_built_any_more(out):
    with pytest.raises(InvalidInput, match="wants vary as color=red"):
        chosen(locked("red"), listed_outputs(PRINTED), out, "pixi")


def test_outputs_that_cannot_be_told_apart(out):
    printed = PRINTED.replace(" (color: green, libz: 1.0)", "").replace("(color: blue, ", "(")
    with pytest.raises(
        Unsupported, match=r"which of vary-1\.0-h1_0, vary-1\.0-h2_0 the lock means"
    ):
        chosen(locked(), listed_outputs(printed), out, "pixi 0.77.0")


def test_a_package_that_is_not_built(out):
    with pytest.raises(BackendError, match="builds other there, but not vary"):
        chosen(locked(), listed_outputs("  - other v1 [0] (noarch)\n"), out, "pixi 0.77.0")


def test_a_file_that_is_not_written(tmp_path):
    with pytest.raises(BackendError, match=r"built vary-1\.0-h2_0, but there is no such file"):
        chosen(locked(), listed_outputs(PRINTED), tmp_path, "pixi")
