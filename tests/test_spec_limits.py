"""Texts that would end the process, or take minutes, in the parsers of rattler and `packaging`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pytest_pixipack import InvalidInput, load_manifest
from pytest_pixipack.backend.matchspec import parse_match_spec
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.matchers.constraints import spec_name as name_of_matcher
from pytest_pixipack.verify.lock_pypi_wanted import NotARequirement, parse
from pytest_pixipack.verify.specs import parse_spec, satisfies, spec_name

DEEP = "(" * 20_000 + ">1" + ")" * 20_000
LONG = "|".join([">=1"] * 300_000)
WORKSPACE = '[workspace]\nchannels = []\nplatforms = ["linux-64"]\n'


@pytest.mark.parametrize("constraint", [DEEP, LONG], ids=["deep", "long"])
def test_a_match_spec_that_nobody_can_read_is_met_by_nothing(constraint: str) -> None:
    start = time.process_time()
    text = f"a {constraint}"
    assert parse_spec(text) is None
    assert spec_name(text) == "a"
    assert not satisfies(PackageFacts(name="a", version="2", build="0"), text)
    assert name_of_matcher(text) is None
    assert parse_match_spec(text) is None
    assert time.process_time() - start < 2


def test_real_match_specs_are_read() -> None:
    assert satisfies(PackageFacts(name="a", version="2", build="0"), "a ((>1)|(<0.5)),!=3")
    assert parse_spec("a " + "|".join(f"==1.{n}" for n in range(1000))) is not None


def test_a_pypi_requirement_that_nobody_can_read() -> None:
    marker = "(" * 20_000 + "os_name == 'a'" + ")" * 20_000
    with pytest.raises(NotARequirement, match="too many parentheses"):
        parse(f"a ; {marker}")


@pytest.mark.parametrize(
    "table",
    [
        f'[dependencies]\na = "{DEEP}"\n',
        f'[dependencies]\na = "{LONG}"\n',
        f'[dependencies]\na = {{ version = "*", when = "b {DEEP}" }}\n',
        "[pypi-dependencies]\na = { version = '*', env-markers = \""
        + "(" * 3000 + "os_name == 'a'" + ")" * 3000 + '" }\n',
    ],
    ids=["deep", "long", "when", "marker"],
)  # fmt: skip
def test_a_manifest_says_so(table: str, tmp_path: Path) -> None:
    (tmp_path / "pixi.toml").write_text(WORKSPACE + table, encoding="utf-8")
    with pytest.raises(InvalidInput, match="too long, or has too many parentheses"):
        load_manifest(tmp_path)


def test_the_requirements_of_a_project_too(tmp_path: Path) -> None:
    marker = "(" * 3000 + "os_name == 'a'" + ")" * 3000
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "p"\nversion = "1"\ndependencies = ["a ; {marker}"]\n'
        + WORKSPACE.replace("[workspace]", "[tool.pixi.workspace]"),
        encoding="utf-8",
    )
    with pytest.raises(InvalidInput, match="too long, or has too many parentheses"):
        load_manifest(tmp_path)
