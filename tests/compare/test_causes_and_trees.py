"""Causes have words; trees fit a terminal, whatever is compared."""

from __future__ import annotations

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


PARTS = st.text("ab/.-|`é ", min_size=1, max_size=30)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=200), st.lists(st.text(max_size=9)),
    st.sampled_from(["0" * 64, "f" * 64]),
)  # fmt: skip
DIFFERENCES = st.builds(
    Difference,
    st.lists(PARTS, min_size=1, max_size=4).map(tuple),
    st.text("abc", min_size=1),
    st.sampled_from(VERDICTS[1:]),
    VALUES,
    VALUES,
    st.sampled_from([*sorted(CAUSES), None]),
)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(st.lists(DIFFERENCES, max_size=12), st.integers(40, 120))
def test_anything_can_be_shown(differences, width):
    found = Comparison.of(differences)
    lines = [*verdict_lines(found, 3, width), *tree_lines(found, width), *cause_lines(found, width)]
    assert all("\n" not in line for line in lines)
    assert bool(tree_lines(found, width)) == bool(differences)
    assert comparison_markdown(found, "a|b").startswith("### `a\\|b`: ")


def test_the_documentation_has_all_causes():
    page = Path(__file__).parents[2] / "docs" / "compare.md"
    assert causes_markdown() in page.read_text(encoding="utf-8")
