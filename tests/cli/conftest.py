"""The command line, run as a user does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture
def pixipack(tmp_path: Path) -> Callable[..., Done]:
    """Runs `pixipack` in a process of its own, with a cache of its own."""

    def run(
        *argv: object, cwd: Path | None = None, preexec: Callable[[], None] | None = None
    ) -> Done:
        environment = {**os.environ, "PIXIPACK_CACHE_DIR": str(tmp_path / "cache")}
        environment |= {"PYTHONUTF8": "1", "COLUMNS": "80"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest_pixipack", *map(str, argv)],
            cwd=cwd or tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            preexec_fn=preexec,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example workspace."""
    target = tmp_path / "w"
    shutil.copytree(EXAMPLE, target)
    return target


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
