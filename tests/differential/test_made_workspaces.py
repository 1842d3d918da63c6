"""Both engines on small workspaces made for one question each."""

from __future__ import annotations

import pytest

from pytest_pixipack import write_lock
from pytest_pixipack.compare import compare_artifacts, compare_locks, compare_prefixes
from pytest_pixipack.engine.system.tools import find_tools

from .known import Item
from .made import LATER, MADE

if (problem := find_tools().problem()) is not None:
    pytest.skip(f"without the real tools: {problem}", allow_module_level=True)

pytestmark = pytest.mark.slow


@pytest.fixture(params=MADE)
def made(request, tmp_path):
    MADE[request.param](tmp_path)
    return request.param, tmp_path / "workspace"


def test_locks(made, engines, expect_known):
    name, workspace = made
    ours, theirs = engines.do(lambda engine: engine.lock(workspace))
    expect_known(Item("lock", name), compare_locks(ours, theirs).differences)


@pytest.fixture
def later(made, engines, tmp_path):
    """The workspace with a lock, after what happened since."""
    name, workspace = made
    write_lock(engines.embedded.lock(workspace), workspace / "pixi.lock")
    if name in LATER:
        LATER[name](tmp_path)
    return name, workspace


def test_artifacts(later, engines, expect_known, tmp_path):
    name, workspace = later
    (ours,), (theirs,) = engines.do(lambda engine: engine.build(workspace, tmp_path / engine.name))
    expect_known(Item("build", name), compare_artifacts(ours.path, theirs.path).differences)


def test_what_pixi_installs_is_what_a_pack_holds(later, engines, expect_known, tmp_path):
    name, workspace = later
    pack = engines.embedded.pack(workspace, tmp_path / "environment.tar").path
    ours = engines.embedded.unpack(pack, tmp_path / "unpacked").path
    theirs = engines.system.install(workspace).path
    expect_known(Item("install", name), compare_prefixes(ours, theirs).differences)
