"""Both engines, and workspaces that are locked once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, PixipackError, write_lock
from pytest_pixipack.compare import Difference
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import Tools, find_tools

from .known import Item, Known, complaints, read_known
from .workspaces import all_cases


class Engines:
    """Both engines with the same options; `do` has each do the same thing."""

    def __init__(self, options: EngineOptions, tools: Tools) -> None:
        self.embedded = EmbeddedEngine(options)
        self.system = SystemEngine(options, tools)
        self.versions = {tool.name: tool.version for tool in tools.found.values() if tool.version}

    def do(self, action: Callable[[Any], Any]) -> tuple[Any, Any]:
        """What each gives, or its error."""
        return attempt(action, self.embedded), attempt(action, self.system)


def attempt(action: Callable[[Any], Any], engine: Any) -> Any:
    try:
        return action(engine)
    except PixipackError as error:
        return error


def outcomes(results: tuple[Any, Any]) -> list[Difference] | None:
    """The difference where one engine refuses; none where both do; None where both are done."""
    errors = [each if isinstance(each, PixipackError) else None for each in results]
    if errors == [None, None]:
        return None
    kinds = ["done" if each is None else type(each).__name__ for each in errors]
    if kinds[0] == kinds[1]:
        return []
    left, right = (
        kind if e is None else f"{kind}: {e.message}" for kind, e in zip(kinds, errors, strict=True)
    )
    return [Difference(("outcome",), "outcome", "payload", left, right)]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    cache = tmp_path_factory.mktemp("cache")
    options = EngineOptions(cache_dir=cache, backends={"stub-backend": "stub"})
    return Engines(options, find_tools())


@pytest.fixture(scope="session")
def locked(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A workspace with the lock of the embedded engine. The engines write nothing into it."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            workspace = all_cases()[name].copy(tmp_path_factory.mktemp(name) / "c")
            write_lock(engines.embedded.lock(workspace), workspace / "pixi.lock")
            made[name] = workspace
        return made[name]

    return get


@pytest.fixture(scope="session")
def known() -> tuple[Known, ...]:
    return read_known()


@pytest.fixture
def expect_known(
    engines: Engines, known: tuple[Known, ...]
) -> Callable[[Item, Iterable[Difference]], None]:
    """Fails where a difference is not listed, and where a listed one is gone."""

    def check(item: Item, found: Iterable[Difference]) -> None:
        said = complaints(item, found, known, engines.versions)
        if said:
            pytest.fail(f"{item.layer} of {item.id}:\n  " + "\n  ".join(said), pytrace=False)

    return check
