"""The rule lock-canonical: what pixi would write otherwise, and the first place where it does."""

from __future__ import annotations

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import parse_lock, read_lock, write_lock
from pytest_pixipack.verify import verify

CASE = "cases/run-exports/expected"


@pytest.fixture
def findings_of():
    """What the rule says of a text."""

    def check(text: str):
        report = verify(lock=parse_lock(text, "pixi.lock"), platform="linux-64")
        return [finding for finding in report.findings if finding.rule == "lock-canonical"]

    return check


def test_what_pixi_wrote_is_canonical(recorded, findings_of):
    assert findings_of(recorded(CASE)) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("version: 7\n", "# by hand\nversion: 7\n", 1),
        ("version: 7\n", "version: 7 # by hand\n", 1),
        ("version: 7\n", "---\nversion: 7\n", 1),
        ("version: 7\nplatforms:\n", "mood: good\nversion: 7\nplatforms:\n", 1),
        ("  virtual-packages:\n", "  virtual-packages:  \n", 4),
        ("- name: linux-64\n", "- name: 'linux-64'\n", 3),
        ("\npackages:\n", "\nmood: good\npackages:\n", None),
        ("  size: ", "  colour: blue\n  size: ", None),
        ("  size: ", "  variants: {a: b}\n  size: ", None),
        ("  size: ", "  license: !!str MIT\n  size: ", None),
        ("  depends:\n  - ", "  depends: [] \n  constrains:\n  - ", None),
        ("\npackages:\n", "\npackages:\n- conda: https://e.org/noarch/unused-1-0.conda\n", None),
    ],
)  # fmt: skip
def test_the_first_line_that_differs_is_said(old, new, line, recorded, findings_of):
    text = recorded(CASE)
    assert old in text
    broken = text.replace(old, new, 1)
    (finding,) = findings_of(broken)
    assert (finding.severity, finding.file) == ("warning", "pixi.lock")
    said = broken.splitlines()[finding.line - 1]
    assert finding.actual.strip("'\"") in said or finding.actual == repr(said)
    assert finding.expected != finding.actual
    if line is not None:
        assert finding.line == line


def test_an_unquoted_digest(recorded, findings_of):
    text = recorded("lock-check/lock-wrong-sha256/workspace")
    (finding,) = findings_of(text)
    zeros = "0" * 64
    assert (finding.expected, finding.actual) == (f"sha256: '{zeros}'", f"sha256: {zeros}")
    assert text.splitlines()[finding.line - 1] == f"  sha256: {zeros}"


def test_other_line_ends_are_said_in_words(recorded, findings_of):
    (finding,) = findings_of(recorded(CASE).replace("\n", "\r\n"))
    assert finding.cause == "line-endings"
    assert "CR LF" in finding.message
    assert (finding.line, finding.expected) == (1, None)


def test_a_byte_order_mark_is_what_pixi_cannot_read(recorded):
    with pytest.raises(InvalidInput, match="byte order mark, which pixi cannot read") as caught:
        parse_lock("\ufeff" + recorded(CASE))
    assert caught.value.line == 1


def test_a_missing_line_end_and_lines_too_many(recorded, findings_of):
    text = recorded(CASE)
    (finding,) = findings_of(text.rstrip("\n"))
    assert (finding.expected, finding.actual) == ("a line end", "the end of the file")
    assert finding.line == text.count("\n")
    (finding,) = findings_of(text + "\n")
    assert (finding.expected, finding.actual) == ("the end of the file", "an empty line")
    assert finding.line == text.count("\n") + 1


def test_an_older_version_is_said_as_such(recorded, findings_of):
    (finding,) = findings_of(recorded("cases/lock-v6/workspace"))
    assert (finding.expected, finding.actual, finding.line) == (7, 6, 1)


def test_the_canonical_text_is_not_reported(recorded, findings_of):
    text = recorded(CASE).replace("version: 7\n", "# by hand\nversion: 7\n")
    assert findings_of(parse_lock(text).to_text()) == []


def test_what_was_asked_for_by_url_has_no_channel(findings_of):
    """pixi 0.77 writes it, and drops it when it reads the lock and writes it again."""
    url = "http://127.0.0.1:8765/main/win-64/libz-1.0.1-h1_0.conda"
    text = f"""\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: http://127.0.0.1:8765/main/
    packages:
      linux-64:
      - conda: {url}
packages:
- conda: {url}
  channel: null
  timestamp: 1700000000000
"""
    lock = parse_lock(text)
    assert lock["linux-64"]["libz"].channel == "http://127.0.0.1:8765/main"
    assert lock.to_text() == text
    assert findings_of(text) == []
    assert findings_of("# by hand\n" + text) != []


@pytest.mark.parametrize(("old", "new"), [("version: 7\n", "# x\nversion: 7\n"), ("\n", "\r\n")])
def test_the_remedy_mends(old, new, recorded, findings_of, tmp_path):
    (finding,) = findings_of(recorded(CASE).replace(old, new))
    # pixi leaves a lock that is up to date as it is, so that locking again would not help.
    assert "Run `pixi lock`" not in (finding.remedy or "")
    assert ("gitattributes" in (finding.remedy or "")) == (new == "\r\n")
    path = tmp_path / "pixi.lock"
    path.write_bytes(recorded(CASE).replace(old, new).encode())
    write_lock(read_lock(path), path)
    assert findings_of(path.read_bytes().decode()) == []
