"""`pytest --pixi-pack` in a repository, as a user runs it."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from pytest_pixipack.platforms import current_platform
from tests.acceptance.conftest import INI
from tests.permissions import obeyed

HERE = current_platform()
ELSEWHERE = "osx-arm64" if HERE != "osx-arm64" else "linux-64"

IDS = [
    f"pixi.toml::lock[default-{HERE}]",
    f"pixi.toml::lock[default-{ELSEWHERE}]",
    f"pixi.toml::build[app-{HERE}]",
    f"pixi.toml::build[lib-{HERE}]",
    f"pixi.toml::pack[default-{HERE}]",
    f"pixi.toml::pack[default-{ELSEWHERE}]",
    f"pixi.toml::unpack[default-{HERE}]",
]


# Enough where the question is which workspaces and tests are found.
LOCKS = ("--pixi-pack", "--pixipack-checks=lock")


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line and " " not in line]


def outcomes(path: Path) -> dict[str, str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return {check["id"].partition("::")[2]: check["outcome"] for check in document["checks"]}


# A good run ------------------------------------------------------------------------------------


def test_everything_is_checked_and_shown_in_a_table(demo, pytester, engine):
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines([
        "pixi-pack: *py-rattler *; offline",
        "workspace  environment  platform *lock  build  pack  prefix",
        f"demo       default      {HERE} * ok *ok *ok *ok",
        f"*{ELSEWHERE} * ok * ok *-",
        f"engine   {engine}: asked for",
        "packages 2 source, 2 binary (channel conda-forge stands for channel.toml)",
        f"-        not installable on this machine ({HERE})",
    ])  # fmt: skip


def test_ids_are_stable(demo, pytester):
    assert collected(pytester.runpytest("--pixi-pack", "--co", "-q")) == IDS


@pytest.mark.parametrize("nodeid", IDS)
def test_each_item_works_alone(demo, pytester, nodeid):
    pytester.runpytest("--pixi-pack", nodeid).assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["load", "each"])
def test_workers_share_stages(demo, pytester, distribution):
    pytest.importorskip("xdist")
    result = pytester.runpytest_subprocess("--pixi-pack", "-n2", "--dist", distribution)
    result.assert_outcomes(passed=7 * (2 if distribution == "each" else 1))
    result.stdout.fnmatch_lines([f"demo       default      {HERE} * ok *ok *ok *ok"])


@pytest.mark.slow
def test_a_killed_worker_is_no_success(demo, pytester):
    pytest.importorskip("xdist")
    pytester.makeconftest(
        """
        import os

        def pytest_pixipack_prepare_workspace(config, root):
            os._exit(9)
        """
    )
    # One item only: pytest-xdist can lose count of items that ran just before a worker died.
    result = pytester.runpytest_subprocess("--pixi-pack", "-n1", IDS[2], timeout=60)
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["crashed  pixi.toml::build?app-*?"])


@pytest.mark.slow
def test_what_was_made_before_a_worker_died_is_in_record_and_report(demo, pytester):
    pytest.importorskip("xdist")
    pytester.makeconftest(
        """
        import os

        def pytest_runtest_setup(item):
            if "unpack" in item.name:
                os._exit(9)
        """
    )
    files = ("--pixipack-record=record.json", "--pixipack-report=report.json")
    chosen = ("--pixi-pack", "-n1", "-k", f"{HERE}", *files)
    pytester.runpytest_subprocess(*chosen, timeout=60)
    report = json.loads((demo.root / "report.json").read_bytes())
    assert [each.partition("::")[2] for each in report["crashed"]] == [f"unpack[default-{HERE}]"]
    assert {each["outcome"] for each in report["checks"]} == {"ok"}
    (workspace,) = json.loads((demo.root / "record.json").read_bytes())["workspaces"]
    assert [each["name"] for each in workspace["packages"]] == ["app", "lib"]
    assert len(workspace["packs"]) == 1


@pytest.mark.slow
def test_the_order_does_not_matter(demo, pytester):
    pytester.makeconftest("def pytest_collection_modifyitems(items): items.reverse()")
    pytester.runpytest("--pixi-pack").assert_outcomes(passed=7)


@pytest.mark.slow
def test_random_order(demo, pytester):
    pytest.importorskip("pytest_randomly")
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    result = pytester.runpytest("--pixi-pack", "-p", "randomly", "--randomly-seed=1")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["Using --randomly-seed=1"])


def test_keywords_select(demo, pytester):
    result = pytester.runpytest("--pixi-pack", "-k", f"build and {HERE}")
    result.assert_outcomes(passed=2, deselected=5)


def test_deselecting(demo, pytester):
    result = pytester.runpytest("--pixi-pack", "--deselect", IDS[2])
    result.assert_outcomes(passed=6, deselected=1)


def test_the_own_tests_of_the_repository_run_too(demo, pytester):
    pytester.makepyfile("def test_own(): pass")
    pytester.runpytest(*LOCKS).assert_outcomes(passed=3)


def test_or_do_not(demo, pytester):
    pytester.makepyfile("def test_own(): assert False")
    locks = ("--pixipack-only", "--pixipack-checks=lock")
    pytester.runpytest(*locks).assert_outcomes(passed=2)
    pytester.runpytest(*locks, ".").assert_outcomes(passed=2)


def test_without_the_flag_nothing_happens(demo, pytester):
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.no_fnmatch_line("*pixi-pack*")


def test_nothing_is_written_into_the_repository(demo, pytester, monkeypatch, tmp_path_factory):
    # The home of these runs is the repository.
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    before = sorted(demo.root.rglob("*"))
    pytester.runpytest("--pixi-pack", "-p", "no:cacheprovider").assert_outcomes(passed=7)
    assert sorted(demo.root.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="directories have no read-only bit")
def test_a_read_only_checkout(demo, pytester):
    folders = [demo.root, *(p for p in demo.root.rglob("*") if p.is_dir())]
    for path in folders:
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        result = pytester.runpytest_inprocess("--pixi-pack", "-p", "no:cacheprovider")
    finally:
        for path in folders:
            path.chmod(0o755)
    result.assert_outcomes(passed=7)


def test_a_test_of_the_users_own(demo, pytester):
    pytester.makepyfile(
        f"""
        from pytest_pixipack import HasFiles, IsPackage, IsSource

        def test_it(pixi_workspace, stub_backend):
            ws = pixi_workspace.copy(".", backends={{"pixi-build-cmake": stub_backend}})
            app = ws.lock().environment("default")["{HERE}"]["app"]
            assert app == IsSource(depends=("zlib >=1",))
            prefix = ws.pack().unpack()
            assert prefix.packages["app"] == IsPackage(version="0.1.0") & HasFiles("bin/app")
            assert stub_backend.initialize("app").project_model["name"] == "app"
            ws.verify().raise_for_findings()
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


