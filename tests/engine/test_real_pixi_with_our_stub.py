"""The real pixi locks, installs and publishes the recorded workspaces with our stub backend."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.backend.launcher import write_launcher
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

from .conftest import CASES, Case, numbered

STEPS = ("lock", "install", "publish")
# pixi itself refuses to publish a package alone that needs another source package to run.
REFUSED = {("trio", "publish --target-dir @ROOT@/out/publish --path .")}
NAMES = sorted(path.parent.name for path in CASES.glob("*/case.json"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(current_platform() != "linux-64", reason="recorded on linux-64"),
]


def commands(name: str) -> list[list[str]]:
    """The recorded commands that lock, install and publish."""
    recorded = json.loads((CASES / name / "case.json").read_text(encoding="utf-8"))["commands"]
    here = [each for each in recorded if isinstance(each, list)]  # others run in other directories
    return [argv for argv in here if argv[0] == "pixi" and argv[1] in STEPS]


@pytest.fixture
def pixi(tmp_path: Path) -> Callable[[Case, list[str]], subprocess.CompletedProcess[str]]:
    """Runs pixi in a case's workspace, offline, with our stub in the place of the backend."""
    found = find_tools()
    if found.problem() is not None:
        pytest.skip(f"without the real tools: {found.problem()}")
    stub = write_launcher("stub", tmp_path / "stub-backend", root=tmp_path, environ={})
    environment = hermetic_environment(
        tmp_path / "home",
        extra={
            "PIXI_BUILD_BACKEND_OVERRIDE": f"stub-backend={stub}",
            "CONDA_OVERRIDE_GLIBC": "2.36",
            "CONDA_OVERRIDE_LINUX": "6.1",
            "CONDA_OVERRIDE_ARCHSPEC": "x86_64",
        },
    )
    program = str(found.require("pixi").path)

    def run(case: Case, argv: list[str]) -> subprocess.CompletedProcess[str]:
        words = [word.replace("@ROOT@", str(case.root)) for word in argv]
        return subprocess.run(
            [program, *words[1:]],
            cwd=case.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_workspace(name: str, case, pixi) -> None:
    found = case(name)
    for argv in commands(name):
        done = pixi(found, argv)
        refused = (name, " ".join(argv[1:])) in REFUSED
        assert (done.returncode != 0) == refused, done.stderr
        if argv[1] == "publish" and not refused:
            target = Path(argv[argv.index("--target-dir") + 1].replace("@ROOT@", str(found.root)))
            assert list(target.rglob("*.conda")), "a package was published"
    lock = (found.workspace / "pixi.lock").read_text(encoding="utf-8")
    assert numbered(lock) == found.expected_lock()
