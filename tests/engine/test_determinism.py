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


COMMANDS = (
    ["lock", "w"],
    ["pack", "w", "-p", "linux-64", "-o", "out/environment.tar"],
    ["channel", "build", "w/channel.toml", "out/channel"],
)


def everything_written(
    tmp_path: Path,
    name: str = "w",
    environment: Mapping[str, str | None] | None = None,
    preexec: Callable[[], None] | None = None,
) -> dict[str, bytes]:
    """Locks, builds, packs and builds a channel; the content of all files that come of it."""
    root = tmp_path / name
    workspace = root / "w"
    shutil.copytree(EXAMPLE, workspace)
    (workspace / "pixi.lock").unlink()
    changed = {**os.environ, "PIXIPACK_CACHE_DIR": str(root / "cache"), **(environment or {})}
    for command in COMMANDS:
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
    return files_of(root)


def files_of(root: Path) -> dict[str, bytes]:
    out = root / "out"
    found = {"pixi.lock": (root / "w" / "pixi.lock").read_bytes()}
    for path in out.rglob("*"):
        if path.is_file():
            found[path.relative_to(out).as_posix()] = path.read_bytes()
    return found


def test_zone_locale_width_and_umask_change_no_byte(tmp_path, monkeypatch, capsys):
    """The quick one, in this process; the others are processes of their own."""
    from pytest_pixipack.cli import main

    found = []
    for name, surroundings in (
        ("usual", {}),
        ("ünï (1) [x]'s & co", SURROUNDINGS["another place"]),
    ):
        shutil.copytree(EXAMPLE, tmp_path / name / "w")
        (tmp_path / name / "w" / "pixi.lock").unlink()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path / name / "cache"))
        for variable, value in {**surroundings, "COLUMNS": "1"}.items():
            monkeypatch.setenv(variable, value or "")
        before = os.umask(0o077 if found else 0o022)
        try:
            assert [main(command) for command in COMMANDS] == [0, 0, 0]
        finally:
            os.umask(before)
        found.append(files_of(tmp_path / name))
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return everything_written(tmp_path_factory.mktemp("usual"))


@pytest.mark.slow
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_surroundings_change_no_byte(
    tmp_path: Path, written: dict[str, bytes], surroundings: str
) -> None:
    assert everything_written(tmp_path, environment=SURROUNDINGS[surroundings]) == written


@pytest.mark.slow
def test_the_place_changes_no_byte(tmp_path: Path, written: dict[str, bytes]) -> None:
    assert everything_written(tmp_path, "ünï (1) [x]'s & co") == written


@POSIX
@pytest.mark.slow
def test_the_umask_changes_no_byte(tmp_path: Path, written: dict[str, bytes]) -> None:
    assert everything_written(tmp_path, preexec=lambda: os.umask(0o077) and None) == written


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_closed_streams_change_no_byte(
    tmp_path: Path, written: dict[str, bytes], closed: tuple[int, ...]
) -> None:
    assert everything_written(tmp_path, preexec=lambda: [*map(os.close, closed)] and None) == (
        written
    )
