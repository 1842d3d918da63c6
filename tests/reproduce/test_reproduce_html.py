"""What the HTML report of an experiment shows."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.changes import Change, RecordComparison
from pytest_pixipack.reproduce.differences import FAILED
from pytest_pixipack.reproduce.html import html_report
from pytest_pixipack.reproduce.model import Attributed, Reproduction, VariationResult


def attributed(*variations: str, where: tuple[str, ...] = ("app", "x"), **more: str) -> Attributed:
    difference = Difference(where, "line 1", "payload", "a", "b", "content", **more)
    return Attributed(difference, variations, "content", "content")


def report(
    tmp_path: Path, *differences: Attributed, against: RecordComparison | None = None
) -> str:
    (tmp_path / "pixi.toml").write_text(
        '[workspace]\nname = "demo"\nchannels = []\nplatforms = []\n'
    )
    variations = (
        VariationResult("timezone", True, None, "payload", ("content",), ("umask",)),
        VariationResult("umask", True, None, "payload", ("content",), ("timezone",)),
        VariationResult("home", True, None, "identical"),
        VariationResult("cache", False, "nothing is kept"),
    )
    result = Reproduction(tmp_path, "default", "linux-64", (), variations, differences)
    return html_report([result], against)


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with this head, as plain text."""
    (table,) = (each for each in re.findall(r"<table>.*?</table>", text, re.DOTALL)
                if f"<th>{head}</th>" in each)  # fmt: skip
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [[plain(cell) for cell in re.split(r"</t[dh]>", line)[:-1]] for line in lines]


def plain(cell: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", cell)).split())


def test_what_differs_together_is_one_row(tmp_path):
    text = report(tmp_path, attributed("timezone", "umask"))
    assert rows(text, "variation") == [
        ["variation", "verdict", "causes", "note"],
        ["timezone + umask (only together)", "payload", "content", ""],
        ["home", "identical", "", ""],
        ["cache", "not tried", "", "nothing is kept"],
    ]


def test_why_a_build_fails_is_shown_to_its_end(tmp_path):
    said = "The build backend (b) exited: " + "a line of a traceback | " * 100 + "THE REASON."
    failed = Attributed(
        Difference(FAILED, "result", "payload", "a package", said, "unknown"),
        ("umask",), None, "unknown",
    )  # fmt: skip
    text = report(tmp_path, failed)
    assert "The build fails: The build backend (b) exited: a line" in text
    assert "THE REASON.</p>" in text
    assert len(text) < len(report(tmp_path)) + 1500


def test_what_also_differs_alone_has_a_row_of_its_own(tmp_path):
    text = report(tmp_path, attributed("timezone", "umask"), attributed("timezone"))
    assert [row[0] for row in rows(text, "variation")[1:3]] == [
        "timezone + umask (only together)",
        "timezone",
    ]


def test_the_heading_is_what_the_workspace_calls_itself(tmp_path):
    assert "<h2>demo: default on linux-64" in report(tmp_path)


def test_a_build_that_fails_is_a_sentence(tmp_path):
    failing = Difference(FAILED, "result", "payload", "a package", "no such file: <x>", "unknown")
    text = report(tmp_path, Attributed(failing, ("umask",), "unknown", "unknown"))
    assert "<p>The build fails: no such file: &lt;x&gt;</p>" in text
    assert "<th>where</th>" not in text


def test_more_lines_of_the_same_kind_are_counted(tmp_path):
    text = report(tmp_path, attributed("umask", evidence="39 more lines likewise"))
    assert rows(text, "where")[1][-1] == "content 39 more lines likewise"


def test_what_has_changed_since_a_record(tmp_path):
    change = Change(("demo", "app 1.0 (<x>)"), "content", "payload", "a", "b")
    text = report(tmp_path, against=RecordComparison((change,), 1, ("lib 1.0",)))
    assert rows(text, "change")[1] == [
        "not explained",
        "app 1.0 (<x>): content differs, and nothing that is recorded explains it",
    ]
    assert "lib 1.0" in text
    assert "Nothing has changed." in report(tmp_path, against=RecordComparison((), 1))
    assert "Nothing was compared." in report(tmp_path, against=RecordComparison())
