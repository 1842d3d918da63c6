"""Builds in processes of their own: with another environment, directory and umask."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.errors import BackendError, Offline

# A backend that is our stub and writes down what it sees.
PROBE = """
import json, os, pathlib, sys
mask = os.umask(0)
os.umask(mask)
seen = {"cwd": os.getcwd(), "zone": os.environ.get("TZ"), "umask": mask,
        "noise": os.environ.get("NOISE"), "home": os.environ.get("HOME")}
pathlib.Path(%r).write_text(json.dumps(seen), encoding="utf-8")
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


def build(tmp_path: Path, backend: str, child: ChildSettings | None) -> tuple[bytes, EngineOptions]:
    channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")
    options = EngineOptions(
        cache_dir=tmp_path / "cache",
        channels={"conda-forge": channel.path},
        backends={"stub-backend": backend},
        child=child,
    )
    root = tmp_path / "w"
    if not root.exists():
        WorkspaceBuilder(
            root, EmbeddedEngine(options), tmp_path / "out", channels=["conda-forge"]
        ).package("app", run={"libz": "*"}, files={"share/x": "x"}, backend="stub-backend").lock()
    (artifact,) = EmbeddedEngine(options).build(root, tmp_path / "artifacts")
    return artifact.path.read_bytes(), options


def test_in_process_and_in_a_child_give_the_same_bytes(tmp_path):
    inside, _ = build(tmp_path, "stub", None)
    outside, _ = build(tmp_path, "stub", ChildSettings())
    assert inside == outside


@pytest.mark.slow
def test_what_changes_around_the_child_does_not_change_the_artifact(tmp_path):
    usual, _ = build(tmp_path, "stub", ChildSettings())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = ChildSettings(
        environment={"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "7"},
        directory=elsewhere,
        umask=0o077,
    )
    changed, _ = build(tmp_path, "stub", settings)
    assert changed == usual


@pytest.mark.slow
def test_the_child_really_gets_its_environment_directory_and_umask(tmp_path):
    note = tmp_path / "note.json"
    backend = tmp_path / "probe.py"
    backend.write_text(PROBE % str(note), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = ChildSettings(
        environment={"TZ": "Asia/Tokyo", "NOISE": "on"}, directory=elsewhere, umask=0o027
    )
    build(tmp_path, str(backend), settings)
    seen = json.loads(note.read_text(encoding="utf-8"))
    assert Path(seen["cwd"]).resolve() == elsewhere.resolve()
    assert (seen["zone"], seen["noise"]) == ("Asia/Tokyo", "on")
    assert seen["home"] != os.environ.get("HOME")
    if sys.platform != "win32":
        assert seen["umask"] == 0o027


@pytest.mark.slow
def test_the_process_that_runs_the_tests_stays_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("NOISE", "own")
    before = (Path.cwd(), dict(os.environ))
    build(tmp_path, "stub", ChildSettings(environment={"NOISE": "other"}, umask=0o077))
    assert (Path.cwd(), dict(os.environ)) == before


GREEDY = """
import sys, urllib.request
try:
    urllib.request.urlopen("http://conda.example/package", timeout=20)
except OSError as error:
    sys.exit(f"no package: {error}")
"""


@pytest.mark.slow
def test_a_backend_that_wants_the_network_is_named_with_the_address(tmp_path):
    backend = tmp_path / "greedy.py"
    backend.write_text(GREEDY, encoding="utf-8")
    with pytest.raises(Offline, match=r"stub-backend wanted conda\.example:80") as caught:
        build(tmp_path, str(backend), None)
    assert caught.value.package == "app"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["crash", "junk", "wrong-name"])
def test_a_backend_that_misbehaves_is_one_sentence(how, tmp_path):
    channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")
    options = EngineOptions(
        cache_dir=tmp_path / "cache",
        channels={"conda-forge": channel.path},
        backends={"stub-backend": "stub"},
        child=ChildSettings(),
    )
    ws = WorkspaceBuilder(
        tmp_path / "w", EmbeddedEngine(options), tmp_path / "out", channels=["conda-forge"]
    ).package(
        "app",
        backend="stub-backend",
        config={"stub": {"fail": {"stage": "outputs", "how": how}}},
    )
    with pytest.raises(BackendError) as caught:
        ws.lock()
    assert "\n" not in caught.value.message.strip()
