from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.client import InProcessBackend, ProcessBackend

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
STUB = [sys.executable, "-m", "pytest_pixipack.backend.stub_main"]
Json = dict[str, Any]


MODEL: Json = {"name": "lib", "version": "1.0", "targets": {"defaultTarget": {}}}


@pytest.fixture
def cases() -> Path:
    return CASES


@pytest.fixture
def stub_command() -> list[str]:
    return STUB


@pytest.fixture
def initialize_with(tmp_path: Path) -> Callable[..., Json]:
    """The parameters of `initialize` for a package with this `config.stub`."""

    def params(stub: Json | None = None, project_model: Json | None = None) -> Json:
        return {
            "sourceDirectory": str(tmp_path / "source"),
            "projectModel": project_model or MODEL,
            "configuration": {"stub": stub} if stub else None,
            "targetConfiguration": None,
        }

    return params


@pytest.fixture
def ask(tmp_path: Path) -> Json:
    """The parameters of `conda/outputs`."""
    return {
        "hostPlatform": "linux-64",
        "buildPlatform": "linux-64",
        "variantConfiguration": {},
        "workDirectory": str(tmp_path / "work"),
    }


@pytest.fixture
def order(tmp_path: Path) -> Json:
    """The parameters of `conda/build_v1` for the only output of `MODEL`."""
    output = {"name": "lib", "version": "1.0", "build": "hd57432d_0", "subdir": "linux-64"}
    return {
        "output": {**output, "variant": {"target_platform": "linux-64"}},
        "hostPrefix": {"platform": "linux-64"},
        "workDirectory": str(tmp_path / "work"),
    }


@pytest.fixture(params=["process", "in-process"])
def start(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Starts a stub backend, once in a process and once without."""
    started: list[Any] = []

    def backend(**options: Any) -> Any:
        if request.param == "in-process":
            options.pop("timeout", None)
            started.append(InProcessBackend(**options))
        else:
            started.append(ProcessBackend(STUB, name="stub", env=dict(os.environ), **options))
        return started[-1]

    yield backend
    for each in started:
        each.close()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    """The command line of a backend made of a few lines of Python."""

    def command(text: str) -> list[str]:
        path = tmp_path / "backend.py"
        path.write_text("import json, os, sys\n" + text, encoding="utf-8")
        return [sys.executable, str(path)]

    return command
