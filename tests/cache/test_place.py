"""Where the cache is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.cache import default_cache_dir
from tests.permissions import is_root, obey

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")


def test_the_variable_goes_first(tmp_path: Path) -> None:
    assert default_cache_dir({"PIXIPACK_CACHE_DIR": str(tmp_path / "c")}) == tmp_path / "c"


@POSIX
def test_else_it_is_the_users(tmp_path: Path) -> None:
    assert default_cache_dir({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "pytest-pixipack"


@POSIX
def test_a_temporary_one_where_the_home_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "home").write_text("a file")
    environ = {"XDG_CACHE_HOME": str(tmp_path / "home"), "USER": "me"}
    found = default_cache_dir(environ)
    assert found == tmp_path / "pytest-pixipack-me"
    assert found.stat().st_mode & 0o777 == 0o700
    assert default_cache_dir(environ) == found  # the same for all workers


@POSIX
def test_a_temporary_one_that_others_can_write_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "home").write_text("a file")
    (tmp_path / "pytest-pixipack-me").mkdir()
    (tmp_path / "pytest-pixipack-me").chmod(0o777)
    environ = {"XDG_CACHE_HOME": str(tmp_path / "home"), "USER": "me"}
    found = default_cache_dir(environ)
    assert found.name.startswith("pytest-pixipack-")
    assert found.stat().st_mode & 0o777 == 0o700
    assert default_cache_dir(environ) == found  # the same for all workers


LONE = """
import os, sys
from pytest_pixipack.cache import default_cache_dir
found = default_cache_dir()
assert found == default_cache_dir()
assert found.stat().st_mode & 0o777 == 0o700
print(found)
(found / "something").mkdir()
if sys.argv[1:]:
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@POSIX
def test_where_others_have_taken_all_names_it_goes_with_its_process(tmp_path: Path) -> None:
    names = ["pytest-pixipack-me", *(f"pytest-pixipack-me-{number}" for number in range(2, 10))]
    for number, name in enumerate(names):
        (tmp_path / name).write_text("") if number % 2 else (tmp_path / name).symlink_to("/tmp")
    environ = {**os.environ, "TMPDIR": str(tmp_path), "HOME": "/dev/null", "USER": "me"}
    for name in ("PIXIPACK_CACHE_DIR", "XDG_CACHE_HOME"):
        environ.pop(name, None)
    for words in ((), ("killed",)):
        done = subprocess.run([sys.executable, "-c", LONE, *words], env=environ, timeout=60)
        assert done.returncode == (-9 if words else 0)
    # As every run does in the end.
    sweep = "from pytest_pixipack.cache.scratch import sweep_scratch; print(sweep_scratch())"
    subprocess.run([sys.executable, "-c", sweep], env=environ, timeout=60, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


# --- where nothing can be written -------------------------------------------------------------

BUILD = """
import sys
from pathlib import Path
from pytest_pixipack.channel import StubChannel, built_channel
from pytest_pixipack.errors import PixipackError
channel = StubChannel("mine").add("p", "1", files={"share/x": "x"})
try:
    print(built_channel(channel, Path(sys.argv[1])).path)
except PixipackError as error:
    print(f"{error.outcome}: {error}")
"""


def build(cache: Path, **options: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(cache)],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.slow
@POSIX
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    for room in (0, 150, 400, 600):  # bytes that a file can have

        def fill(room: int = room) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        said = build(tmp_path, preexec_fn=fill)
        assert said.startswith("infrastructure: ")
        assert "PIXIPACK_CACHE_DIR" in said
        left = [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"]
        assert left == []
    assert Path(build(tmp_path)).is_dir()


@POSIX
@pytest.mark.skipif(is_root() and sys.platform != "linux", reason="root writes anywhere")
def test_a_cache_that_can_only_be_read(tmp_path: Path) -> None:
    first = build(tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        folder.chmod(0o500)
    try:
        assert build(tmp_path, preexec_fn=obey) == first  # what is there is taken
        assert build(tmp_path / "none", preexec_fn=obey).startswith("infrastructure: ")
    finally:
        for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
            folder.chmod(0o700)
