"""The lock of every recorded workspace is pixi's, byte for byte, and so are the identifiers in it.

Backends answer what they answered then; see `replaying`. In the recorded locks the hashes of path
sources are numbers, and `identifiers.json` has the true ones, as far as they do not depend on the
directory; those of Git sources stand in the locks themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.lock import Lock, parse_lock

from .conftest import CASES, Case, numbered
from .replaying import replaying_backend

NAMES = sorted(path.name for path in CASES.iterdir())
# pixi takes one of several packages that nothing tells apart: which one differs from run to run.
RANDOM = "variants-ambiguous"
# How many identifiers are known to be pixi's.
KNOWN = {
    "backend-config": 3, "flat": 3, "git-source": 4, "lock-v6": 2, "package-target": 4,
    "pyproject": 1, "run-exports": 2, "trio": 9,
}  # fmt: skip


def lock_of(name: str, root: Path) -> tuple[Case, Lock]:
    """Copies a case and locks it with the embedded engine."""
    shutil.copytree(CASES / name, root / "c", ignore=shutil.ignore_patterns("expected"))
    found = Case(root / "c", CASES / name / "expected")
    old = found.workspace / "pixi.lock"
    if old.is_file():
        text = old.read_text(encoding="utf-8").replace("@ROOT@", found.root.as_posix())
        old.write_text(text, encoding="utf-8")
    environ = dict(os.environ)
    if (found.root / "repo").is_dir():
        environ["GIT_CONFIG_GLOBAL"] = str(reachable_repository(found.root / "repo", root))
    transcript = found.expected / "rpc.jsonl"
    backend = replaying_backend(transcript, found.root, root) if transcript.is_file() else None
    options = EngineOptions(
        cache_dir=root / "cache",
        backends={"stub-backend": str(backend)} if backend else {},
        environ=environ,
        network="GIT_CONFIG_GLOBAL" in environ,
    )
    return found, EmbeddedEngine(options).lock(found.workspace)


def reachable_repository(directory: Path, root: Path) -> Path:
    """Commits a directory as it was recorded; returns a configuration by which git finds it
    instead of https://git.example.org/stub.git."""
    config = root / "gitconfig"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{who}_DATE"] = "1700000000 +0000"
        environment[f"GIT_{who}_NAME"] = "stub"
        environment[f"GIT_{who}_EMAIL"] = "stub@example.org"
    config.write_text("[core]\n\tautocrlf = false\n", encoding="utf-8")
    for call in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "stub"]):
        subprocess.run(["git", *call], cwd=directory, env=environment, check=True)
    instead = f'[url "{directory.as_uri()}"]\n\tinsteadOf = https://git.example.org/stub.git\n'
    config.write_text(instead, encoding="utf-8")
    return config


def needs_git(name: str) -> None:
    if name == "git-source" and shutil.which("git") is None:
        pytest.skip("there is no git on PATH")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != RANDOM])
def test_the_lock_is_pixis_byte_for_byte(name, tmp_path):
    needs_git(name)
    found, lock = lock_of(name, tmp_path)
    assert numbered(lock.to_text()) == found.expected_lock()


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_identifiers_are_computed_as_pixi_computes_them(name, tmp_path):
    needs_git(name)
    found, lock = lock_of(name, tmp_path)
    recorded = found.expected / "identifiers.json"
    if recorded.is_file():
        known = json.loads(recorded.read_text(encoding="utf-8")).values()
    else:
        expected = parse_lock(found.expected_lock())
        known = [package.identifier for package in expected.packages if package.is_source]
    theirs = {identifier for identifier in known if identifier}
    assert len(theirs) == KNOWN[name]
    assert theirs <= {package.identifier for package in lock.packages}


def test_no_recorded_identifier_is_left_out():
    counted = {}
    for name in NAMES:
        path = CASES / name / "expected" / "identifiers.json"
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8")).values()
            counted[name] = len([identifier for identifier in known if identifier])
    assert {name: number for name, number in counted.items() if number} == {
        name: number for name, number in KNOWN.items() if name != "git-source"
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pixi") is None, reason="pixi is not on PATH")
@pytest.mark.parametrize("name", ["conditionals", "package-target", "run-exports", "variants"])
def test_identifiers_that_depend_on_the_directory_are_pixis_too(name, tmp_path):
    """Here pixi locks the same directory; nothing is numbered."""
    found, lock = lock_of(name, tmp_path)
    assert pixi_lock(found.workspace, tmp_path) == lock.to_text()


def pixi_lock(workspace: Path, root: Path) -> str:
    """What pixi locks, with the backend that was written for the embedded engine."""
    program = root / "backend"
    command = f'#!/bin/sh\nexec "{sys.executable}" "{root / "replaying.py"}"\n'
    program.write_text(command, encoding="utf-8")
    program.chmod(0o755)
    environment = hermetic_environment(
        root / "home",
        extra={
            "PIXI_BUILD_BACKEND_OVERRIDE": f"stub-backend={program}",
            "CONDA_OVERRIDE_GLIBC": "2.36",
            "CONDA_OVERRIDE_LINUX": "6.1",
            "CONDA_OVERRIDE_ARCHSPEC": "x86_64",
        },
    )
    subprocess.run(["pixi", "lock"], cwd=workspace, env=environment, check=True)
    return (workspace / "pixi.lock").read_text(encoding="utf-8")


def test_of_packages_that_nothing_tells_apart_one_is_locked(tmp_path):
    """With what belongs to it: all but the choice is what pixi recorded."""
    found, lock = lock_of(RANDOM, tmp_path)
    expected = parse_lock(found.expected_lock())
    assert lock.platforms == expected.platforms
    for platform in expected.environment("default").packages:
        ours, theirs = lock[platform], expected[platform]
        assert set(ours) == set(theirs)
        vary = ours["vary"]
        assert vary.variants["color"] in possible(platform)
        [host] = map(lock.package, vary.host_packages)
        assert host.name == "libz"
        assert host.version is not None
        assert host.version.startswith(str(vary.variants["libz"]))
        rest = ("depends", "constrains", "run_exports", "license")
        assert [getattr(vary, field) for field in rest] == [
            getattr(theirs["vary"], field) for field in rest
        ]
        assert {n: p for n, p in ours.items() if not p.is_source} == {
            n: p for n, p in theirs.items() if not p.is_source
        }


def possible(platform: str) -> set[str]:
    """The colors that the backend offered for a platform when pixi locked."""
    text = (CASES / RANDOM / "expected" / "rpc.jsonl").read_text(encoding="utf-8")
    messages = [json.loads(line)["msg"] for line in text.splitlines()]
    results = [message["result"] for message in messages if "outputs" in message.get("result", {})]
    variants = [output["metadata"]["variant"] for r in results for output in r["outputs"]]
    return {v["color"] for v in variants if "color" in v and v["target_platform"] == platform}
