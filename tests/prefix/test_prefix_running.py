"""A command runs in the activated environment, in every shell that is here."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact
from pytest_pixipack.channel.files import File
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.prefix import InstallRecord, Prefix, install
from pytest_pixipack.prefix.running import run_in, shells_here

HELLO = '#!/bin/sh\necho "hello $1 from $CONDA_PREFIX with $GREETING"\nexit "${2:-0}"\n'
BATCH = "@echo hello %1 from %CONDA_PREFIX% with %GREETING%\r\n@exit /b %2\r\n"


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    windows = sys.platform == "win32"
    files = {
        "Scripts/hello.bat" if windows else "bin/hello": File(
            BATCH if windows else HELLO, executable=True
        )
    }
    activate = (
        {"bat": "@set GREETING=warmth\r\n"}
        if windows
        else {
            "sh": "export GREETING=warmth\n",
            "fish": "set -gx GREETING warmth\n",
            "xsh": "$GREETING = 'warmth'\n",
            "nu": "$env.GREETING = 'warmth'\n",
        }
    )
    channel = StubChannel("c").add(
        "hello", "1", subdir=current_platform(), files=files, activate=activate
    )
    path = next(channel.build(tmp_path / "c").path.rglob("*.conda"))
    record = InstallRecord(path, built_record(read_artifact(path)))
    return install([record], tmp_path / "an env", platform=current_platform())


@pytest.mark.parametrize("shell", shells_here() or ["none"])
def test_activation_is_run_for_real(shell: str, prefix: Prefix) -> None:
    done = prefix.run("hello", "you", shell=shell)

    assert done.ok, done.stderr
    assert done.stdout.strip() == f"hello you from {prefix.path} with warmth"


@pytest.mark.parametrize("shell", shells_here() or ["none"])
def test_its_exit_code_is_handed_on(shell: str, prefix: Prefix) -> None:
    done = prefix.run("hello", "you", "7", shell=shell)

    assert (done.returncode, done.ok) == (7, False)


@pytest.mark.skipif(sys.platform == "win32", reason="cmd quotes in its own way")
@pytest.mark.parametrize("shell", shells_here() or ["none"])
@pytest.mark.parametrize("word", ["two words", "$HOME", "a'b", "`id`", '"', "a;b", "*", "ü", ""])
def test_arguments_arrive_as_they_are(word: str, shell: str, prefix: Prefix) -> None:
    assert prefix.run("printf", "%s", word, shell=shell).stdout == word


@pytest.mark.skipif(sys.platform == "win32", reason="cmd is always there")
def test_a_shell_that_is_absent_is_named(prefix: Prefix) -> None:
    absent = next(s for s in ("fish", "xonsh", "zsh", "cmd") if shutil.which(s) is None)

    with pytest.raises(Infrastructure, match=f"{absent} is not on PATH"):
        prefix.run("hello", shell=absent)


def test_other_environments_do_not_show_through(
    prefix: Prefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "other")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    show = ("cmd", "/c", "set") if os.name == "nt" else ("env",)

    assert not {"CONDA_DEFAULT_ENV=other", "PYTHONPATH=elsewhere"} & set(
        prefix.run(*show).stdout.splitlines()
    )


def test_a_command_has_to_be_given(prefix: Prefix) -> None:
    with pytest.raises(InvalidInput, match="no command"):
        run_in(prefix.path, [])


@pytest.mark.skipif(sys.platform == "win32", reason="needs sleep")
def test_a_command_that_hangs_is_ended(prefix: Prefix) -> None:
    with pytest.raises(Infrastructure, match=r"did not end within 0\.2 s"):
        prefix.run("sleep", "30", timeout=0.2)
