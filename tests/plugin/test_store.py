"""Stages are shared between processes and survive those that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, Unsupported
from pytest_pixipack.plugin.outcomes import Outcome
from pytest_pixipack.plugin.store import Store, short_key
from pytest_pixipack.verify import Finding

FINDING = Finding(
    rule="artifact-depends",
    severity="error",
    layers=("lock", "artifact"),
    message="It differs.",
    expected=["a"],
    actual=["b"],
)


def passing(folder: Path) -> Outcome:
    (folder / "made").touch()
    return Outcome("passed", data={"file": str(folder / "made")})


def test_a_stage_is_done_once(tmp_path):
    first = Store(tmp_path).outcome("build", passing)
    second = Store(tmp_path).outcome("build", lambda _: pytest.fail("done again"))
    assert first == second
    assert Path(second.data["file"]).is_file()


def test_a_failure_is_stored_with_its_findings(tmp_path):
    outcome = Outcome("failed", findings=(FINDING,))
    Store(tmp_path).outcome("build", lambda _: outcome)
    assert Store(tmp_path).outcome("build", passing).errors == (FINDING,)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("It is broken."), "failed"),
        (Unsupported("It cannot."), "unsupported"),
        (Infrastructure("No room."), "infrastructure"),
        (Offline("No network."), "offline"),
        (OSError(28, "No space left on device", "file"), "infrastructure"),
    ],
)
def test_errors_are_outcomes(tmp_path, error, status):
    def make(folder):
        raise error

    assert Store(tmp_path).outcome("build", make).status == status
    assert Store(tmp_path).outcome("build", passing).status == status


def test_a_mistake_of_ours_is_not_stored(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Store(tmp_path).outcome("build", lambda _: 1 / 0)
    assert Store(tmp_path).outcome("build", passing).passed


def test_keys_tell_where_parts_end():
    assert short_key("ab", "c") != short_key("a", "bc")


def test_a_killed_process_blocks_nobody(tmp_path):
    code = """
        import sys
        from pathlib import Path
        from pytest_pixipack.plugin.store import Store

        def hang(folder):
            (folder / "half").touch()
            print("started", flush=True)
            sys.stdin.read()

        Store(Path(sys.argv[1])).outcome("build", hang)
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"started"
        if sys.platform == "win32":
            process.kill()
        else:
            os.kill(process.pid, signal.SIGKILL)
    outcome = Store(tmp_path).outcome("build", passing)
    assert outcome.passed
    assert [path.name for path in Path(outcome.data["file"]).parent.iterdir()] == ["made"]
