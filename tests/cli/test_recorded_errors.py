"""Whatever pixi, pixi-pack and pixi-unpack refused in the recordings is refused for that cause."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data" / "conformance" / "errors"

# What has to be in the message; an empty text stands for what is accepted.
SAID = {
    "backend-missing": "lib/pixi.toml:5:1: `[package.build]` names no `backend`",
    "backend-name-missing": "lib/pixi.toml:6:11: The build backend has no `name`",
    "backend-not-overridden": "other-backend",
    "backend-path": "A build backend cannot be a source dependency",
    "backend-unknown-key": "lib/pixi.toml:6:51: `color` is not a key of the build backend",
    "build-crash": "exited prematurely with code 3, before it answered 'conda/build_v1'",
    "build-error": "stub was told to fail in build",
    "build-missing": "The package has no `[package.build]`",
    "build-missing-file": "but there is no such file",
    "build-wrong-version": "the build backend returned linux-64/lib=999=hd57432d_0",
    "channel-absent": "The channel ../../channels/nowhere is no conda channel",
    "condition-duplicate": 'means the same as the condition "if(linux)"',
    "config-date": "lib/pixi.toml:9:7: Dates and times cannot be used here",
    "config-infinity": "",
    "dependency-absent-path": "of the source package `lib` does not exist",
    "dependency-empty-table": "pixi.toml:8:8: The dependency `libz` says nothing",
    "dependency-name-mismatch": "The package in lib offers other, but lib is asked for",
    "dependency-path-and-git": "pixi.toml:8:7: The dependency `lib` says `path` and `git`",
    "environment-default-group": "`bad name` cannot be the name of an environment",
    "environment-unknown-feature": "The feature `ghost` is not defined",
    "initialize-error": "stub was told to fail in initialize",
    "install-frozen-without-lock": "The workspace has no pixi.lock",
    "install-without-lock": "The workspace has no pixi.lock",
    "lock-broken-yaml": "pixi.lock:3:1: The lock file is not valid YAML",
    "lock-dangling": "refers to a package that does not exist",
    "lock-no-version": "The lock file has no `version`",
    "lock-not-a-map": "The lock file is not a mapping",
    "manifest-absent": "There is no manifest",
    "matchspec-bad": "malformed version string '1..0'",
    "matchspec-bad-run": "invalid operator '=>'",
    "name-invalid": "'li b' (outputs[0].metadata.name), which is not a valid package name",
    "outputs-crash": "exited prematurely with code 3, before it answered 'conda/outputs'",
    "outputs-error": "stub was told to fail in outputs",
    "outputs-error-without-data": "only a message",
    "outputs-junk": "something that is not a JSON-RPC message",
    "outputs-not-implemented": "does not implement the method 'conda/outputs'",
    "outputs-wrong-name": "offers somebody-else, but not lib",
    "pack-missing-package-file": "libq-1.0.1-h1_0 is not where the lock says",
    "pack-unknown-environment": 'The lock has no environment "ghost"',
    "pack-without-lock": "The workspace has no pixi.lock",
    "package-unknown-key": "`flavour` is not a key of the package",
    "platform-unknown": "`linux-128` is not a conda platform",
    "platforms-missing": "",
    "preview-missing": "which this workspace has not enabled",
    "selector-backend-name": "`moon_phase == 'full'`: undefined",
    "selector-backend-syntax": "`linux ==`: syntax error",
    "selector-call-unwrapped": "`matches(libz)` is not a condition",
    "selector-empty": "The condition `if()` is empty",
    "selector-in-target": "`if(linux)` cannot be a target",
    "selector-in-workspace-dependencies": "`if(linux)` is not a package name",
    "selector-nested": "`if(unix)` is not a package name",
    "selector-spaces-only": "The condition `if(   )` is empty",
    "selector-trailing": "`if(linux) and win` is not a condition",
    "selector-unclosed": "`if(linux` is not a condition",
    "selector-unwrapped": "`host_platform == 'linux-64'` is not a package name",
    "selector-uppercase": "`IF(linux)` is not a condition",
    "solve-conflict": "No set of packages satisfies environment default",
    "solve-conflict-source": "No set of packages satisfies environment default",
    "solve-no-candidate": "No candidates were found for libz >=5",
    "solve-unknown-package": "No candidates were found for unicorn *",
    "target-wildcard-package": "The wildcard `linux-*` cannot be a target of a package",
    "toml-broken": "pixi.toml:1:11: This is not valid TOML",
    "toml-duplicate-key": "`workspace.name` is given twice; line 2 has it already",
    "top-level-unknown-key": "pixi.toml:7:2: `nonsense` is not a key of the manifest",
    "unpack-absent": "There is no such pack",
    "unpack-future-version": "Unsupported pixi-pack version: 2",
    "unpack-no-metadata": "The pack has no pixi-pack.json",
    "unpack-not-a-tar": "The file is not a pack",
    "version-invalid": "malformed version string 'one point oh!'",
    "workspace-unknown-key": "pixi.toml:6:1: `colour` is not a key of the workspace",
}
# Accepted by pixi, which locks anew; an unknown version is `unsupported` here.
UNSUPPORTED = {"lock-version-8": "The lock file has version 8; supported: 1, 2, 3, 4, 5, 6, 7"}
WARNED = {"target-unknown": "amiga"}
# What only `pixi publish` refuses: source run dependencies are packed here.
ONLY_PUBLISH = {"publish-source-run-dependency"}


def test_every_recorded_case_is_here() -> None:
    recorded = {path.parent.name for path in DATA.glob("*/expected.json")}
    assert recorded == {*SAID, *UNSUPPORTED, *WARNED, *ONLY_PUBLISH}


@pytest.fixture
def run(pixipack, tmp_path):
    """Runs the twin of the recorded command in a copy of a case."""

    def twin(case):
        shutil.copytree(DATA / "channels", tmp_path / "channels")
        copied = shutil.ignore_patterns("expected.json")
        shutil.copytree(DATA / case, tmp_path / "case", ignore=copied)
        for path in tmp_path.rglob("*.lock"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("@ROOT@", tmp_path.as_posix()), encoding="utf-8")
        argv = json.loads((DATA / case / "expected.json").read_bytes())["argv"]
        workspace = tmp_path / "case" / "workspace"
        options = ("--backend", "stub-backend=stub")
        if argv[0] == "pixi-unpack":
            return pixipack("unpack", argv[-1], "-o", "out", cwd=workspace)
        if argv[:2] == ["pixi", "lock"]:
            return pixipack("lock", *options, cwd=workspace)
        if argv[:2] == ["pixi", "install"] and "without-lock" not in case:
            assert pixipack("lock", *options, cwd=workspace).code == 0
        environment = ("-e", "ghost") if "ghost" in argv else ()
        return pixipack("pack", "-o", "x.tar", "-p", "linux-64", *environment, *options,
                        cwd=workspace)  # fmt: skip

    return twin


@pytest.mark.skipif(sys.platform == "win32", reason="the recorded channels are for Unix paths")
@pytest.mark.parametrize("case", [*SAID, *UNSUPPORTED, *WARNED])
def test_it_is_refused_or_accepted_for_the_same_cause(case: str, run) -> None:
    said = {**SAID, **UNSUPPORTED, **WARNED}[case]

    done = run(case)

    assert done.code == (0 if not said or case in WARNED else 2), done.err
    assert said in done.err
    assert "Traceback" not in done.err
