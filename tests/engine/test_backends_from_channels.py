"""Which program is a backend: named, overridden, from a channel, or on PATH."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.backend.stand_in import start_code
from pytest_pixipack.channel import File
from pytest_pixipack.errors import BackendError, Infrastructure, Offline, SolveError, Unsupported
from pytest_pixipack.workspace.toml_text import toml_text

CMAKE = "pixi-build-cmake"
# Programs of a package cannot be written for both systems in one way.
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def program(note: str = "", code: str | None = None) -> File:
    """Our stub as a program of a package; before it starts, the shell runs `note`."""
    words = [sys.executable, "-c", code or start_code()]
    text = f"#!/bin/sh\nPREFIX=@PREFIX@\n{note}\nexec {shlex.join(words)}\n"
    return File(text=text, executable=True, placeholder=True)


def backend_channel(version: str = "0.4.6", note: str = "", **more: object) -> StubChannel:
    """A channel with a backend, as prefix-dev's has it."""
    return (
        StubChannel("backends")
        .add("pixi-build-api-version", "7")
        .add("pixi-build-api-version", "8")
        .add(
            CMAKE,
            version,
            depends=["pixi-build-api-version >=7,<8"],
            files={f"bin/{CMAKE}": program(note)},
            **more,  # type: ignore[arg-type]
        )
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., WorkspaceBuilder]:
    """A workspace with a package that is built by `pixi-build-cmake`, which is not on PATH."""

    def make(
        channel: StubChannel | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        backends: Mapping[str, str] | None = None,
        stubbed: bool = True,
        build: Mapping[str, object] | None = None,
    ) -> WorkspaceBuilder:
        built = (channel or StubChannel()).build(tmp_path / "channel")
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": built.path} if stubbed else {},
            backends=backends or {},
            environ={"PATH": os.defpath, **(environ or {})},
        )
        package = {
            "name": "app",
            "version": "1.0",
            "build": {"backend": {"name": CMAKE, "version": "*", **(build or {})}},
        }
        ws = WorkspaceBuilder(
            tmp_path / "w", EmbeddedEngine(options), tmp_path / "out", channels=["conda-forge"]
        )
        ws.depend("app", {"path": "app"}).file("app/files/share/x", "x")
        return ws.file("app/pixi.toml", toml_text({"package": package}))

    return make


def installed(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "backends").glob("*/env"))


@pytest.mark.slow
def test_a_backend_is_installed_from_a_channel_and_run(workspace, tmp_path):
    ws = workspace(backend_channel())
    ws.lock()
    (artifact,) = ws.build().values()
    assert artifact.facts.name == "app"
    (prefix,) = installed(tmp_path)
    assert prefix.parent.name.startswith(f"{CMAKE}-")
    # pixi speaks API version 7 and wants no other.
    assert (prefix / "conda-meta" / "pixi-build-api-version-7-h0_0.json").is_file()


@pytest.mark.slow
def test_it_runs_in_its_activated_environment(workspace, tmp_path):
    note = tmp_path / "seen"
    channel = backend_channel(
        note=f'echo "$CONDA_PREFIX $TOOL $(command -v helper)" > {shlex.quote(str(note))}',
        activate={"sh": "echo noise\nexport TOOL=ready\n"},
    )
    channel.add("helper", "1", files={"bin/helper": File(text="#!/bin/sh\n", executable=True)})
    ws = workspace(channel, build={"additional-dependencies": {"helper": "*"}})
    ws.lock()
    (prefix,) = installed(tmp_path)
    assert note.read_text().split() == [str(prefix), "ready", str(prefix / "bin" / "helper")]


@pytest.mark.slow
def test_its_version_and_its_channels_are_those_of_the_manifest(workspace, tmp_path):
    other = backend_channel("0.3").build(tmp_path / "other")
    ws = workspace(backend_channel("0.4"), build={"channels": [other.url]})
    ws.lock()
    (prefix,) = installed(tmp_path)
    assert (prefix / "conda-meta" / f"{CMAKE}-0.3-h0_0.json").is_file()


def test_a_version_that_no_channel_has_is_no_reason_to_take_another(workspace):
    ws = workspace(backend_channel("0.4"), build={"version": ">=1"})
    with pytest.raises(SolveError, match=f"the environment of the build backend {CMAKE}"):
        ws.lock()


def test_a_backend_has_to_say_which_protocol_it_speaks(workspace):
    channel = StubChannel().add(CMAKE, "1", files={f"bin/{CMAKE}": program()})
    with pytest.raises(SolveError, match="does not depend on pixi-build-api-version"):
        workspace(channel).lock()


def test_a_package_without_the_program_is_the_backends_fault(workspace):
    channel = StubChannel().add("pixi-build-api-version", "7")
    channel.add(CMAKE, "1", depends=["pixi-build-api-version"])
    with pytest.raises(BackendError, match=f"{CMAKE} 1 has no program {CMAKE}"):
        workspace(channel).lock()


