"""What docs/zero-code.md shows is what happens."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pytest_pixipack.plugin.options import CHECKS
from pytest_pixipack.toml_positions import load_toml
from tests.acceptance.refusals import assert_refused

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "zero-code.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def repository(pytester: pytest.Pytester) -> Path:
    for folder in ("docs/examples/local-build", "fixture_channels"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    return pytester.path


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.splitlines()[0])
def test_consoles(pytester, repository, block, engine):
    command, *expected = block.strip().splitlines()
    assert command.startswith("$ pytest ")
    result = pytester.runpytest(*shlex.split(command)[2:])
    if engine == "system" and not expected[0].startswith("ERROR"):
        # What is shown is what a run shows that was not asked for this engine.
        assert_refused(result, "source-run-dependencies", "lib-pkg", "base-pkg")
        return
    shown = [line for line in (*result.outlines, *result.errlines) if line]
    rest = iter(re.sub(r"^=+ | =+$", "", line) for line in shown)
    for line in expected:
        pattern = re.compile(re.escape(line).replace("…", ".*"))
        assert any(pattern.fullmatch(each) for each in rest), f"{line!r} is not in\n" + "\n".join(
            shown
        )


@pytest.mark.parametrize("block", blocks("toml"))
def test_tables(repository, block):
    manifest = repository / "docs" / "examples" / "local-build" / "pixi.toml"
    stored, _ = load_toml(manifest)
    (repository / "shown.toml").write_text(block, encoding="utf-8")
    shown, _ = load_toml(repository / "shown.toml")
    assert shown["tool"]["pixipack"].keys() == stored["tool"]["pixipack"].keys()


@pytest.mark.parametrize("block", blocks("python"))
def test_hooks(pytester, repository, block):
    pytester.makeconftest(block)
    result = pytester.runpytest(
        "--pixi-pack", "--pixipack-platform=win-64", "--pixipack-checks=build"
    )
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] == 3


def test_every_option_is_described(pytester):
    text = pytester.runpytest("--help").stdout.str()
    options = set(re.findall(r"--pixi[\w-]+", text))
    assert options
    assert {option for option in options if f"`{option}`" not in PAGE} == set()
    assert set(re.findall(r"PIXIPACK_\w+", PAGE)) == {
        f"PIXIPACK_{name.upper()}" for name in re.findall(r"`pixipack_(\w+)`", PAGE)
    }
    assert f"`{','.join(CHECKS)}`" in PAGE
