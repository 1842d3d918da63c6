"""Which engine a test or a workspace runs with, and what is said where it is not here."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_pixipack.engine.choice import EngineChoice
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.plugin.items import WorkspaceFile


def engine_of_workspace(file: WorkspaceFile) -> EngineChoice:
    """The engine of a zero-code run of one workspace."""
    from pytest_pixipack.engine.choice import AUTO, EngineChoice, choose_engine
    from pytest_pixipack.engine.options import EngineOptions

    option = file.run.settings.engine
    if option == AUTO and (channel := _local_channel(file.manifest)) is not None:
        return EngineChoice(
            "embedded", False, f"pixi cannot use the channel {channel} from a copy of the workspace"
        )
    packed = {
        (place.environment, place.subdir)
        for check in file.checks
        if check.kind == "pack"
        for place in check.places
    }
    return choose_engine(option, file.path, EngineOptions(cache_dir=Path()), sorted(packed))


def _local_channel(manifest: Manifest) -> str | None:
    """A channel that is a directory: what is locked from it names absolute paths."""
    from pytest_pixipack.engine.channels import canonical_url
    from pytest_pixipack.file_urls import path_of_url

    for environment in manifest.environment_names():
        for name in manifest.channels(environment):
            stands_in = name in manifest.stand_ins.channels
            if not stands_in and path_of_url(canonical_url(name, manifest.root)) is not None:
                return name
    return None


def engine_of_test(name: str, *, by_test: bool) -> str:
    """The engine that a test runs with; `auto` is the embedded one, which is the same everywhere.

    A test that names an engine whose tools are not here is skipped; where it was the option that
    named it, the test fails.
    """
    from pytest_pixipack.engine.choice import AUTO, EMBEDDED, ENGINES, SYSTEM

    if name in (AUTO, EMBEDDED):
        return EMBEDDED
    if name != SYSTEM:
        known = ", ".join(ENGINES)
        pytest.fail(f"There is no engine `{name}`; choose from {known}.", pytrace=False)
    if (problem := system_problem()) is not None:
        text = f"unsupported: the system engine cannot run here: {problem}"
        if by_test:
            pytest.skip(text)
        pytest.fail(text, pytrace=False)
    return SYSTEM


def use_tools(config: pytest.Config, directory: Path) -> None:
    """Puts a directory before all others on this run's `PATH`: for us, tests and children alike."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join(filter(None, [str(directory), before]))
    config.add_cleanup(lambda: os.environ.update(PATH=before))


def system_problem() -> str | None:
    """Why the system engine cannot run on this machine; None where it can."""
    from pytest_pixipack.engine.system.tools import find_tools

    return find_tools().problem()


def tool_names(option: str) -> str:
    """What a run works with, for its header: the tools where they can be used, and py-rattler."""
    from importlib.metadata import PackageNotFoundError, version

    from pytest_pixipack.engine.choice import EMBEDDED
    from pytest_pixipack.engine.system.tools import find_tools

    names = []
    if option != EMBEDDED:
        tools = find_tools()
        names += [str(tool) for tool in tools.found.values() if tool.problem is None]
    with suppress(PackageNotFoundError):
        names.append(f"py-rattler {version('py-rattler')}")
    return ", ".join(names)
