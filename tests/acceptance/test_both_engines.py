"""What a user sees of a zero-code run is the same with either engine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

HERE = current_platform()
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"


def files_below(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_all_layers_are_checked(plain, pytester):
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines([
        "workspace  environment  platform *lock  build  pack  prefix",
        f"demo       default      {HERE} * ok *ok *ok *ok",
        f"engine   {os.environ['PIXIPACK_ENGINE']}: asked for",
    ])  # fmt: skip


def test_workers_share_the_work(plain, pytester):
    pytest.importorskip("xdist")
    pytester.runpytest_subprocess("--pixi-pack", "-n2").assert_outcomes(passed=5)


@pytest.mark.parametrize("name", ["build[app-{}]", "pack[default-{}]", "unpack[default-{}]"])
def test_an_item_works_alone(plain, pytester, name):
    nodeid = f"pixi.toml::{name.format(HERE)}"
    pytester.runpytest("--pixi-pack", nodeid).assert_outcomes(passed=1)


def test_nothing_is_written_into_the_repository(plain, pytester):
    before = files_below(plain.root)
    pytester.runpytest("--pixi-pack", "-p", "no:cacheprovider")
    assert files_below(plain.root) == before


def test_a_lock_that_is_out_of_date_fails_and_the_rest_waits(plain, pytester):
    plain.replace("app/pixi.toml", 'zlib = ">=1.2"', 'zlib = ">=1.2,<2"')
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(failed=1, skipped=4)
    result.stdout.fnmatch_lines(["*lock-source-metadata   app*", "*zlib >=1.2,<2*"])


def test_a_backend_that_fails_is_a_failed_build(plain, pytester):
    text = (plain.root / "app/pixi.toml").read_text(encoding="utf-8")
    fault = 'build.config.stub.fail = { stage = "build", how = "error" }\n'
    plain.write("app/pixi.toml", text + fault)
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(failed=1, passed=2, skipped=2)
    result.stdout.fnmatch_lines(["*stub was told to fail in build*"])
    assert not any("Traceback" in line for line in result.outlines)


def test_a_lock_from_another_channel_is_made_anew_in_the_copy(plain, pytester):
    plain.replace("channel.toml", 'version = "1.3"', 'version = "1.3"\nlicense = "Zlib"')
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["lock     built and packed in a copy that was locked anew:*"])


def test_a_test_of_the_users_own(plain, pytester):
    pytester.makepyfile(
        """
        from pytest_pixipack import HasFiles, IsPackage, IsSource

        def test_it(pixi_workspace, stub_backend):
            ws = pixi_workspace.copy(".", backends={"pixi-build-cmake": stub_backend})
            lock = ws.lock()
            platform = next(iter(lock.environment("default").packages))
            assert lock[platform]["app"] == IsSource(depends=("zlib >=1.2",))
            prefix = ws.pack().unpack()
            assert prefix.packages["app"] == IsPackage(version="0.1.0") & HasFiles("bin/app")
            assert stub_backend.initialize("app").project_model["name"] == "app"
            ws.verify().raise_for_findings()
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.skipif(
    (problem := find_tools().problem()) is not None, reason=f"the system engine's tools: {problem}"
)
def test_the_tools_cannot_pack_the_example_and_the_run_says_so(pytester, monkeypatch):
    monkeypatch.setenv("PIXIPACK_ENGINE", "system")
    shutil.copytree(EXAMPLE, pytester.path / "w")
    result = pytester.runpytest("--pixi-pack", f"--pixipack-platform={HERE}")
    result.assert_outcomes(passed=4, failed=1, skipped=1)
    # Long sentences are wrapped to the width of the terminal.
    said = " ".join(" ".join(result.outlines).split())
    assert re.search(r"pixi-pack \S+ cannot pack the source package \S+: it has source run", said)
    assert "--pixipack-engine=auto does" in said
