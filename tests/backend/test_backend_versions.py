"""Versions of the pixi-build API, and errors in the form that pixi shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.backend.error_report import ErrorReport
from pytest_pixipack.backend.versions import (
    API_VERSIONS,
    CURRENT,
    first_pixi,
    require_supported,
    spoken_by,
)
from pytest_pixipack.errors import Unsupported


@pytest.mark.parametrize("version", [5, 6, 7])
def test_versions_5_to_7_are_accepted(version: int) -> None:
    assert require_supported(version, "It") == version


@pytest.mark.parametrize("version", [4, 8, "7", None, True])
def test_any_other_version_is_unsupported_and_named(version: object) -> None:
    with pytest.raises(Unsupported, match=rf"The backend has version {version!r} .* are 5 to 7"):
        require_supported(version, "The backend")


@pytest.mark.parametrize(
    ("pixi", "version"),
    [("0.77.0", 7), ("0.76.2", 6), ("0.75", 5), ("0.71.0", 5), ("0.63.1", 4), ("0.40", 2),
     ("1.2.3", CURRENT)],
)  # fmt: skip
def test_the_table_says_which_pixi_speaks_which_version(pixi: str, version: int) -> None:
    assert spoken_by(pixi) == version


def test_the_table_has_every_version_once_in_order() -> None:
    assert [version.number for version in API_VERSIONS] == list(range(1, CURRENT + 1))
    assert first_pixi(7) == "0.77"
    with pytest.raises(Unsupported, match="version 8"):
        first_pixi(8)


# --- errors -----------------------------------------------------------------------------------
FULL = {
    "message": "cannot render the recipe",
    "code": "recipe::render",
    "severity": "warning",
    "causes": ["line 3 is odd.", "a tab"],
    "help": "Use spaces.",
    "url": "https://example.org/tabs",
    "filename": "recipe.yaml",
    "labels": [{"label": "here", "span": {"offset": 3, "length": 1}}],
    "related": [{"message": "another", "severity": "error", "causes": [], "labels": [],
                 "related": []}],
    "novel": 1,
}  # fmt: skip


def test_an_error_keeps_all_that_pixi_shows() -> None:
    report = ErrorReport.from_json(FULL)
    assert report.to_json() == FULL
    assert report.sentence == "cannot render the recipe: line 3 is odd: a tab"
    assert report.related[0].message == "another"


@pytest.mark.parametrize("data", [None, [], {"message": 3, "causes": "x", "labels": [1]}])
def test_what_is_missing_or_odd_counts_as_not_given(data: Any) -> None:
    assert ErrorReport.from_json(data) == ErrorReport()


KEYS = st.sampled_from(sorted(FULL))
ODD = st.text() | st.integers() | st.none() | st.lists(st.text())


@pytest.mark.slow
@given(st.dictionaries(KEYS, ODD | st.lists(st.dictionaries(KEYS, ODD))))
def test_no_error_is_ever_refused(data: Any) -> None:
    report = ErrorReport.from_json(data)
    assert ErrorReport.from_json(report.to_json()) == report
