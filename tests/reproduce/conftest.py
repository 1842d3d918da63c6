"""Workspaces whose stub backend lets a part of its surroundings into the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.reproduce import Reproduction, reproduce

Leaking = Callable[..., tuple[Path, EngineOptions]]


@pytest.fixture
def leaking(tmp_path: Path) -> Leaking:
    """`leaking("timezone")` is a locked workspace with one package, and its engine's options."""

    def make(*leaks: str, network: bool = False) -> tuple[Path, EngineOptions]:
        channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": channel.path},
            backends={"pixipack-stub-backend": "stub"},
            network=network,
        )
        workspace = WorkspaceBuilder(
            tmp_path / "w", EmbeddedEngine(options), tmp_path / "out", channels=["conda-forge"]
        ).package(
            "app",
            run={"libz": "*"},
            files={f"share/{name}": name for name in "abcdefg"},
            config={"stub": {"leak": list(leaks)}} if leaks else None,
        )
        workspace.lock()
        return workspace.root, options

    return make


@pytest.fixture
def experiment(leaking: Leaking) -> Callable[..., Reproduction]:
    """`experiment("timezone", vary=[...])` reproduces such a workspace."""

    def run(
        *leaks: str, network: bool = False, vary: Sequence[str] | None = None, **more: Any
    ) -> Reproduction:
        root, options = leaking(*leaks, network=network)
        return reproduce(root, options, vary=vary, **more)

    return run