# Finding workspaces ----------------------------------------------------------------------------


def test_testpaths_do_not_hide_workspaces(demo, pytester):
    demo.ini("testpaths = tests")
    pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass")
    pytester.runpytest(*LOCKS).assert_outcomes(passed=3)


def test_from_a_subdirectory_too(demo, pytester, monkeypatch):
    monkeypatch.chdir(pytester.mkdir("deep"))
    pytester.runpytest(*LOCKS).assert_outcomes(passed=2)


def test_below_a_path(demo, pytester):
    other = demo.copied_to(demo.root / "more" / "other")
    result = pytester.runpytest("--pixi-pack", "more")
    result.assert_outcomes(passed=7)
    assert collected(pytester.runpytest("--pixi-pack", "--co", "-q", "more"))[0] == (
        f"more/other/pixi.toml::lock[default-{HERE}]"
    )
    assert other.root.is_dir()


def test_two_workspaces_with_one_name(demo, pytester):
    demo.copied_to(demo.root / "other")
    result = pytester.runpytest(*LOCKS)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["other/pixi.toml *ok", "pixi.toml *ok"], consecutive=False)


@pytest.mark.slow
def test_a_pyproject(demo, pytester):
    text = (demo.root / "pixi.toml").read_text(encoding="utf-8")
    (demo.root / "pixi.toml").unlink()
    text = text.replace("[workspace]", "[tool.pixi.workspace]")
    text = text.replace("[dependencies]", "[tool.pixi.dependencies]\npython = '*'")
    text = text.replace("[target.", "[tool.pixi.target.")
    demo.write("pyproject.toml", text)
    demo.replace(
        "channel.toml", "[[package]]\nname = \"data\"",
        "[[package]]\nname = \"python\"\nversion = \"3.13\"\nnoarch = \"generic\"\n\n"
        "[[package]]\nname = \"data\"",
    )  # fmt: skip
    demo.lock()
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=7)


