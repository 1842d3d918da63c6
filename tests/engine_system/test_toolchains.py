"""One workspace on two toolchains: nothing differs, or what differs is found and explained."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pytest_pixipack import EngineOptions, InvalidInput
from pytest_pixipack.engine.reachable import reachable_packages
from pytest_pixipack.engine.side_by_side import SideBySide, compare_runs
from pytest_pixipack.engine.side_by_side_text import notes, side_by_side_lines
from pytest_pixipack.engine.system.tools import Tools
from pytest_pixipack.engine.toolchains import ToolchainRun, load_toolchain, run_toolchain
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.platforms import current_platform

from .conftest import EXAMPLES
from .programs import program, says

BACKEND = "pixi-build-cmake"
# A backend like the stub, but for one thing.
OTHER_BACKEND = """
from pytest_pixipack.backend import stub, stub_main

class Other(stub.StubBackend):
    def call(self, method, params):
        {before}
        result = super().call(method, params)
        {after}
        return result

stub_main.StubBackend = Other
raise SystemExit(stub_main.main())
"""
OTHER_CONTENT = OTHER_BACKEND.format(
    before="params.get('configuration', {}).update(greeting='hello') if method == 'initialize' "
    "else None",
    after="pass",
)
OTHER_DEPENDENCY = OTHER_BACKEND.format(
    before="pass",
    after="""
        if method == "conda/outputs":
            for output in result["outputs"]:
                output["runDependencies"]["depends"] = []
""",
)
# pixi-pack of another release, which writes its version into the pack.
OTHER_PIXI_PACK = """
import subprocess, sys
from pathlib import Path
if "--version" in sys.argv:
    print("pixi-pack 9.9.99")
    raise SystemExit
done = subprocess.run([{tool!r}, *sys.argv[1:]])
if done.returncode == 0:
    pack = Path(sys.argv[sys.argv.index("--output-file") + 1])
    old, new = ({version!r}.encode(), b"9.9.99")
    assert len(old) == len(new)
    pack.write_bytes(pack.read_bytes().replace(b'"' + old + b'"', b'"' + new + b'"'))
raise SystemExit(done.returncode)
"""
BROKEN_PIXI_PACK = """
import sys
if "--version" in sys.argv:
    print("pixi-pack 9.9.99")
    raise SystemExit
sys.stderr.write("Error:   x no such phase\\n")
raise SystemExit(1)
"""
MANIFEST = f"""
[workspace]
name = "two"
channels = ["conda-forge"]
platforms = ["{current_platform()}"]
preview = ["pixi-build"]

[dependencies]
one = {{ path = "one" }}
libz = "*"

