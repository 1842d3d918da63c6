"""Standard streams that are closed, full, or narrower than what is to be said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run(redirection: str, *argv: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `pixipack` with its streams redirected by a shell."""
    script = f'exec "$0" -m pytest_pixipack "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, *map(str, argv)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of Unix")
@pytest.mark.parametrize("argv", [("rules",), ("rules", "--json", "-")])
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_goes_to_a_closed_stream_is_dropped(argv: tuple[str, ...], closed: str) -> None:
    done = run(closed, *argv)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("argv", [("rules",), ("rules", "--json", "-")])
def test_a_full_disk_behind_standard_output_is_one_sentence(argv: tuple[str, ...]) -> None:
    done = run(">/dev/full", *argv)
    assert done.returncode == 2
    assert done.stderr.startswith(b"pixipack: No space left on device.")
    assert b"Exception" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
def test_a_name_that_is_not_utf8_is_spelled_in_escapes(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/w\xfc")
    os.mkdir(path)  # noqa: PTH102 - a name that is no text
    done = run("", "lock", path, "--json", "-", LC_ALL="C.UTF-8")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["file"].endswith("/w\udcfc")
    assert done.stderr.startswith(b"pixipack: ")


def test_threads_of_a_library_do_not_change_the_exit_code(tmp_path):
    """A thread that is still at work when the command is done, as rattler's are."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, threading\n"
        "import rattler\n"
        "from pytest_pixipack.cli import run\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "sys.argv[1:] = ['rules', 'artifact-depends']\n"
        "run()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, encoding="utf-8", timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "artifact-depends" in done.stdout