@pytest.mark.parametrize("folder", [".pixi/envs/default", "venv", "ignored"])
def test_not_in_environments_and_ignored_directories(demo, pytester, folder):
    demo.copied_to(demo.root / folder)
    (demo.root / folder / "pyvenv.cfg").touch()
    pytester.makeconftest("collect_ignore = ['ignored']")
    pytester.runpytest(*LOCKS).assert_outcomes(passed=2)
    pytester.runpytest(*LOCKS, ".").assert_outcomes(passed=2)


def test_nor_in_the_cache(demo, pytester, monkeypatch):
    """GitLab keeps nothing but what is below the checkout."""
    demo.copied_to(demo.root / "kept" / "git" / "repository")
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", "kept")
    pytester.runpytest(*LOCKS).assert_outcomes(passed=2)


# Options ---------------------------------------------------------------------------------------


def test_checks_platforms_and_environments_are_chosen(demo, pytester):
    result = pytester.runpytest("--pixi-pack", "--pixipack-checks=lock,pack",
                                f"--pixipack-platform={HERE}", "--co", "-q")  # fmt: skip
    assert collected(result) == [IDS[0], IDS[4]]
    result = pytester.runpytest("--pixi-pack", "--pixipack-environment=default", "--co", "-q")
    assert collected(result) == IDS


def test_command_line_over_environment_over_ini(demo, pytester, monkeypatch):
    def kinds(*more: str) -> set[str]:
        result = pytester.runpytest("--pixi-pack", "--co", "-q", *more)
        return {line.partition("::")[2].partition("[")[0] for line in collected(result)}

    demo.ini("pixipack_checks = lock,build")
    assert kinds() == {"lock", "build"}
    monkeypatch.setenv("PIXIPACK_CHECKS", "pack")
    assert kinds() == {"pack"}
    assert kinds("--pixipack-checks=unpack") == {"unpack"}


