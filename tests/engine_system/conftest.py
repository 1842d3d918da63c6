"""The real tools, where they are on PATH, and recorded workspaces to run them on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, write_lock
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import Tools, find_tools
from pytest_pixipack.platforms import current_platform

TESTS = Path(__file__).parents[1]
CONFORMANCE = TESTS / "data" / "conformance"
EXAMPLES = TESTS.parent / "docs" / "examples"

linux_64 = pytest.mark.skipif(
    current_platform() != "linux-64", reason="the recorded workspaces are packed for linux-64"
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """The real tools take a second or more for each test."""
    if "tools" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what wants the real tools where one is missing; one line of the summary says so."""
    if "tools" in getattr(item, "fixturenames", ()):
        problem = found_tools().problem()
        if problem is not None:
            pytest.skip(f"without the real tools: {problem}")


@cache
def found_tools() -> Tools:
    return find_tools()


@pytest.fixture(scope="session")
def tools() -> Tools:
    """pixi, pixi-pack and pixi-unpack."""
    return found_tools()


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a recorded case, and returns its workspace, without a lock."""

    def copy(name: str) -> Path:
        target = tmp_path / "c"
        shutil.copytree(
            CONFORMANCE / "cases" / name,
            target,
            symlinks=True,
            ignore=shutil.ignore_patterns("expected"),
        )
        (target / "workspace" / "pixi.lock").unlink(missing_ok=True)
        return target / "workspace"

    return copy


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a documented example, with its lock."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(EXAMPLES / name, tmp_path / "x"))

    return copy


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    """Our stub is the backend of the recorded workspaces."""
    return EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})


@pytest.fixture
def embedded(options: EngineOptions) -> EmbeddedEngine:
    return EmbeddedEngine(options)


@pytest.fixture
def system(options: EngineOptions, tools: Tools) -> SystemEngine:
    return SystemEngine(options, tools)


@pytest.fixture
def locked(case: Callable[[str], Path], embedded: EmbeddedEngine) -> Callable[[str], Path]:
    """Copies a recorded case and locks it."""

    def make(name: str) -> Path:
        workspace = case(name)
        write_lock(embedded.lock(workspace), workspace / "pixi.lock")
        return workspace

    return make
