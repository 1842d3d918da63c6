"""Workspaces whose stub backend lets a part of its surroundings into the package."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import indent
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


# A backend that adds what `planted` makes to every package, from what it sees of its surroundings.
PLANTED = """
import os, sys, time
from pathlib import Path
from pytest_pixipack.backend import stub_build

def planted(source):
    files = {{}}
{code}
    return files

made = stub_build.payload
def payload(name, source, *more):
    found = list(made(name, source, *more))
    for path, data in planted(source).items():
        data = data if isinstance(data, bytes) else data.encode()
        found.append(stub_build.Member(f"share/{{path}}", data))
    return found
stub_build.payload = payload
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


@pytest.fixture
def planted(leaking: Leaking, tmp_path: Path) -> Callable[..., Reproduction]:
    """`planted("files['x'] = os.environ['TZ']", vary=[...])` reproduces a package with such a file.

    `wrapper` is the text of a shell script that runs the backend, which is `"$@"` there.
    """

    def run(
        code: str, *, vary: Sequence[str] | str | None = None, wrapper: str = "", **more: Any
    ) -> Reproduction:
        root, options = leaking()
        backend = tmp_path / "planted.py"
        backend.write_text(PLANTED.format(code=indent(code, "    ")), encoding="utf-8")
        if wrapper:
            script = tmp_path / "wrapper"
            words = shlex.join([sys.executable, str(backend)])
            script.write_text(f"#!/bin/sh\nset -- {words}\n{wrapper}\n", encoding="utf-8")
            script.chmod(0o755)
            backend = script
        options = replace(options, backends={"pixipack-stub-backend": str(backend)})
        return reproduce(root, options, vary=vary, **more)

    return run
