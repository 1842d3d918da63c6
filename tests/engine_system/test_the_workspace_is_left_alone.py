"""Runs of the real tools leave no trace in the workspace, nor the machine a trace in them."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import (
    BackendError,
    Infrastructure,
    InvalidInput,
    SolveError,
    Unsupported,
    read_lock,
    write_lock,
)
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import MissingTool, Tools
from pytest_pixipack.errors import Offline

from .programs import ends


def listing(directory: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_locking_and_building_leave_everything_as_it_was(case, system, tmp_path):
    workspace = case("trio")
    before = listing(workspace)
    lock = system.lock(workspace)
    assert listing(workspace) == before
    system.build(workspace, tmp_path / "out", lock=lock)
    assert listing(workspace) == before


def test_a_dot_pixi_that_was_there_stays(case, system):
    workspace = case("trio")
    (workspace / ".pixi" / "envs").mkdir(parents=True)
    (workspace / ".pixi" / "envs" / "mine").write_text("x", encoding="utf-8")
    system.lock(workspace)
    assert (workspace / ".pixi" / "envs" / "mine").read_text(encoding="utf-8") == "x"


def test_runs_in_one_workspace_wait_for_each_other(case, system):
    workspace = case("trio")
    with ThreadPoolExecutor(3) as pool:
        locks = [*pool.map(lambda _: system.lock(workspace).to_text(), range(3))]
    assert len({*locks}) == 1
    assert not (workspace / "pixi.lock").exists()
    assert not (workspace / ".pixi").exists()


def test_a_failed_lock_leaves_the_old_one(case, system):
    workspace = case("flat")
    write_lock(system.lock(workspace), workspace / "pixi.lock")
    before = (workspace / "pixi.lock").read_bytes()
    edit(workspace / "pixi.toml", 'tool-a = "1.1.*"', 'tool-a = "9.*"')
    with pytest.raises(SolveError, match=r"No candidates were found for tool-a 9\.\*"):
        system.lock(workspace)
    assert (workspace / "pixi.lock").read_bytes() == before


def test_a_check_of_the_lock_writes_nothing_and_knows_the_reasons(case, system):
    workspace = case("flat")
    write_lock(system.lock(workspace), workspace / "pixi.lock")
    before = (workspace / "pixi.lock").read_bytes()
    edit(workspace / "pixi.toml", 'tool-a = "1.1.*"', 'tool-a = "1.2.*"')
    verdict = system.lock_check(workspace)
    assert not verdict.up_to_date
    assert any("tool-a 1.2.*" in reason for reason in verdict.reasons)
    assert (workspace / "pixi.lock").read_bytes() == before


def test_a_check_without_a_lock_is_not_up_to_date(case, system):
    workspace = case("binary")
    assert not system.lock_check(workspace).up_to_date
    assert not (workspace / "pixi.lock").exists()


def test_a_check_says_why_no_new_lock_could_be_made(case, system):
    workspace = case("trio")
    edit(workspace / "lib" / "pixi.toml", "[package.build]", "[package.bild]")
    verdict = system.lock_check(workspace)
    assert not verdict.up_to_date
    assert "missing field 'build'" in str(verdict.failure)


def test_a_lock_that_cannot_be_read_has_no_verdict(case, system):
    workspace = case("binary")
    (workspace / "pixi.lock").write_text("version: 7\npackages: {\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="Failed to load lock file"):
        system.lock_check(workspace)


def test_what_a_lock_holds_is_kept(case, system):
    workspace = case("flat")
    edit(workspace / "pixi.toml", 'tool-a = "1.1.*"', 'tool-a = "1.2.*"')
    write_lock(system.lock(workspace), workspace / "pixi.lock")
    edit(workspace / "pixi.toml", 'tool-a = "1.2.*"', 'tool-a = "*"')
    kept = system.lock(workspace)["linux-64"]["tool-a"].version
    assert kept == read_lock(workspace / "pixi.lock")["linux-64"]["tool-a"].version


def test_a_lock_of_an_unknown_version_is_not_replaced(case, system):
    workspace = case("binary")
    (workspace / "pixi.lock").write_text("version: 99\n", encoding="utf-8")
    with pytest.raises(Unsupported, match="The lock has version 99"):
        system.lock(workspace)
    assert (workspace / "pixi.lock").read_text(encoding="utf-8") == "version: 99\n"


def test_a_build_that_was_there_does_not_hide_a_new_one(case, system, tmp_path):
    """pixi skips a package whose file is already in the output directory."""
    workspace = case("trio")
    lock = system.lock(workspace)
    (core,) = system.build(workspace, tmp_path / "out", lock=lock, only=["core"])
    good = core.path.read_bytes()
    core.path.write_bytes(b"stale")
    (again,) = system.build(workspace, tmp_path / "out", lock=lock, only=["core"])
    assert again.path == core.path
    assert again.path.read_bytes() == good


def fail(workspace: Path, stage: str, how: str) -> None:
    with (workspace / "core" / "pixi.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[package.build.config.stub.fail]\nstage = "{stage}"\nhow = "{how}"\n')


@pytest.mark.parametrize("stage", ["initialize", "outputs"])
def test_a_backend_that_refuses_is_a_backend_error(stage, case, system):
    workspace = case("trio")
    fail(workspace, stage, "error")
    with pytest.raises(BackendError, match=f"stub was told to fail in {stage}") as caught:
        system.lock(workspace)
    assert caught.value.package == "core"


def test_a_backend_that_fails_to_build_is_a_backend_error(case, system, tmp_path):
    workspace = case("trio")
    lock = system.lock(workspace)
    fail(workspace, "build", "crash")
    with pytest.raises(BackendError, match="stub: simulated crash"):
        system.build(workspace, tmp_path / "out", lock=lock)


@pytest.mark.skipif(sys.platform == "win32", reason="asks for processes as POSIX does")
def test_a_backend_that_hangs_does_not_outlive_the_run(case, tools, options, tmp_path):
    workspace = case("trio")
    fail(workspace, "outputs", "hang")
    record = tmp_path / "record"
    engine = SystemEngine(replace(options, record=record), tools, timeout=5)
    with pytest.raises(Infrastructure, match="did not end within 5 seconds"):
        engine.lock(workspace)
    backends = {int(path.name.partition("-")[0]) for path in record.glob("*.jsonl")}
    assert backends
    assert all(ends(pid) for pid in backends)
    assert not (workspace / ".pixi").exists()


def test_messages_with_the_stub_are_recorded(case, tools, options, tmp_path):
    engine = SystemEngine(replace(options, record=tmp_path / "record"), tools)
    engine.lock(case("trio"))
    text = "".join(p.read_text("utf-8") for p in (tmp_path / "record").glob("*.jsonl"))
    assert '"method": "conda/outputs"' in text


def test_a_channel_that_nothing_stands_in_for_is_offline(case, system):
    workspace = case("binary")
    edit(workspace / "pixi.toml", '"../channels/main"', '"conda-forge"')
    with pytest.raises(Offline, match="conda-forge"):
        system.lock(workspace)


def test_a_request_of_the_tool_itself_is_refused_and_named(case, system):
    """A source from the network: pixi, not we, finds out where it is."""
    workspace = case("flat")
    edit(
        workspace / "pixi.toml",
        'alpha = { path = "pkgs/alpha" }',
        'alpha = { url = "http://files.example.org/alpha-1.0.tar.gz" }',
    )
    with pytest.raises(Offline, match=r"files\.example\.org"):
        system.lock(workspace)


PLANTED = {
    "PIXI_FROZEN": "true",
    "PIXI_LOCKED": "true",
    "PIXI_OFFLINE": "true",
    "PIXI_NO_INSTALL": "true",
    "PIXI_PROJECT_MANIFEST": "/nowhere/pixi.toml",
    "PIXI_PROJECT_ROOT": "/nowhere",
    "PIXI_IN_SHELL": "1",
    "PIXI_ENVIRONMENT_NAME": "other",
    "PIXI_OVERRIDE_PLATFORM": "win-64",
    "PIXI_COLOR": "always",
    "PIXI_CACHE_DIR": "/nowhere/cache",
    "PIXI_CACHE_REPODATA_DIR": "/nowhere/repodata",
    "RATTLER_CACHE_DIR": "/nowhere/rattler",
    "RATTLER_AUTH_FILE": "/nowhere/auth.json",
    "CONDA_OVERRIDE_GLIBC": "2.5",
    "CONDA_OVERRIDE_CUDA": "13.0",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
    "RUST_LOG": "trace",
    "LANG": "de_DE.UTF-8",
}


def test_the_users_environment_changes_nothing(example, tools, options, tmp_path):
    workspace = example("local-build")
    config = tmp_path / "user" / ".config" / "pixi" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        'default-channels = ["elsewhere"]\n[mirrors]\n'
        '"https://conda.anaconda.org/" = ["http://127.0.0.1:1/"]\n',
        encoding="utf-8",
    )
    user = {"HOME": str(tmp_path / "user"), "XDG_CONFIG_HOME": str(config.parents[1])}
    planted = replace(options, environ={**os.environ, **PLANTED, **user})
    clean = SystemEngine(options, tools)
    dirty = SystemEngine(planted, tools)
    assert dirty.lock(workspace).to_text() == clean.lock(workspace).to_text()
    for name, engine in (("clean", clean), ("dirty", dirty)):
        engine.build(workspace, tmp_path / name, platform="linux-64")
    assert listing(tmp_path / "dirty") == listing(tmp_path / "clean") != {}


def test_a_child_can_have_settings_of_its_own(case, tools, options, tmp_path):
    child = ChildSettings({"TZ": "Asia/Tokyo"}, directory=tmp_path, umask=0o077)
    engine = SystemEngine(replace(options, child=child), tools)
    workspace = case("trio")
    lock = engine.lock(workspace)
    assert [a.facts.name for a in engine.build(workspace, tmp_path / "o", lock=lock)] == [
        "app",
        "core",
        "lib",
    ]


def test_nothing_is_left_in_the_directory_for_temporary_files(case, system, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    system.lock(case("trio"))
    assert list(temporary.iterdir()) == []


def test_without_tools_every_operation_says_which_one_is_missing(case, options, tmp_path):
    engine = SystemEngine(options, Tools())
    workspace = case("trio")
    for operation, tool in [
        (lambda: engine.lock(workspace), "pixi"),
        (lambda: engine.lock_check(workspace), "pixi"),
        (lambda: engine.build(workspace, tmp_path), "pixi"),
        (lambda: engine.install(workspace), "pixi"),
        (lambda: engine.pack(workspace, tmp_path / "p.tar"), "pixi"),
        (lambda: engine.unpack(tmp_path / "p.tar", tmp_path), "pixi-unpack"),
    ]:
        with pytest.raises(MissingTool, match=f"^{tool} was not found on PATH"):
            operation()


def test_a_pack_for_another_platform_is_not_unpacked(system, tmp_path):
    with pytest.raises(Unsupported, match="cannot unpack for zos-z"):
        system.unpack(tmp_path / "p.tar", tmp_path / "out", platform="zos-z")


def test_unpacking_a_directory_leaves_it_as_it_was(case, embedded, system, tmp_path):
    workspace = case("binary")
    lock = embedded.lock(workspace)
    pack = embedded.pack(workspace, tmp_path / "e.tar", platform="linux-64", lock=lock)
    directory = tmp_path / "pack"
    pack.extract(directory)
    before = listing(directory)
    assert system.unpack(directory, tmp_path / "out").packages
    assert listing(directory) == before


def test_a_pack_that_is_not_there_is_bad_input(system, tmp_path):
    with pytest.raises(InvalidInput, match=r"absent\.tar"):
        system.unpack(tmp_path / "absent.tar", tmp_path / "out")
