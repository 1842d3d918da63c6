"""`--pixipack-vary`, `--pixipack-record` and the fixture, as a user runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.plugin.again import again_notes
from pytest_pixipack.plugin.options import CHECKS, REPRODUCE, Settings
from pytest_pixipack.plugin.table import table_lines

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"
RUN = ("--pixi-pack", "w", "--pixipack-platform=linux-64")
INI = "[pytest]\naddopts = -p no:randomly -p no:hypothesispytest -p no:cacheprovider\n"
WORKSPACE = {"name": "demo", "file": "pixi.toml"}
PLACE = ["default", "linux-64", "linux-64"]


def result(outcome: str) -> dict[str, object]:
    return {"kind": REPRODUCE, "places": [PLACE], "outcome": outcome, "workspace": WORKSPACE}


@pytest.mark.parametrize(("outcome", "cell"), [("ok", "="), ("failed", "FAILED")])
def test_the_column_says_whether_the_same_came_out_again(outcome, cell):
    head, row = table_lines([result(outcome)])
    assert head.split()[-1] == "again"
    assert row.split()[-1] == cell


def test_rebuilding_has_to_be_asked_for():
    assert REPRODUCE not in CHECKS
    assert REPRODUCE not in Settings().checks


def test_the_summary_says_what_was_not_tried():
    told = {
        "builds": 3,
        "variations": [
            {"name": "umask", "applied": True, "reason": None},
            {"name": "cache", "applied": False, "reason": "nothing is kept"},
        ],
    }
    assert again_notes([{"reproduction": told}, {}]) == [
        "again    3 builds with another umask",
        "         not tried: cache, nothing is kept",
    ]
    assert again_notes([{}]) == []


@pytest.fixture
def run(pytester):
    """Runs pytest on a copy of the example, in a process of its own."""
    pytester.makeini(INI)
    shutil.copytree(EXAMPLE, pytester.path / "w")
    return lambda *options: pytester.runpytest_subprocess(*RUN, *options)


def leak(pytester: pytest.Pytester, what: str) -> None:
    with (pytester.path / "w" / "lib" / "pixi.toml").open("a", encoding="utf-8") as manifest:
        manifest.write(f'\n[package.build.config.stub]\nleak = ["{what}"]\n')


@pytest.mark.slow
def test_a_clean_workspace_has_an_equals_sign(run):
    done = run("--pixipack-vary=timezone,umask")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*prefix  again", "*linux-64*=", "again    3 builds with another*"])


@pytest.mark.slow
def test_a_condition_that_makes_a_difference_fails_the_check_alone(run, pytester):
    leak(pytester, "timezone")
    reports = ("--junitxml=x.xml", "--pixipack-report=r.json")
    done = run("--pixipack-vary=timezone,umask", "--pixipack-checks=reproduce", *reports)
    assert done.ret == 1
    done.stdout.fnmatch_lines([
        "*timezone   payload*",
        "*leak-timezone.txt*",
        "*timezone: set TZ=UTC for the build*",
        "*again: pytest --pixi-pack --pixipack-vary=timezone,umask*reproduce[[]default-linux-64]*",
    ])  # fmt: skip
    junit = (pytester.path / "x.xml").read_text(encoding="utf-8")
    assert '<property name="pixipack_variation_timezone" value="payload timezone"' in junit
    document = json.loads((pytester.path / "r.json").read_text(encoding="utf-8"))
    (check,) = document["checks"]
    assert check["reproduction"]["variations"][0]["verdict"] == "payload"


@pytest.mark.slow
def test_the_report_as_html_needs_nothing_else(run, pytester):
    leak(pytester, "timezone")
    run("--pixipack-vary=timezone", "--pixipack-checks=reproduce", "--pixipack-report=r.html")
    text = (pytester.path / "r.html").read_text(encoding="utf-8")
    assert "leak-timezone.txt" in text
    assert "set TZ=UTC for the build" in text
    assert "<script" not in text
    assert "http" not in text


@pytest.mark.slow
def test_a_record_of_a_run_and_the_next_run_against_it(run, pytester):
    assert run("--pixipack-record=r.json").ret == 0
    record = (pytester.path / "r.json").read_text(encoding="utf-8")
    assert [len(each["packages"]) for each in json.loads(record)["workspaces"]] == [3]
    same = run("--pixipack-against=r.json", "--pixipack-record=again.json")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["against  r.json: nothing has changed"])
    assert (pytester.path / "again.json").read_text(encoding="utf-8") == record
    # What was asked for only is compared.
    assert run("--pixipack-against=r.json", "--pixipack-checks=lock").ret == 0


def record_of(pytester: pytest.Pytester, name: str = "r.json") -> dict[str, Any]:
    (workspace,) = json.loads((pytester.path / name).read_bytes())["workspaces"]
    return workspace


def tamper(pytester: pytest.Pytester, **changes: Any) -> None:
    """Changes `lib-pkg` in the record, or its workspace where that has such a key."""
    path = pytester.path / "r.json"
    record = json.loads(path.read_bytes())
    (workspace,) = record["workspaces"]
    (package,) = (each for each in workspace["packages"] if each["name"] == "lib-pkg")
    for key, value in changes.items():
        (package if key in package and key != "name" else workspace)[key] = value
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")


@pytest.mark.slow
def test_what_a_record_does_not_explain_fails_the_run_everywhere(run, pytester):
    assert run("--pixipack-record=r.json", "--pixipack-checks=build").ret == 0
    tamper(pytester, normalised="0" * 64)
    reports = ("--junitxml=x.xml", "--pixipack-report=r2.json")
    done = run("--pixipack-against=r.json", "--pixipack-checks=build", *reports)
    assert done.ret == 1
    told = "1 change since r.json that nothing recorded explains"
    done.stdout.fnmatch_lines([
        "against  ! lib-pkg 0.2.0*", f"against  this run fails: {told}", f"!*pixi-pack: {told}*!",
    ])  # fmt: skip
    report = json.loads((pytester.path / "r2.json").read_bytes())
    assert (report["exit_code"], report["outcome"]) == (1, "failed")
    junit = (pytester.path / "x.xml").read_text(encoding="utf-8")
    assert 'name="pixipack_against" value="payload, 1 unexplained"' in junit
    assert 'name="pixipack_unexplained" value="lib-pkg 0.2.0' in junit
    html = run("--pixipack-against=r.json", "--pixipack-checks=build", "--pixipack-report=r.html")
    assert html.ret == 1
    text = (pytester.path / "r.html").read_text(encoding="utf-8")
    assert "<b>not explained</b>" in text
    assert "exit code 1" in text


@pytest.mark.slow
def test_where_nothing_was_built_nothing_is_the_same(run, pytester):
    assert run("--pixipack-record=r.json").ret == 0
    before = record_of(pytester)
    broken = '\n[package.build.config.stub]\nfail = { stage = "build", how = "error" }\n'
    for path in (pytester.path / "w").rglob("pixi.toml"):
        if "[package]" in (text := path.read_text(encoding="utf-8")):
            path.write_text(text + broken, encoding="utf-8")
    done = run("--pixipack-against=r.json", "--pixipack-record=r.json", "--pixipack-rebuild")
    assert done.ret == 1
    done.stdout.fnmatch_lines([
        "against  not compared, *",
        "against  Nothing was compared, for nothing was built*",
        "record   It is not written, for nothing was built*",
    ])  # fmt: skip
    done.stdout.no_fnmatch_line("*nothing has changed*")
    assert record_of(pytester) == before


@pytest.mark.slow
def test_a_run_of_one_item_says_nothing_of_the_others(run, pytester):
    assert run("--pixipack-record=r.json").ret == 0
    before = record_of(pytester)
    assert before["missing"] == []
    done = run("--pixipack-against=r.json", "-k", "build and lib-pkg")
    assert done.ret == 0
    done.stdout.fnmatch_lines([
        "against  r.json: nothing has changed in what was compared",
        "against  not compared, for it is in one of the two only: *",
    ])  # fmt: skip
    # Neither is it a record of all.
    done = run("--pixipack-record=r.json", "-k", "build and lib-pkg")
    assert done.ret == 4
    done.stdout.fnmatch_lines(["record   It is not written: the record that is there has more*"])
    assert record_of(pytester) == before
    assert run("--pixipack-record=some.json", "-k", "build and lib-pkg").ret == 0
    some = record_of(pytester, "some.json")
    assert [each["name"] for each in some["packages"]] == ["lib-pkg"]
    assert "pack default linux-64" in some["missing"]
    # A part is enough to compare with.
    done = run("--pixipack-against=some.json")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["against  some.json: nothing has changed in what was compared"])


@pytest.mark.slow
def test_a_record_of_another_workspace_compares_nothing(run, pytester):
    assert run("--pixipack-record=r.json", "--pixipack-checks=build").ret == 0
    tamper(pytester, name="other")
    done = run("--pixipack-against=r.json", "--pixipack-checks=build")
    assert done.ret == 4
    done.stdout.fnmatch_lines(["against  This is a record of another workspace: of other, *"])


@pytest.mark.slow
def test_a_record_elsewhere_does_not_move_the_rootdir(pytester, tmp_path):
    """Given with a blank, pytest takes it for a path of tests and looks for settings there."""
    pytester.makeini(INI)
    shutil.copytree(EXAMPLE, pytester.path / "w")
    record = tmp_path / "elsewhere" / "r.json"
    record.parent.mkdir()
    only = ("--pixi-pack", "--pixipack-platform=linux-64", "--pixipack-checks=lock")
    record.write_text("{}", encoding="utf-8")
    done = pytester.runpytest_subprocess(*only, "--pixipack-record", str(record))
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *Write --pixipack-record=FILE."])
    done = pytester.runpytest_subprocess(*only, "--pixipack-tools", str(record.parent))
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *Write --pixipack-tools=DIR."])
    # There is nothing to say against it where it makes no difference.
    for fine in ([f"--pixipack-record={record}"], ["--pixipack-record", "new.json"],
                 ["--rootdir", str(pytester.path), "--pixipack-record", str(record)]):  # fmt: skip
        done = pytester.runpytest_subprocess(*only, *fine)
        done.stdout.fnmatch_lines(["record   It is not written, for nothing was built.*"])
    inside = pytester.path / "w" / "r.json"
    inside.write_text("{}", encoding="utf-8")
    done = pytester.runpytest_subprocess(*only, "--pixipack-record", str(inside))
    done.stdout.fnmatch_lines(["record   It is not written, for nothing was built.*"])


def test_a_broken_record_is_told_before_anything_is_built(run, pytester):
    (pytester.path / "r.json").write_text("{}", encoding="utf-8")
    done = run("--pixipack-against=r.json")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: pixi-pack: This is no record.*"])


@pytest.mark.slow
def test_the_fixture(pytester):
    pytester.makeini(INI)
    pytester.makeconftest(
        """
        from dataclasses import replace
        from pytest_pixipack.reproduce.variations import Variation, differs

        def pytest_pixipack_variations(config):
            yield Variation(
                "user", "another user", lambda setup, _: replace(setup, user="x"), differs("home")
            )
        """
    )
    pytester.makepyfile(
        """
        def make(pixi_workspace, *leaks):
            config = {"stub": {"leak": list(leaks)}}
            ws = pixi_workspace().package("app", files={"share/x": "x"}, config=config)
            ws.lock()
            return ws

        def test_clean(pixi_workspace, pixi_reproduce):
            result = pixi_reproduce(make(pixi_workspace, "path"), vary=["user", "umask"])
            result.raise_for_differences()
            assert [each.name for each in result.variations if each.applied] == ["umask", "user"]

        def test_leaking(pixi_workspace, pixi_reproduce):
            pixi_reproduce(make(pixi_workspace, "umask"), vary=["umask"]).raise_for_differences()

        def test_tolerated(pixi_workspace, pixi_reproduce):
            result = pixi_reproduce(make(pixi_workspace, "umask"), vary=["umask"])
            result.raise_for_differences("metadata")
        """
    )
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["E*AssertionError: metadata*", "E*leak-umask.txt*"])


@pytest.mark.slow
def test_where_nothing_can_be_tried_the_check_is_skipped_and_says_why(run):
    done = run("--pixipack-vary=network", "--pixipack-checks=reproduce")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines([
        "*None of the conditions could be changed*",
        "*(network: the network is off for all builds)*",
        "*nothing was checked*",
    ])  # fmt: skip


@pytest.mark.slow
def test_slips_in_a_test_end_in_a_sentence(pytester):
    pytester.makeini(INI)
    pytester.makepyfile(
        """
        import pytest
        from pytest_pixipack import InvalidInput

        @pytest.fixture
        def ws(pixi_workspace):
            made = pixi_workspace().package("app", files={"share/x": "x"})
            made.lock()
            return made

        def test_one_text_and_its_result(ws, pixi_reproduce):
            result = pixi_reproduce(ws, vary="umask, jobs", pack=False)
            assert [each.name for each in result.variations] == ["umask", "jobs"]
            with pytest.raises(InvalidInput, match="`clock` is not among those"):
                result.variation("clock")
            with pytest.raises(InvalidInput, match="`metadat` is no verdict"):
                result.raise_for_differences("metadat")

        def test_nothing_to_try(ws, pixi_reproduce):
            pixi_reproduce(ws, vary="network")

        @pytest.mark.parametrize("path", ["/etc/passwd", "../elsewhere", "app/../../elsewhere"])
        def test_files_of_others(ws, pixi_reproduce, path):
            with pytest.raises(InvalidInput, match="is no file of the workspace"):
                pixi_reproduce.staleness(ws, edits={path: "x"})
        """
    )
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(passed=4, failed=1)
    done.stdout.fnmatch_lines(["*None of the conditions could be changed*"])
