"""What an earlier run has built is taken from the cache, where it was made from the same things."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_pixipack.platforms import current_platform
from tests.permissions import obeyed

BUILDS = ("--pixi-pack", "--pixipack-platform", current_platform())


@pytest.fixture(autouse=True)
def own_cache(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if engine != "embedded":
        pytest.skip("pixi has caches of its own")
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def builds(pytester: pytest.Pytester, *options: str) -> dict[str, bool]:
    """Which packages were taken from the cache, by the name of their check."""
    report = pytester.path / "report.json"
    result = pytester.runpytest(*BUILDS, f"--pixipack-report={report}", *options)
    assert result.ret == 0
    checks = json.loads(report.read_bytes())["checks"]
    return {each["package"]: each["reused"] for each in checks if each["check"] == "build"}


ALL, NONE = {"app": True, "lib": True}, {"app": False, "lib": False}


def test_the_next_run_takes_what_the_first_has_built(demo, pytester):
    assert builds(pytester) == NONE
    assert builds(pytester) == ALL


def test_the_summary_says_so(demo, pytester):
    pytester.runpytest(*BUILDS)
    result = pytester.runpytest(*BUILDS)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["builds   2 of 2 taken from the cache: *"])


@pytest.mark.parametrize("path", ["app/notes.txt", "app/deep/er/file.h", "app/pixi.toml"])
def test_any_file_of_the_package_counts(demo, pytester, path):
    file = demo.root / path
    demo.write(path, file.read_text("utf-8") if file.exists() else "one\n")
    builds(pytester)
    with file.open("a", encoding="utf-8") as stream:
        stream.write("\n")
    assert builds(pytester) == {"app": False, "lib": True}


@pytest.mark.parametrize(
    "told", ['input-globs = ["../common.h"]', 'input-glob-sets = [{patterns = ["*"], root = ".."}]']
)
def test_inputs_elsewhere_are_not_looked_at_so_that_it_is_built(demo, pytester, told):
    demo.write("app/stub.toml", f"{told}\n")
    demo.write("common.h", "one\n")
    builds(pytester)
    assert builds(pytester) == {"app": False, "lib": True}


def test_a_tool_that_leaves_something_behind_does_not_count(demo, pytester):
    assert builds(pytester) == NONE
    demo.write(".pixi/envs/default/left.txt", "behind")
    assert builds(pytester) == ALL


def test_all_can_be_built_anew(demo, pytester):
    builds(pytester)
    assert builds(pytester, "--pixipack-rebuild") == NONE


def test_the_network_may_bring_something_else(demo, pytester):
    builds(pytester)
    assert builds(pytester, "--pixipack-network") == NONE


@pytest.mark.parametrize("what", ["cut", "another", "gone"])
def test_what_is_not_as_it_was_kept_is_built_anew(demo, pytester, own_cache, what):
    builds(pytester)
    packages = sorted(own_cache.glob("built/*/*.conda"))
    first, *others = packages
    if what == "cut":
        first.write_bytes(first.read_bytes()[:-9])
    elif what == "another":
        first.write_bytes(others[-1].read_bytes())
    else:
        first.unlink()
    assert sorted(builds(pytester).values()) == [False, True]
    assert builds(pytester) == ALL


def test_a_program_that_somebody_names_always_builds(demo, pytester):
    program = demo.root / "backend.py"
    program.write_text("from pytest_pixipack.backend.stub_main import main\nmain()\n", "utf-8")
    demo.replace("pixi.toml", '"stub"', '"backend.py"')
    demo.lock()
    assert builds(pytester) == NONE
    assert builds(pytester) == NONE


def test_a_changed_host_package_counts(demo, pytester):
    demo.replace("lib/pixi.toml", 'run-dependencies.zlib = ">=1"', 'host-dependencies.zlib = "*"')
    demo.lock()
    builds(pytester)
    demo.replace("channel.toml", 'version = "1.3"', 'version = "1.4"')
    (demo.root / "pixi.lock").unlink()
    demo.lock()
    assert builds(pytester) == {"app": True, "lib": False}


def test_a_cache_that_can_only_be_read_is_used(demo, pytester, own_cache):
    builds(pytester)
    folders = [own_cache, *(path for path in own_cache.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        with obeyed():
            assert builds(pytester) == ALL
    finally:
        for folder in folders:
            folder.chmod(0o700)
