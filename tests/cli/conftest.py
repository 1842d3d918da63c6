"""The command line, run as a user does."""

from __future__ import annotations

import contextlib
import io
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

from pytest_pixipack.cli import main

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
def pixipack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `pixipack` with a cache of its own.

    It runs in this process, which is ten times as fast; with `preexec`, in one of its own.
    """
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")

    def run(
        *argv: object, cwd: Path | None = None, preexec: Callable[[], None] | None = None
    ) -> Done:
        if preexec is not None:
            return in_a_process([*map(str, argv)], cwd or tmp_path, preexec)
        out, err = _stream(), _stream()
        monkeypatch.chdir(cwd or tmp_path)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main([*map(str, argv)])
            except SystemExit as end:  # argparse: --version, --help, usage errors
                code = int(end.code or 0)
        return Done(code, _text(out), _text(err))

    return run


def in_a_process(argv: list[str], cwd: Path, preexec: Callable[[], None]) -> Done:
    """The command as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_pixipack", *argv],
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        preexec_fn=preexec,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def _stream() -> io.TextIOWrapper:
    # With a `buffer`, like the streams of a process.
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    content: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return content.decode("utf-8")


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
