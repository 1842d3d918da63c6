"""How a dependency reads as a matchspec."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rattler import MatchSpec, VersionSpec

from pytest_pixipack.manifest.versions import NotAVersion, check_version_spec

from .helpers import BUILDING, load, requirements


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"*"', "a *"),
        ('">=1, <2"', "a >=1,<2"),
        ('"1.0"', "a ==1.0"),
        ('"=1.0"', "a 1.0.*"),
        ('{ version = ">=1.0", build = "h0*" }', "a >=1.0 h0*"),
        ('{ build = "h0*" }', "a * h0*"),
        ('{ version = "*", channel = "conda-forge" }', "conda-forge::a *"),
        ('{ path = "a" }', "a"),
        ('{ path = "a", version = ">=1" }', "a >=1"),
        ('{ git = "https://example.org/a", branch = "main" }', "a"),
        ('{ version = "*", extras = ["x", "y"] }', "a *[extras=[x, y]]"),
        ('{ version = "*", build-number = ">3" }', 'a *[build_number=">3"]'),
        ('{ version = "*", when = "python >=3" }', 'a *[when="python>=3"]'),
        (
            '{ version = "*", when = { any = ["__unix", { package = "b", version = "3.*" }] } }',
            r'a *[when="(__unix or b[version=\"3.*\"])"]',
        ),
    ],
)
def test_as_pixi_writes_it(tmp_path: Path, written: str, expected: str) -> None:
    manifest = load(tmp_path, BUILDING, f"[dependencies]\na = {written}")
    assert requirements(manifest, "default", "linux-64") == [expected]
    assert MatchSpec(expected).name.normalized == "a"


def test_an_ambiguous_version_is_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, BUILDING, '[dependencies]\na = "1.0"').warnings
    assert warning.remedy == 'Write "==1.0" or "1.0.*".'


numbers = st.lists(st.integers(0, 30).map(str), min_size=1, max_size=3).map(".".join)
parts = st.one_of(
    st.just("*"),
    numbers.map(lambda version: f"{version}.*"),
    st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!=", "~=", "="]), numbers).map("".join),
)
specs = st.lists(parts, min_size=1, max_size=3).flatmap(
    lambda items: st.sampled_from([",", ", ", "|"]).map(lambda joint: joint.join(items))
)


@given(specs)
def test_constraints_mean_what_rattler_reads(text: str) -> None:
    """The short way through a regular expression gives what the library gives."""
    try:
        expected = str(VersionSpec(text, strict=True))
    except Exception:
        with pytest.raises(NotAVersion):
            check_version_spec(text)
    else:
        assert check_version_spec(text)[0] == expected


@given(st.text(max_size=12))
def test_any_text_is_a_constraint_or_refused(text: str) -> None:
    try:
        spec, _ = check_version_spec(text)
    except NotAVersion:
        return
    assert check_version_spec(spec)[0] == spec
