"""What is written depends on the workspace alone, not on who runs it, where and when."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "local-build"
POSIX = pytest.mark.skipif(os.name == "nt", reason="a feature of Unix")

SURROUNDINGS: dict[str, Mapping[str, str | None]] = {
    "another place": {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "2"},
    "a place that is not known": {"TZ": "No/Where", "LC_ALL": "xx_YY.UTF-8"},
    "a console that knows only ASCII": {"PYTHONIOENCODING": "ascii", "COLUMNS": "1"},
    "no home": {"HOME": None, "USERPROFILE": None, "LOCALAPPDATA": None, "USER": None},
    "a home that cannot be": {"HOME": os.devnull, "XDG_CACHE_HOME": None},
}


def everything_written(
    tmp_path: Path,
    name: str = "w",
    environment: Mapping[str, str | None] | None = None,
    preexec: Callable[[], None] | None = None,
) -> dict[str, bytes]:
    """Locks, builds, packs and builds a channel; the content of all files that come of it."""
    root = tmp_path / name
    workspace, out = root / "w", root / "out"
    shutil.copytree(EXAMPLE, workspace)
    (workspace / "pixi.lock").unlink()
    changed = {**os.environ, "PIXIPACK_CACHE_DIR": str(root / "cache"), **(environment or {})}
    for command in (
        ["lock", "w"],
        ["pack", "w", "-p", "linux-64", "-o", "out/environment.tar"],
        ["channel", "build", "w/channel.toml", "out/channel"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pytest_pixipack", *command],
            cwd=root,
            env={key: value for key, value in changed.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            preexec_fn=preexec,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
    found = {"pixi.lock": (workspace / "pixi.lock").read_bytes()}
    for path in out.rglob("*"):
        if path.is_file():
            found[path.relative_to(out).as_posix()] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return everything_written(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_surroundings_change_no_byte(
    tmp_path: Path, written: dict[str, bytes], surroundings: str
) -> None:
    assert everything_written(tmp_path, environment=SURROUNDINGS[surroundings]) == written


def test_the_place_changes_no_byte(tmp_path: Path, written: dict[str, bytes]) -> None:
    assert everything_written(tmp_path, "ünï (1) [x]'s & co") == written


@POSIX
def test_the_umask_changes_no_byte(tmp_path: Path, written: dict[str, bytes]) -> None:
    assert everything_written(tmp_path, preexec=lambda: os.umask(0o077) and None) == written


@POSIX
@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_closed_streams_change_no_byte(
    tmp_path: Path, written: dict[str, bytes], closed: tuple[int, ...]
) -> None:
    assert everything_written(tmp_path, preexec=lambda: [*map(os.close, closed)] and None) == (
        written
    )