def test_additional_dependencies_from_source_are_unsupported(workspace):
    ws = workspace(
        backend_channel(),
        build={"additional-dependencies": {"helper": {"path": "../helper"}}},
    )
    with pytest.raises(Unsupported, match="helper, an additional dependency"):
        ws.lock()


def test_what_the_run_names_goes_before_what_the_channels_have(workspace, tmp_path):
    workspace(backend_channel(), backends={CMAKE: "stub"}).lock()
    assert installed(tmp_path) == []


@pytest.mark.slow
def test_an_override_goes_before_the_channels_and_is_looked_for_on_path(workspace, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    mine = folder / "mine"
    mine.write_bytes(program().data or str(program().text).encode())
    mine.chmod(0o755)
    for environ in (
        {"PIXI_BUILD_BACKEND_OVERRIDE": f"{CMAKE}={mine}"},
        {"PIXI_BUILD_BACKEND_OVERRIDE": f"other,{CMAKE}=mine", "PATH": f"{folder}:{os.defpath}"},
    ):
        workspace(backend_channel(), environ=environ).lock()
    shutil.move(mine, folder / CMAKE)
    path = {"PATH": f"{folder}:{os.defpath}"}
    workspace(environ={**path, "PIXI_BUILD_BACKEND_OVERRIDE_ALL": ""}).lock()
    assert installed(tmp_path) == []


def test_an_override_that_is_not_there_is_the_machines_fault(workspace):
    environ = {"PIXI_BUILD_BACKEND_OVERRIDE": f"{CMAKE}=/nowhere/at/all"}
    with pytest.raises(Infrastructure, match="/nowhere/at/all, which PIXI_BUILD_BACKEND_OVERRIDE"):
        workspace(backend_channel(), environ=environ).lock()


@pytest.mark.slow
def test_path_is_looked_at_where_no_channel_has_the_backend(workspace, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / CMAKE).write_text(str(program().text), encoding="utf-8")
    (folder / CMAKE).chmod(0o755)
    path = {"PATH": f"{folder}:{os.defpath}"}
    assert "app" in workspace(environ=path).lock()[_platform()]
    assert installed(tmp_path) == []
    workspace(backend_channel(), environ=path).lock()
    assert len(installed(tmp_path)) == 1


def test_where_the_channels_need_the_network_that_is_said(workspace):
    with pytest.raises(Offline, match=f"{CMAKE} is not here: The channel conda-forge") as caught:
        workspace(stubbed=False).lock()
    assert "PIXI_BUILD_BACKEND_OVERRIDE" in (caught.value.remedy or "")


@pytest.mark.slow
def test_it_is_installed_once_for_all_who_ask_at_the_same_time(workspace, tmp_path):
    ws = workspace(backend_channel())
    failures: list[BaseException] = []

    def lock() -> None:
        try:
            EmbeddedEngine(ws.engine.options).lock(ws.root)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=lock) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    (prefix,) = installed(tmp_path)
    before = prefix.stat().st_ino
    ws.lock()
    assert [p.stat().st_ino for p in installed(tmp_path)] == [before]


INSTALL = """
import sys, os, signal
from pathlib import Path
from importlib import import_module
module = import_module("pytest_pixipack.prefix.install")
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
assert module._move
module._move = die
from pytest_pixipack import EmbeddedEngine, EngineOptions
options = EngineOptions(cache_dir=Path(sys.argv[1]), channels={"conda-forge": Path(sys.argv[2])})
EmbeddedEngine(options).lock(Path(sys.argv[3]))
"""


@pytest.mark.slow
def test_who_is_killed_while_installing_leaves_nothing_that_is_taken_for_a_backend(
    workspace, tmp_path
):
    ws = workspace(backend_channel())
    words = [str(tmp_path / "cache"), str(tmp_path / "channel"), str(ws.root)]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environ = {**os.environ, "TMPDIR": str(scratch)}
    died = subprocess.run([sys.executable, "-c", INSTALL, *words], env=environ, check=False)
    assert died.returncode == -signal.SIGKILL
    assert installed(tmp_path) == []
    ws.lock()
    (prefix,) = installed(tmp_path)
    assert [p.name for p in prefix.parent.iterdir()] == ["env"], "what was left is removed"


def _platform() -> str:
    from pytest_pixipack.platforms import current_platform

    return current_platform()


@pytest.mark.slow
@pytest.mark.pixi_engine("embedded", "system")
def test_pixi_installs_and_runs_it_too(pixi_workspace):
    ws = pixi_workspace(channels=[backend_channel()]).package("app", "1.0", backend=CMAKE)
    assert set(ws.lock()[_platform()]) == {"app"}
    assert ws.build()["app"].facts.version == "1.0"