[tool.pixipack]
channels = {{ conda-forge = "channel.toml" }}
backends = {{ {BACKEND} = "stub" }}
"""
PACKAGE = f"""
[package]
name = "one"
version = "0.1.0"
build.backend = {{ name = "{BACKEND}", version = "*" }}
build.config.greeting = "hi"
run-dependencies.libz = "*"
"""
CHANNEL = f"""
[[package]]
name = "libz"
version = "1.3"
subdirs = ["{current_platform()}"]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A source package that pixi-pack can pack."""
    root = tmp_path / "w"
    for name, text in {
        "pixi.toml": MANIFEST, "one/pixi.toml": PACKAGE, "channel.toml": CHANNEL
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def linked(directory: Path, tools: Tools) -> Path:
    """A directory with the real tools."""
    directory.mkdir()
    for tool in tools.found.values():
        target = directory / tool.path.name
        try:
            target.symlink_to(tool.path.resolve())
        except OSError:
            shutil.copy2(tool.path, target)
    return directory


def instead(directory: Path, name: str, python: str) -> None:
    """Puts a program in the place of a tool."""
    for path in directory.glob(f"{name}.*"):
        path.unlink()
    program(directory, name, python)


@pytest.fixture
def released(tmp_path: Path, tools: Tools) -> Path:
    return linked(tmp_path / "released", tools)


@pytest.fixture
def candidate(tmp_path: Path, tools: Tools) -> Path:
    return linked(tmp_path / "candidate", tools)


def compared(workspace: Path, released: Path, candidate: Path) -> SideBySide:
    options = EngineOptions(cache_dir=workspace.parent / "cache")
    runs = [
        run_toolchain(
            load_toolchain(path.name, path), workspace, workspace.parent / "out", options=options
        )
        for path in (released, candidate)
    ]
    return compare_runs(*runs)


def verdicts(pair: SideBySide) -> dict[str, str]:
    return {result.layer: result.verdict for result in pair.layers}


def text(pair: SideBySide) -> str:
    lines = side_by_side_lines(pair, 100)
    assert all(len(line) <= 120 for line in lines)
    return "\n".join(lines)


def test_the_same_tools_make_the_same(workspace, released, candidate):
    pair = compared(workspace, released, candidate)
    assert set(verdicts(pair).values()) == {"identical"}
    assert not pair.failed
    assert notes(pair) == []
    assert pair.other.artifacts
    assert (pair.other.prefix / "env" / "conda-meta").is_dir()


def test_a_workspace_stays_as_it_is(workspace, released, candidate):
    before = sorted(workspace.rglob("*"))
    compared(workspace, released, candidate)
    assert sorted(workspace.rglob("*")) == before


def test_a_run_can_be_stored(workspace, released):
    options = EngineOptions(cache_dir=workspace.parent / "cache")
    run = run_toolchain(
        load_toolchain("released", released),
        workspace,
        workspace.parent / "out",
        options=options,
        only_lock=True,
    )
    assert run.lock is not None
    assert run.pack is None
    assert ToolchainRun.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_backend_that_builds_other_files_is_found(workspace, released, candidate):
    program(candidate, BACKEND, OTHER_CONTENT)
    pair = compared(workspace, released, candidate)
    assert pair.failed
    assert verdicts(pair)["artifacts"] == "payload"
    assert verdicts(pair)["prefix"] == "payload"
    shown = text(pair)
    assert "share/one/config.json   config.greeting   hi -> hello   content" in shown
    assert "pack       payload   what gets installed is not the same; all as in artifacts" in shown
    assert BACKEND in shown.splitlines()[1]  # the candidate's own backend
    assert BACKEND not in shown.splitlines()[0]


def test_a_backend_with_another_dependency_is_found_in_the_lock_first(
    workspace, released, candidate
):
    program(candidate, BACKEND, OTHER_DEPENDENCY)
    pair = compared(workspace, released, candidate)
    assert verdicts(pair)["lock"] == "payload"
    assert "dependency-change" in text(pair)
    assert "libz" in text(pair)


def test_versions_that_a_release_writes_down_fail_nothing(workspace, tools, released, candidate):
    real = tools.require("pixi-pack")
    if len(str(real.version)) != len("9.9.99"):
        pytest.skip(f"the version of {real} cannot be replaced in a tar")
    code = OTHER_PIXI_PACK.format(tool=str(real.path.resolve()), version=str(real.version))
    instead(candidate, "pixi-pack", code)
    pair = compared(workspace, released, candidate)
    assert not pair.failed
    assert verdicts(pair) == {
        "lock": "identical", "artifacts": "identical", "pack": "metadata", "prefix": "identical"
    }  # fmt: skip
    assert notes(pair) == ["pack: metadata (tool-version)"]
    assert "pixi-pack 9.9.99" in text(pair)


def test_what_only_the_released_one_makes_is_lost(workspace, released, candidate):
    instead(candidate, "pixi-pack", BROKEN_PIXI_PACK)
    pair = compared(workspace, released, candidate)
    assert pair.failed
    assert verdicts(pair) == {
        "lock": "identical", "artifacts": "identical", "pack": "lost", "prefix": "lost"
    }  # fmt: skip
    shown = text(pair)
    assert shown.count("no such phase") == 1
    assert "candidate cannot make what released makes: see pack" in shown


def test_what_only_the_candidate_makes_is_no_failure(workspace, released, candidate):
    instead(released, "pixi-pack", BROKEN_PIXI_PACK)
    pair = compared(workspace, released, candidate)
    assert verdicts(pair)["pack"] == "gained"
    assert not pair.failed
    assert any("no such phase" in note for note in notes(pair))


def test_layers_that_neither_makes_are_left_out(tmp_path, released, candidate):
    workspace = Path(shutil.copytree(EXAMPLES / "local-build", tmp_path / "w"))
    (workspace / "pixi.lock").unlink()
    if current_platform() not in (workspace / "pixi.toml").read_text(encoding="utf-8"):
        pytest.skip("the example is not for this machine")
    pair = compared(workspace, released, candidate)
    assert verdicts(pair)["artifacts"] == "identical"
    if verdicts(pair)["pack"] == "neither":  # pixi-pack may learn it
        assert any("cannot pack the source package" in note for note in notes(pair))
    assert not pair.failed


# Without the tools --------------------------------------------------------------------------------


def test_a_missing_tool_is_named_with_its_directory(tmp_path):
    says(tmp_path, "pixi", "pixi 0.77.0")
    with pytest.raises(InvalidInput, match="pixi-pack was not found in") as caught:
        load_toolchain("candidate", tmp_path)
    assert "candidate" in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="does not exist"):
        load_toolchain("candidate", tmp_path / "nowhere")


def test_packages_are_reached_through_others(tmp_path):
    workspace = Path(shutil.copytree(EXAMPLES / "local-build", tmp_path / "w"))
    found = {
        os.path.relpath(each.directory, workspace): each.backend
        for each in reachable_packages(load_manifest(workspace))
    }
    assert len(found) == 3
    assert None not in found.values()


def test_only_backends_of_the_workspace_are_taken_from_a_directory(tmp_path, workspace):
    for name in ("pixi", "pixi-pack", "pixi-unpack"):
        says(tmp_path / "t", name, f"{name} 0.77.0")
    says(tmp_path / "t", BACKEND, f"{BACKEND} 1.2.3")
    says(tmp_path / "t", "pixi-build-rust", "pixi-build-rust 1.2.3")
    found = load_toolchain("candidate", tmp_path / "t").backends(load_manifest(workspace))
    assert {name: str(tool.version) for name, tool in found.items()} == {BACKEND: "1.2.3"}
