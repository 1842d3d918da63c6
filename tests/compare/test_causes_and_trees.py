"""Causes have words; trees fit a terminal, whatever is compared."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.compare import CAUSES, VERDICTS, Comparison, Difference
from pytest_pixipack.compare.causes import CAUSE_TEXTS, causes_markdown
from pytest_pixipack.compare.render import (
    cause_lines,
    comparison_markdown,
    exit_line,
    tree_lines,
    verdict_lines,
)


def test_every_cause_of_the_closed_list_has_evidence_and_remedy():
    assert set(CAUSE_TEXTS) == CAUSES
    for cause in CAUSE_TEXTS.values():
        assert cause.evidence
        assert cause.remedy
        assert not cause.remedy.endswith(".")


def test_what_repodata_repeats_is_not_shown_again():
    inside = Difference(
        ("p.tar", "channel/noarch/a-1-0.conda", "info-a-1-0.tar.zst", "info/index.json"),
        "depends", "payload", ["b"], ["c"], "dependency-change",
    )  # fmt: skip
    repeated = Difference(
        ("p.tar", "channel/noarch/repodata.json", "a-1-0.conda"),
        "depends", "payload", ["b"], ["c"], "dependency-change",
    )  # fmt: skip
    assert "repodata" not in "\n".join(tree_lines(Comparison.of([inside, repeated])))
    assert "repodata" in "\n".join(tree_lines(Comparison.of([repeated])))


def test_less_than_the_verdict_says_so():
    found = Comparison.of([
        Difference(("a",), "mtime", "metadata", 1, 2, "timestamp"),
        Difference(("a",), "mode", "payload", 1, 2, "mode"),
    ])  # fmt: skip
    assert tree_lines(found) == [
        "a",
        "├─ mode    1 -> 2   mode",
        "└─ mtime   1 -> 2   timestamp (metadata)",
    ]


def test_many_differences_are_counted():
    found = Comparison.of(
        Difference(("p", f"file{n:03}"), "content", "payload", "x", "y", "content")
        for n in range(100)
    )
    lines = tree_lines(found)
    assert lines[-1] == "and 40 more differences (--json FILE has all)"
    assert len(cause_lines(found)) == 1


@pytest.mark.parametrize("verdict", ["order-only", "metadata"])
def test_what_would_make_it_0(verdict):
    found = Comparison.of([Difference(("a",), "x", verdict, 1, 2, "unknown")])
    assert exit_line(found, 1) == f"exit 1   (--tolerate {verdict} makes it 0)"


def place(*parts, field="line 1", cause="content", kind="payload", **more):
    sides = {"left": "one", "right": "two", **more}
    return Difference(parts, field, kind, cause=cause, **sides)


def shown(*differences, width=80):
    return tree_lines(Comparison.of(differences), width)


def test_a_root_that_is_too_wide_goes_on_in_the_next_line():
    found = place("app-1.0-py3-none-any.whl", "app/lib/python/site-packages/app/__pycache__/m.pyc")
    assert shown(found) == [
        "app-1.0-py3-none-any.whl/app/lib/python/site-packages/app/__pycache__/m.pyc",
        "└─ line 1   one -> two   content",
    ]
    assert shown(found, width=40) == [
        "app-1.0-py3-none-any.whl/app/lib/python/",
        "  site-packages/app/__pycache__/m.pyc",
        "└─ line 1   one -> two   content",
    ]


def test_what_does_not_fit_behind_a_row_stands_below_it():
    many = place(
        "a", "Makefile", left="src0 = /home/alice/build/f0.c", right="src0 = /home/bob/build/f0.c",
        cause="embedded-path", evidence="49 more lines likewise",
    )  # fmt: skip
    assert shown(many, place("a", "b"), width=60) == [
        "a",
        "├─ Makefile",
        "│  └─ line 1   …ome/alice/… -> …ome/bob/bu…   embedded-path",
        "│       (49 more lines likewise)",
        "└─ b          line 1   one -> two   content",
    ]


def test_a_field_that_leaves_no_room():
    field = "build_configuration.directories.build_prefix_of_the_package"
    found = place(
        "a", field=field, kind="metadata", cause="archive-member-header", left="/srv1/" + "x" * 99,
        right="/tmp/" + "y" * 99,
    )  # fmt: skip
    assert shown(found, place("a", field="z"), width=50) == [
        "a",
        "├─ build_configuration.directories.build_prefix_",
        "│    of_the_package",
        "│    /srv1/xxxxxxxxxxxxx… -> /tmp/yyyyyyyyyyyyyy…",
        "│    archive-member-header (metadata)",
        "└─ z                  one -> two   content",
    ]


def test_names_that_would_turn_the_tree_upside_down():
    names = ["a\nb.txt", "c\x1b[31m.txt", "d\u202etxt.e", "f\udc80"]
    assert shown(*(place("t", name) for name in names)) == [
        "t",
        "├─ a\\nb.txt        line 1   one -> two   content",
        "├─ c\\x1b[31m.txt   line 1   one -> two   content",
        "├─ d\\u202etxt.e    line 1   one -> two   content",
        "└─ f\\udc80         line 1   one -> two   content",
    ]


def test_wide_characters_take_two_columns():
    lines = shown(place("日本", "日本語" * 12), place("日本", "b", left="日本語" * 40), width=60)
    assert lines[1].startswith("├─ b   line 1   日本語日")
    assert max(map(displayed, lines)) == 60


def test_far_down_places_are_listed_with_their_whole_way():
    found = [place(*(f"d{n}" for n in range(depth)), "f") for depth in range(1, 30)]
    lines = shown(*found, width=60)
    assert max(map(displayed, lines)) <= 60
    assert any(line.endswith("├─ d11/d12/f") for line in lines)
    assert sum("one -> two" in line for line in lines) == len(found)


def test_long_lists_take_no_time():
    sides = [[f"path/{side}/{number}" for number in range(100_000)] for side in "lr"]
    start = time.process_time()
    lines = shown(place("a", left=sides[0], right=sides[1]), place("a" + "/b" * 200_000))
    assert time.process_time() - start < 5
    assert max(map(displayed, lines)) <= 80


PARTS = st.one_of(
    st.text("ab/.-|`é 日", min_size=1, max_size=30),
    st.text(min_size=1, max_size=30),
    st.text("\n\t\x1b\u202e\u200b\udc80\u0301\u3000", min_size=1, max_size=9),
    st.builds("{}{}".format, st.text("ab/", max_size=200), st.sampled_from([".conda", ".txt", ""])),
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=200), st.lists(st.text(max_size=9)),
    st.sampled_from(["0" * 64, "f" * 64, "日" * 99]),
)  # fmt: skip
DIFFERENCES = st.builds(
    Difference,
    st.lists(PARTS, max_size=12).map(tuple),
    PARTS,
    st.sampled_from(VERDICTS[1:]),
    VALUES,
    VALUES,
    st.sampled_from([*sorted(CAUSES), None]),
    st.one_of(st.none(), PARTS, st.just("12345 more lines likewise")),
)


def displayed(line: str) -> int:
    """The columns that a line takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(st.lists(DIFFERENCES, max_size=12), st.integers(40, 120))
def test_anything_can_be_shown(differences, width):
    found = Comparison.of(differences)
    tree, code = tree_lines(found, width), bool(differences)
    lines = [*verdict_lines(found, 3, width), *tree, *cause_lines(found, width)]
    lines.append(exit_line(found, code, width))
    for line in lines:
        assert line.isprintable(), line
        assert displayed(line) <= width, line
    assert bool(tree) == bool(differences)
    page = comparison_markdown(found, "a|b")
    assert page.startswith("### `a\\|b`: ")
    assert all(line.isprintable() for line in page.split("\n"))


def test_the_documentation_has_all_causes():
    page = Path(__file__).parents[2] / "docs" / "compare.md"
    assert causes_markdown() in page.read_text(encoding="utf-8")
