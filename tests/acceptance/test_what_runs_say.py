"""What a run with `--pixi-pack` says where it cannot do what it was asked for."""

from __future__ import annotations

import json
import socket

import pytest

from pytest_pixipack.platforms import current_platform

HERE = current_platform()
ONE_PLATFORM = ("--pixi-pack", "--pixipack-platform", HERE)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", "80")
    return 80


@pytest.fixture
def closed_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# Nothing to check ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [("-k", "test_own"), ("--deselect", "pixi.toml")])
def test_a_run_from_which_all_checks_were_deselected_says_so(demo, pytester, options):
    pytester.makepyfile("def test_own(): pass")
    result = pytester.runpytest("--pixi-pack", *options)
    result.assert_outcomes(passed=1, deselected=7)
    result.stdout.fnmatch_lines(["no workspace was checked: deselected, *"])


def test_a_run_that_looks_elsewhere_says_so(demo, pytester, monkeypatch):
    monkeypatch.setenv("PIXIPACK_COLLECT", "1")
    path = pytester.makepyfile("def test_own(): pass")
    result = pytester.runpytest(path)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["no workspace was checked: *not below the given paths"])


def test_collecting_alone_says_nothing_of_results(demo, pytester):
    pytester.runpytest("--pixi-pack", "--co").stdout.no_fnmatch_line("*- pixi-pack -*")


def test_a_workspace_without_platforms_is_skipped_beside_others(demo, pytester):
    other = demo.copied_to(demo.root / "other")
    other.replace("pixi.toml", f'["{HERE}", ', "[] # ")
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=7, skipped=1)
    result.stdout.fnmatch_lines(["skipped  manifest: The workspace has no platforms, *"])


def test_a_workspace_without_platforms_alone_is_no_success(demo, pytester):
    demo.replace("pixi.toml", f'["{HERE}", ', "[] # ")
    pytester.makepyfile("def test_own(): pass")
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


# What the engines say of a download that fails.
FAILED_DOWNLOAD = {"embedded": "cannot be downloaded from", "system": "could not download package"}


# Infrastructure --------------------------------------------------------------------------------


@pytest.fixture
def unreachable(demo, closed_port):
    """The channel is on a loopback server that is not there."""
    url = f"http://127.0.0.1:{closed_port}/channel"
    demo.replace("pixi.toml", '["conda-forge"]', f'["{url}"]')
    demo.replace("pixi.toml", 'channels = { conda-forge = "channel.toml" }\n', "")
    demo.replace("pixi.lock", "https://conda.anaconda.org/conda-forge", url)
    return demo


def test_a_cache_that_cannot_be_made_is_an_error_and_no_failure(demo, pytester, monkeypatch):
    demo.write("file", "not a directory")
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(demo.root / "file" / "cache"))
    result = pytester.runpytest(*ONE_PLATFORM)
    assert result.parseoutcomes()["errors"] > 0
    result.stdout.fnmatch_lines(["infrastructure failure", "  *The cache directory cannot be *:*"])


@pytest.mark.slow
def test_a_server_that_is_down_is_an_error_and_no_failure(unreachable, pytester, engine):
    result = pytester.runpytest(*ONE_PLATFORM, "--junitxml=junit.xml", "--pixipack-report=r.json")
    result.assert_outcomes(passed=3, errors=1, skipped=1)
    result.stdout.fnmatch_lines(["infrastructure failure", f"  *{FAILED_DOWNLOAD[engine]}*"])
    junit = (unreachable.root / "junit.xml").read_text(encoding="utf-8")
    assert 'errors="1" failures="0" skipped="1"' in junit
    report = json.loads((unreachable.root / "r.json").read_text(encoding="utf-8"))
    assert report["outcome"] == "infrastructure"


# Options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--pixipack-engine=embeded", "Did you mean `embedded`?"),
        ("--pixipack-checks=lock,unpak", "Did you mean `unpack`?"),
        ("--pixipack-checks=everything", "Choose from lock, build, pack, unpack, reproduce."),
    ],
)
def test_a_wrong_choice_comes_with_a_suggestion(demo, pytester, option, hint):
    result = pytester.runpytest("--pixi-pack", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{hint}"])


def test_a_wrong_flag_in_a_file_is_named(demo, pytester):
    demo.ini("pixipack_network = perhaps")
    result = pytester.runpytest("--pixi-pack")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: pixipack_network: *'perhaps'*true or false."])


def test_a_report_that_cannot_be_written_is_no_success(demo, pytester):
    demo.write("file", "not a directory")
    result = pytester.runpytest(*ONE_PLATFORM, "--pixipack-report=file/report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["report   *report.json cannot be written: *"])
    result.stdout.no_fnmatch_line("*Traceback*")


# Layout ----------------------------------------------------------------------------------------


def test_long_messages_fit_into_the_terminal(demo, pytester, narrow):
    demo.replace("channel.toml", 'name = "zlib"', 'name = "zlip"')
    result = pytester.runpytest(*ONE_PLATFORM, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    start = next(i for i, line in enumerate(result.outlines) if line.startswith("__"))
    end = next(i for i, line in enumerate(result.outlines) if "kept: " in line)
    assert all(len(line) <= narrow for line in result.outlines[start:end])
