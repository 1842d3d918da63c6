"""Was a lock made from the stubs that stand in for its channels?"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, Lock, StubChannel, WorkspaceBuilder
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.workspace.relock import made_from_stand_ins


def options(tmp_path: Path, version: str) -> EngineOptions:
    channel = StubChannel().add("libz", version, noarch="generic").build(tmp_path / version)
    return EngineOptions(cache_dir=tmp_path / "cache", channels={"conda-forge": channel.path})


def lock(tmp_path: Path, used: EngineOptions) -> Lock:
    engine = EmbeddedEngine(used)
    dependencies = {"libz": "*"}
    return WorkspaceBuilder(
        tmp_path / "w",
        engine,
        tmp_path / "out",
        channels=["conda-forge"],
        dependencies=dependencies,
    ).lock()


def test_the_same_stubs(tmp_path):
    used = options(tmp_path, "1.3")
    assert made_from_stand_ins(lock(tmp_path, used), used, tmp_path)


def test_other_stubs(tmp_path):
    made = lock(tmp_path, options(tmp_path, "1.3"))
    assert not made_from_stand_ins(made, options(tmp_path, "1.4"), tmp_path)


def test_the_same_file_name_with_other_content(tmp_path):
    used = options(tmp_path, "1.3")
    made = lock(tmp_path, used)
    channel = StubChannel().add("libz", "1.3", noarch="generic", files={"share/z": "another"})
    other = EngineOptions(
        cache_dir=used.cache_dir,
        channels={"conda-forge": channel.build(tmp_path / "other").path},
    )
    assert not made_from_stand_ins(made, other, tmp_path)


def test_nothing_stands_in(tmp_path):
    made = lock(tmp_path, options(tmp_path, "1.3"))
    assert made_from_stand_ins(made, EngineOptions(cache_dir=tmp_path), tmp_path)


def test_a_broken_stand_in(tmp_path):
    used = options(tmp_path, "1.3")
    made = lock(tmp_path, used)
    (tmp_path / "1.3" / "noarch" / "repodata.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match="repodata"):
        made_from_stand_ins(made, used, tmp_path)