def test_the_flag_in_ini_and_environment(demo, pytester, monkeypatch):
    monkeypatch.setenv("PIXIPACK_CHECKS", "lock")
    monkeypatch.setenv("PIXIPACK_COLLECT", "1")
    pytester.runpytest().assert_outcomes(passed=2)
    monkeypatch.delenv("PIXIPACK_COLLECT")
    demo.ini("pixipack_collect = true")
    pytester.runpytest().assert_outcomes(passed=2)
    assert pytester.runpytest("--no-pixi-pack").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_flag_in_ini_does_not_get_in_the_way_of_a_single_test(demo, pytester):
    pytester.makeini(f"{INI.rstrip()} --pixi-pack\n")
    path = pytester.makepyfile("def test_own(): pass")
    result = pytester.runpytest(path)
    result.assert_outcomes(passed=1)
    assert result.ret == 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--pixipack-engine=docker", "*no engine `docker`*auto, embedded, system*"),
        ("--pixipack-checks=lock,prefix", "*no check `prefix`*"),
        ("--pixipack-platform=linux-65", "*no workspace has platform `linux-65`*"),
        ("--pixipack-environment=defualt", "*`defualt`*Did you mean `default`?*"),
        ("--pixipack-report=out.pdf", "*no report in the format `.pdf`*"),
        ("--pixipack-vary=timezon", "*no variation `timezon`*Did you mean `timezone`?*"),
        ("--pixipack-against=none.json", "*no record*none.json*"),
    ],
)
def test_wrong_options_are_usage_errors(demo, pytester, option, message):
    result = pytester.runpytest("--pixi-pack", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_report_file(demo, pytester):
    pytester.runpytest("--pixi-pack", "--pixipack-report", "report.json")
    document = json.loads((demo.root / "report.json").read_text(encoding="utf-8"))
    assert document["outcome"] == "passed"
    assert len(document["checks"]) == 7
    assert {check["outcome"] for check in document["checks"]} == {"ok"}


@pytest.mark.slow
@pytest.mark.parametrize(("option", "kept"), [((), False), (("--pixipack-keep",), True)])
def test_copies_are_kept_on_demand(demo, pytester, tmp_path, option, kept):
    base = tmp_path / "base"
    pytester.runpytest("--pixi-pack", "--basetemp", str(base), *option)
    assert any(path.name == "environment.tar" for path in base.rglob("*")) is kept


def test_hooks_change_the_copy(demo, pytester):
    pytester.makeconftest(
        """
        def pytest_pixipack_prepare_workspace(config, root):
            assert root != config.rootpath
            (root / "lib" / "pixi.toml").unlink()
        """
    )
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    result.assert_outcomes(passed=2, failed=1, skipped=2)


# Failures --------------------------------------------------------------------------------------


def test_a_finding_reads_as_a_finding(demo, pytester):
    demo.replace("lib/pixi.toml", ">=1", ">=1.2")
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    result.assert_outcomes(failed=1, skipped=4)
    result.stdout.fnmatch_lines([
        f"*_ lock?default-{HERE}? _*",
        f"  lock-source-metadata   lib 0.2.0 on {HERE}",
        "    manifest   zlib >=1.2",
        "    lock       zlib >=1",
        f'  again: pytest --pixi-pack "pixi.toml::lock?default-{HERE}?"',
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*items.py*")


def test_dependents_are_skipped_and_not_failed_again(demo, pytester):
    demo.replace("lib/pixi.toml", ">=1", ">=1.2")
    pytester.runpytest("--pixi-pack", "--pixipack-report=report.json")
    found = outcomes(demo.root / "report.json")
    assert found.pop(f"lock[default-{HERE}]") == "failed"
    assert {found[name] for name in found if ELSEWHERE in name} == {"ok"}
    assert {found[name] for name in found if ELSEWHERE not in name} == {"skipped"}


def test_a_failed_prerequisite_outside_the_run_fails_what_needs_it(demo, pytester):
    demo.replace("lib/pixi.toml", ">=1", ">=1.2")
    result = pytester.runpytest("--pixi-pack", IDS[2])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"needs lock?default-{HERE}?, which failed:"])


@pytest.mark.slow
def test_last_failed_and_stepwise_find_items_again(demo, pytester):
    demo.replace("lib/pixi.toml", ">=1", ">=1.2")
    pytester.runpytest("--pixi-pack").assert_outcomes(failed=1, passed=2, skipped=4)
    pytester.runpytest("--pixi-pack", "--lf").assert_outcomes(failed=1)
    pytester.runpytest("--pixi-pack", "--sw").assert_outcomes(failed=1)
    demo.replace("lib/pixi.toml", ">=1.2", ">=1")
    pytester.runpytest("--pixi-pack", "--lf").assert_outcomes(passed=1)


def test_a_failed_build_keeps_its_workspace(demo, pytester):
    demo.replace("lib/pixi.toml", "[package]", "[package]\nbuild.config.stub.fail = 'build'")
    demo.replace("pixi.toml", '"stub"', '"no-such-file"')
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    kept = [line.split("kept: ")[1] for line in result.outlines if "kept: " in line]
    assert kept
    assert all(Path(path).is_dir() for path in kept)


def test_a_manifest_that_cannot_be_read_fails(demo, pytester):
    demo.write("pixi.toml", "[workspace\n")
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  This is not valid TOML*", "    file       pixi.toml:*"])


def test_a_missing_lock_fails(demo, pytester):
    (demo.root / "pixi.lock").unlink()
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(["  The workspace has no pixi.lock."])


def test_what_needs_the_network_is_skipped_with_its_reason(demo, pytester, engine):
    demo.replace("pixi.toml", 'channels = { conda-forge = "channel.toml" }\n', "")
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    if engine == "system":  # pixi solves for each build
        result.assert_outcomes(passed=1, skipped=4)
        said = "skipped  build*: The channel conda-forge*"
    else:
        result.assert_outcomes(passed=3, skipped=2)
        said = "skipped  pack*: *is not in the cache*"
    result.stdout.fnmatch_lines([said, "*--pixipack-network*"])


def test_a_lock_that_is_out_of_date_fails_and_the_rest_waits(demo, pytester):
    demo.replace("app/pixi.toml", 'zlib = ">=1"', 'zlib = ">=1,<2"')
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    result.assert_outcomes(failed=1, skipped=4)
    result.stdout.fnmatch_lines(["*lock-source-metadata   app*", "*zlib >=1,<2*"])


def test_a_backend_that_fails_is_a_failed_build(demo, pytester):
    text = (demo.root / "app/pixi.toml").read_text(encoding="utf-8")
    fault = 'build.config.stub.fail = { stage = "build", how = "error" }\n'
    demo.write("app/pixi.toml", text + fault)
    result = pytester.runpytest("--pixi-pack", "--pixipack-platform", HERE)
    result.assert_outcomes(failed=1, passed=2, skipped=2)
    result.stdout.fnmatch_lines(["*stub was told to fail in build*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_missing_backend_is_a_skip_unless_the_engine_was_asked_for(demo, pytester, engine):
    demo.replace("pixi.toml", 'backends = { pixi-build-cmake = "stub" }\n', "")
    builds = ("--pixi-pack", "-k", "build")
    pytester.runpytest(*builds, "--pixipack-engine=auto").assert_outcomes(skipped=2, deselected=5)
    pytester.runpytest(*builds, f"--pixipack-engine={engine}").assert_outcomes(
        **{"embedded": {"failed": 2}, "system": {"skipped": 2}}[engine], deselected=5
    )


def test_an_infrastructure_failure_is_an_error(demo, pytester):
    channel = demo.root / "app"
    channel.chmod(0)
    try:
        with obeyed():
            result = pytester.runpytest("--pixi-pack", "-k", "build")
    finally:
        channel.chmod(0o755)
    assert result.parseoutcomes()["errors"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("change", ['version = "1.4"', 'version = "1.3"\nlicense = "Zlib"'])
def test_a_lock_that_was_not_made_from_the_stubs_is_made_anew_in_the_copy(demo, pytester, change):
    demo.replace("channel.toml", 'version = "1.3"', change)
    before = (demo.root / "pixi.lock").read_bytes()
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["lock     built and packed in a copy that was locked anew*"])
    assert (demo.root / "pixi.lock").read_bytes() == before


# Wrong greens ----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), (".",), ("test_own.py",)])
def test_no_workspace_is_a_usage_error(pytester, arguments):
    pytester.makepyfile(test_own="def test_own(): pass")
    result = pytester.runpytest("--pixi-pack", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: pixi-pack: no workspace *"])


def test_no_workspace_is_a_usage_error_with_testpaths(pytester):
    pytester.makeini("[pytest]\ntestpaths = tests\n")
    pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass")
    assert pytester.runpytest("--pixi-pack").ret == pytest.ExitCode.USAGE_ERROR


def test_a_package_alone_is_no_workspace(demo, pytester):
    assert pytester.runpytest("--pixi-pack", "app").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=pytest.mark.slow)])
def test_everything_skipped_is_no_success(demo, pytester, workers):
    demo.replace("pixi.toml", 'backends = { pixi-build-cmake = "stub" }\n', "")
    pytester.makepyfile("def test_own(): pass")
    run = pytester.runpytest_subprocess if workers else pytester.runpytest
    result = run("--pixi-pack", "--pixipack-checks=build", "--pixipack-engine=auto", *workers)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["nothing was checked, so this run is no success"])


def test_checks_that_this_machine_cannot_do_are_no_success(demo, pytester):
    pytester.makepyfile("def test_own(): pass")
    result = pytester.runpytest(
        "--pixi-pack", "--pixipack-checks=unpack", f"--pixipack-platform={ELSEWHERE}"
    )
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
