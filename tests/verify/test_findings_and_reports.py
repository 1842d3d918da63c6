"""Findings read well, sort the same way each time, and become the documented JSON."""

from __future__ import annotations

import json
import random

import pytest

from pytest_pixipack.verify import Finding, FindingsError, Report, render

DEPENDS = Finding(
    rule="artifact-depends",
    severity="error",
    layers=("lock", "artifact"),
    message="The dependencies of main-pkg are not those of the lock.",
    environment="default",
    platform="linux-64",
    package="main-pkg",
    version="0.1.0",
    field="depends",
    expected=["libfoo >=1.2,<2"],
    actual=["libfoo >=1.3,<2"],
    file="lib/pixi.toml",
    line=14,
    cause="dependency-change",
    evidence="host package libfoo moved its run export",
    remedy="pixi lock, or pin libfoo",
)
WARNING = Finding(
    rule="lock-canonical", severity="warning", layers=("lock",), message="Other bytes.", file="l"
)


def test_a_finding_reads_as_a_finding() -> None:
    assert render([DEPENDS], width=90) == [
        "  artifact-depends   main-pkg 0.1.0 on linux-64",
        "    lock       libfoo >=1.2,<2",
        "    artifact   libfoo >=1.3,<2",
        "    cause      dependency-change: host package libfoo moved its run export",
        "    remedy     pixi lock, or pin libfoo   lib/pixi.toml:14",
    ]


def test_lines_are_not_wider_than_asked() -> None:
    assert max(len(line) for line in render([DEPENDS], width=50)) <= 50


def test_places_of_one_finding_are_put_together() -> None:
    from dataclasses import replace

    both = [DEPENDS, replace(DEPENDS, platform="osx-64", environment="test")]
    assert (
        render(both)[0]
        == "  artifact-depends   main-pkg 0.1.0 on linux-64, osx-64 in default, test"
    )


def test_entries_of_other_platforms_do_not_repeat_a_finding() -> None:
    from dataclasses import replace

    both = [DEPENDS, replace(DEPENDS, platform="osx-64", line=99)]

    assert sum("artifact-depends" in line for line in render(both)) == 1
    assert any("lib/pixi.toml:14" in line for line in render(both))


def test_many_packages_at_the_same_places_are_listed_in_one_finding() -> None:
    findings = [
        Finding(
            rule="lock-unused",
            severity="error",
            layers=("manifest", "lock"),
            message="",
            platform=platform,
            package=name,
            actual=f"{name}-1-0",
            file="pixi.lock",
            line=line,
            remedy=f"Run `pixi lock`, or add {name} to the dependencies again",
        )
        for line, name in enumerate("abc")
        for platform in ("linux-64", "win-64")
    ]
    assert render(findings) == [
        "  lock-unused   3 packages on linux-64, win-64",
        "             locked, but nothing needs them: a, b, c",
        "    remedy   Run `pixi lock`   pixi.lock",
    ]
    assert len(render(findings[:4])) > 4


def test_a_warning_says_so_and_shows_its_sentence() -> None:
    lines = render([WARNING])
    assert lines[0] == "  lock-canonical (warning)"
    assert "Other bytes." in lines[1]


def test_the_order_of_findings_is_stable() -> None:
    findings = [DEPENDS, WARNING]
    shuffled = random.Random(1).sample(findings * 3, 6)
    assert Report.of(shuffled) == Report.of(findings)
    assert Report.of(findings).findings == (DEPENDS, WARNING)


def test_raising_shows_the_findings() -> None:
    with pytest.raises(FindingsError, match=r"libfoo >=1\.3,<2") as caught:
        Report.of([DEPENDS]).raise_for_findings()
    assert caught.value.findings == (DEPENDS,)


def test_warnings_fail_only_a_strict_report() -> None:
    report = Report.of([WARNING])
    assert (report.outcome, report.with_strict().outcome) == ("passed", "failed")
    report.raise_for_findings()
    with pytest.raises(FindingsError):
        report.with_strict().raise_for_findings()


def test_json_is_as_documented() -> None:
    document = json.loads(json.dumps(Report.of([DEPENDS], ["artifact-depends"]).to_json()))
    assert {k: document[k] for k in ("schema", "command", "outcome")} == {
        "schema": 1,
        "command": "verify",
        "outcome": "failed",
    }
    (finding,) = document["findings"]
    assert finding["expected"] == ["libfoo >=1.2,<2"]
    assert list(finding) == [
        "rule", "severity", "layers", "environment", "platform", "package", "field", "expected",
        "actual", "file", "line", "cause", "evidence", "message", "remedy",
    ]  # fmt: skip


def test_a_cause_is_one_of_the_closed_list() -> None:
    with pytest.raises(ValueError, match="not in the list of causes"):
        Finding(rule="a-b", severity="error", layers=(), message="", cause="magic")


def test_reports_are_merged_without_repetition() -> None:
    merged = Report.merged([Report.of([DEPENDS], ["a-b"]), Report.of([DEPENDS, WARNING], ["a-c"])])
    assert merged.findings == (DEPENDS, WARNING)
    assert merged.checked == ("a-b", "a-c")


def test_a_terminal_gets_no_orders_and_no_novels() -> None:
    from dataclasses import replace

    found = render([replace(DEPENDS, package="\x1b[31mred", actual="x" * 5000, expected="a\x07b")])
    text = "\n".join(found)
    assert "\\x1b[31mred" in text
    assert "a\\x07b" in text
    assert "(3000 more characters)" in text
    assert text.replace("\n", "").isprintable()


def test_a_package_is_named_once() -> None:
    from dataclasses import replace

    found = render([replace(WARNING, package="a.conda", message="a.conda: `size` is no number.")])
    assert "\n".join(found).count("a.conda") == 1


def test_the_kind_of_a_run_export_is_shown() -> None:
    from dataclasses import replace

    found = render([replace(DEPENDS, field="run_exports.weak", actual=[])])
    assert found[1:3] == [
        "    lock       run_exports.weak libfoo >=1.2,<2",
        "    artifact   run_exports.weak nothing",
    ]
