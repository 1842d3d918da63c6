"""`--pixipack-toolchain`: a candidate beside the released tools, in a run."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

MANIFEST = f"""
[workspace]
name = "two"
channels = ["conda-forge"]
platforms = ["{current_platform()}", "{"osx-64" if current_platform() != "osx-64" else "win-64"}"]
preview = ["pixi-build"]

[dependencies]
one = {{ path = "one" }}
libz = "*"

[feature.test.dependencies]
other = "*"

[environments]
test = ["test"]

[tool.pixipack]
channels = {{ conda-forge = "channel.toml" }}
backends = {{ pixi-build-cmake = "stub" }}
"""
PACKAGE = """
[package]
name = "one"
version = "0.1.0"
build.backend = { name = "pixi-build-cmake", version = "*" }
build.config.greeting = "hi"
"""
CHANNEL = """
[[package]]
name = "libz"
version = "1.3"
subdirs = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]

[[package]]
name = "other"
version = "2.0"
subdirs = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]
"""
OTHER_BACKEND = """
from pytest_pixipack.backend import stub, stub_main

class Other(stub.StubBackend):
    def call(self, method, params):
        if method == "initialize":
            params["configuration"] = {"greeting": "hello"}
        return super().call(method, params)

stub_main.StubBackend = Other
raise SystemExit(stub_main.main())
"""

needs_the_tools = pytest.mark.skipif(
    (problem := find_tools().problem()) is not None, reason=f"the system engine's tools: {problem}"
)


def program(directory: Path, name: str, python: str) -> None:
    """A new program; it never takes the place of a file that is there."""
    directory.mkdir(exist_ok=True)
    code = directory / f"{name}.code.py"
    code.write_text(python, encoding="utf-8")
    argv = [sys.executable, str(code)]
    if os.name == "nt":
        with (directory / f"{name}.bat").open("x", encoding="utf-8") as stream:
            stream.write(f'@"{argv[0]}" "{argv[1]}" %*\n')
    else:
        with (directory / name).open("x", encoding="utf-8") as stream:
            stream.write(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        (directory / name).chmod(0o755)


def toolchain(directory: Path) -> Path:
    """A directory with links to the real tools."""
    directory.mkdir()
    for tool in find_tools().found.values():
        (directory / tool.path.name).symlink_to(tool.path.resolve())
    return directory


@pytest.fixture
def workspace(pytester: pytest.Pytester) -> Path:
    for name, text in {
        "pixi.toml": MANIFEST, "one/pixi.toml": PACKAGE, "channel.toml": CHANNEL
    }.items():  # fmt: skip
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return pytester.path


@pytest.fixture
def toolchains(workspace: Path, tmp_path: Path) -> list[str]:
    """The options for two toolchains that are the same."""
    paths = [toolchain(tmp_path / name) for name in ("released", "candidate")]
    return ["--pixi-pack", *(f"--pixipack-toolchain={path.name}={path}" for path in paths)]


HERE = current_platform()


@needs_the_tools
def test_there_is_one_item_for_each_environment_of_this_machine(pytester, toolchains):
    result = pytester.runpytest(*toolchains, "--co", "-q", "-k", "toolchain", "-p", "no:randomly")
    assert [line for line in result.outlines if "::" in line] == [
        f"pixi.toml::toolchain[candidate-default-{HERE}]",
        f"pixi.toml::toolchain[candidate-test-{HERE}]",
    ]


@needs_the_tools
def test_the_same_tools_pass_and_no_lock_is_needed(pytester, toolchains, workspace):
    before = sorted(workspace.rglob("*"))
    result = pytester.runpytest(
        *toolchains, "--pixipack-checks=toolchain", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([
        "toolchain  pixi *pixi-pack  pixi-unpack  lock *build *pack *prefix",
        "released   *",
        "candidate  * identical  identical  identical  identical",
    ])  # fmt: skip
    assert sorted(workspace.rglob("*")) == before


@needs_the_tools
def test_another_backend_fails_with_a_tree(pytester, toolchains, tmp_path):
    program(tmp_path / "candidate", "pixi-build-cmake", OTHER_BACKEND)
    result = pytester.runpytest(
        *toolchains, "--pixipack-checks=toolchain", "--pixipack-report=r.json", "-k", "default"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "  released   pixi *",
        "  candidate  pixi *pixi-build-cmake*",
        "  lock       identical",
        "  artifacts  payload *",
        "  └─ one-0.1.0-*",
        "*share/one/config.json*",
        "  causes     content: *",
        "*again: pytest *-toolchain=released=*-toolchain=candidate=*::toolchain*",
        "candidate * identical  payload  payload  payload",
    ])  # fmt: skip
    (check,) = json.loads((pytester.path / "r.json").read_text(encoding="utf-8"))["checks"]
    assert check["toolchain"]["verdict"] == "payload"
    assert check["toolchain"]["layers"][1]["differences"][0]["cause"] == "content"


@needs_the_tools
def test_workers_share_what_toolchains_make(pytester, toolchains):
    pytest.importorskip("xdist")
    pytester.runpytest(*toolchains, "--pixipack-checks=toolchain", "-n2").assert_outcomes(passed=2)


@needs_the_tools
def test_the_environment_variable_and_the_ini_file_name_them_too(
    pytester, toolchains, tmp_path, monkeypatch
):
    paths = [tmp_path / name for name in ("released", "candidate")]
    monkeypatch.setenv("PIXIPACK_TOOLCHAIN", ",".join(f"{path.name}={path}" for path in paths))
    options = ("--pixi-pack", "--co", "-q", "-k", "toolchain")
    assert "2/" in pytester.runpytest(*options).outlines[-1]
    monkeypatch.delenv("PIXIPACK_TOOLCHAIN")
    listed = "\n".join(f"    {path.name}={path}" for path in paths)
    pytester.makeini(f"[pytest]\npixipack_toolchain =\n{listed}\n")
    assert "2/" in pytester.runpytest(*options).outlines[-1]


# Without the tools --------------------------------------------------------------------------------


def usage_error(pytester: pytest.Pytester, *options: str) -> str:
    result = pytester.runpytest("--pixi-pack", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return result.stderr.str()


def test_a_missing_tool_is_a_usage_error_with_its_directory(pytester, workspace, tmp_path):
    for name in ("a", "b"):
        program(tmp_path / name, "pixi", "print('pixi 0.77.0')")
    text = usage_error(
        pytester, *(f"--pixipack-toolchain={name}={tmp_path / name}" for name in ("a", "b"))
    )
    assert f"Toolchain a cannot be used: pixi-pack was not found in {tmp_path / 'a'}" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--pixipack-toolchain=/opt/bin"], "a toolchain is NAME=DIR"),
        (["--pixipack-toolchain=a b=/opt/bin"], "a toolchain is NAME=DIR"),
        (["--pixipack-toolchain=new=x"], "toolchain new needs a second one"),
        (["--pixipack-toolchain=new=x", "--pixipack-toolchain=new=y"], "two toolchains are called"),
        (["--pixipack-toolchain=a=x", "--pixipack-toolchain=b=y"], "does not exist"),
        (["--pixipack-checks=toolchain"], "needs two of --pixipack-toolchain"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(pytester, workspace, options, expected):
    assert expected in usage_error(pytester, *options)


@pytest.mark.slow
def test_without_the_option_nothing_of_it_is_imported(pytester, workspace):
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert "pytest_pixipack.engine.toolchains" not in sys.modules
            assert "pytest_pixipack.plugin.toolchains" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("--pixi-pack", "-k", "test_it")
    result.assert_outcomes(passed=1)
