"""The documentation is true: its tests pass, its commands run, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", text, flags=re.M | re.S)


def pages_with(language: str, having: str = "") -> list[Path]:
    return [page for page in PAGES if any(having in block for block in blocks(page, language))]


def write_titled_files(page: Path, directory: Path) -> None:
    """Files that a page shows with their names."""
    titled = re.compile(r'^```toml title="([^"\n]+)"\n(.*?)^```', flags=re.M | re.S)
    for name, content in titled.findall(page.read_text(encoding="utf-8")):
        (directory / name).write_text(content, encoding="utf-8")


def named(pages: list[Path], quick: tuple[str, ...] | None = None) -> list[object]:
    """The pages; with `quick`, those that are not named there start processes that take long."""
    slow = [page for page in pages if quick is not None and page.name not in quick]
    return [
        pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page in slow else [])
        for page in pages
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A root directory with what the pages' tests refer to."""
    root = tmp_path / "r"
    (root / "docs").mkdir(parents=True)
    shutil.copytree(ROOT / "docs" / "examples", root / "docs" / "examples")
    shutil.copytree(ROOT / "fixture_channels", root / "fixture_channels")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("page", named(pages_with("python", "def test_"), ("README.md",)))
def test_the_tests_on_a_page_pass(page: Path, repository: Path) -> None:
    code = [block for block in blocks(page, "python") if "def test_" in block]
    for number, block in enumerate(code):
        (repository / f"test_block_{number}.py").write_text(block, encoding="utf-8")
    # A snapshot is written by the first run, which fails, and compared by the second.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command += ["-p", "no:hypothesispytest"]
    if any("_regression" in block for block in code):
        subprocess.run([*command, "--force-regen"], cwd=repository, capture_output=True)
    done = subprocess.run(command, cwd=repository, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", named(pages_with("python"), ("matchers.md",)))
def test_the_other_python_on_a_page_runs(page: Path, repository: Path) -> None:
    write_titled_files(page, repository)
    code = [block for block in blocks(page, "python") if "def test_" not in block]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=repository,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", named(pages_with("console", "$ pixipack"), ("expectations.md",)))
def test_the_commands_on_a_page_run(page: Path, repository: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "w" / "w"
    shutil.copytree(ROOT / "docs" / "examples" / "local-build", workspace)
    write_titled_files(page, workspace)
    environment = {**os.environ, "PIXIPACK_CACHE_DIR": str(tmp_path / "cache")}
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ pixipack"):
                words = line.partition("#")[0].split()[2:]
                done = subprocess.run(
                    [sys.executable, "-m", "pytest_pixipack", *words],
                    cwd=workspace,
                    env=environment,
                    capture_output=True,
                    encoding="utf-8",
                )
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", named(pages_with("toml")))
def test_toml_on_a_page_is_toml(page: Path) -> None:
    for block in blocks(page, "toml"):
        assert tomli.loads(block)


@pytest.mark.parametrize("page", named(pages_with("json")))
def test_json_on_a_page_has_the_fields_of_the_real_document(page: Path) -> None:
    from pytest_pixipack import Finding

    for block in blocks(page, "json"):
        shown = json.loads(block)["findings"][0]
        real = Finding(rule="x-y", severity="error", layers=("lock",), message="m").to_json()
        assert set(shown) == set(real)


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_readme_shows_its_two_commands_first() -> None:
    commands = blocks(ROOT / "README.md", "sh")[:2]
    assert [command.count("\n") for command in commands] == [1, 1]
    assert "--pixi-pack docs/examples/local-build" in commands[0]
