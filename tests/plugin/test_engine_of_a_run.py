"""`--pixipack-engine`: which engine a run takes, and what it says of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_pixipack.engine.system.tools import find_tools

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"
TWO_PACKAGES = """
[workspace]
name = "two"
channels = ["conda-forge"]
platforms = ["{platform}"]
preview = ["pixi-build"]

[dependencies]
one = {{ path = "one" }}
libz = "*"

[tool.pixipack]
channels = {{ conda-forge = "channel.toml" }}
backends = {{ pixi-build-cmake = "stub" }}
"""
ONE = """
[package]
name = "one"
version = "0.1.0"

[package.build]
backend = { name = "pixi-build-cmake", version = "*" }

[package.run-dependencies]
libz = "*"
"""
CHANNEL = """
[[package]]
name = "libz"
version = "1.3"
subdirs = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]
"""

needs_the_tools = pytest.mark.skipif(
    (problem := find_tools().problem()) is not None, reason=f"the system engine's tools: {problem}"
)


@pytest.fixture
def simple(pytester: pytest.Pytester) -> Path:
    """A workspace that pixi-pack can pack: a source package without source run dependencies."""
    from pytest_pixipack import EmbeddedEngine, EngineOptions, write_lock
    from pytest_pixipack.platforms import current_platform

    files = {
        "pixi.toml": TWO_PACKAGES.format(platform=current_platform()),
        "one/pixi.toml": ONE,
        "channel.toml": CHANNEL,
    }
    for name, text in files.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    engine = EmbeddedEngine(EngineOptions(cache_dir=pytester.path / ".cache"))
    write_lock(engine.lock(pytester.path), pytester.path / "pixi.lock")
    return pytester.path


def test_auto_is_the_embedded_engine_where_the_tools_are_missing(pytester, simple, monkeypatch):
    monkeypatch.setenv("PATH", str(pytester.path))
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["engine   embedded: pixi was not found on PATH"])


def test_asking_for_the_system_engine_without_its_tools_is_an_error(pytester, simple, monkeypatch):
    monkeypatch.setenv("PATH", str(pytester.path))
    result = pytester.runpytest("--pixi-pack", "--pixipack-engine=system")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*pixi was not found on PATH*", "engine   system: asked for"])


@needs_the_tools
def test_auto_is_the_system_engine_where_it_can_do_all_of_it(pytester, simple):
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["pixi-pack: pixi *, pixi-pack *", "engine   system: *"])


@needs_the_tools
def test_auto_is_the_embedded_engine_where_the_tools_cannot_do_it(pytester):
    shutil.copytree(EXAMPLE, pytester.path / "w")
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=26)
    result.stdout.fnmatch_lines(["engine   embedded: pixi-pack * cannot pack the source package*"])


@needs_the_tools
def test_what_the_tools_cannot_do_is_a_failure_where_they_were_asked_for(pytester):
    shutil.copytree(EXAMPLE, pytester.path / "w")
    result = pytester.runpytest(
        "--pixi-pack", "--pixipack-engine=system", "-k", "pack and linux-64"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*pixi-pack * cannot pack*", "*--pixipack-engine=auto does*"])


@needs_the_tools
def test_a_marked_test_runs_once_with_each_engine(pytester, simple):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.pixi_engine("embedded", "system")
        def test_both_engines_agree(pixi_workspace, lock_regression):
            ws = pixi_workspace.copy(".")
            lock_regression.check(ws.lock())
            prefix = ws.pack().unpack()
            assert set(prefix.packages) == {"one", "libz"}
            ws.verify().raise_for_findings()
        """
    )
    pytester.runpytest("--force-regen", "-p", "no:randomly")
    pytester.runpytest().assert_outcomes(passed=2)
