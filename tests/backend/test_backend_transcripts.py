"""Transcripts tidied, shown, kept as snapshots, and the words of the command line for them."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.backend.launcher import write_launcher
from pytest_pixipack.backend.normalised import overview, tidied
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.cli import main

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
HELLO = b'{"jsonrpc":"2.0","id":0,"method":"negotiateCapabilities","params":{"capabilities":{}}}\n'


@pytest.fixture
def trio(tmp_path: Path) -> Path:
    return Path(shutil.copy(CASES / "trio" / "expected" / "rpc.jsonl", tmp_path / "rpc.jsonl"))


def sessions_in_another_order(path: Path, seed: int) -> Path:
    """The same messages as if other processes had been faster."""
    lines = path.read_text(encoding="utf-8").splitlines()
    by_session: dict[str, list[str]] = {}
    for line in lines:
        entry = json.loads(line)
        by_session.setdefault(f"{entry['command']}-{entry['session']}", []).append(line)
    groups = list(by_session.values())
    random.Random(seed).shuffle(groups)
    other = path.with_name(f"other-{seed}.jsonl")
    other.write_text("\n".join(line for group in groups for line in group), encoding="utf-8")
    return other


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_processes_does_not_count(seed: int, trio: Path) -> None:
    other = Transcript.load(sessions_in_another_order(trio, seed))
    assert overview(other) == overview(Transcript.load(trio))
    assert tidied(other) == tidied(Transcript.load(trio))


def test_tidying_twice_changes_nothing_and_loses_no_message(trio: Path) -> None:
    before = overview(Transcript.load(trio))
    for _ in range(2):
        assert main(["backend", "tidy", str(trio)]) == 0
        assert overview(Transcript.load(trio)) == before
    text = trio.read_text(encoding="utf-8")
    assert tidied(Transcript.load(trio)) == text


def test_showing_a_transcript(trio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"id": 9, "method": "initialize", "params": {"manifestPath": "/x", "mood": "good"}}
    with trio.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"session": 99, "dir": "->", "msg": request}) + "\n")
    assert main(["backend", "show", str(trio)]) == 0
    told = capsys.readouterr().out
    assert "core  conda/build_v1  linux-64/core=0.3.0  answered\n" in told
    assert "    unknown field: mood\n" in told


def test_a_file_that_is_no_transcript_ends_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rpc.jsonl").write_text("no\n", encoding="utf-8")
    assert main(["backend", "show", str(tmp_path / "rpc.jsonl")]) == 2
    assert "This line is not a recorded message." in capsys.readouterr().err


@pytest.mark.slow
def test_an_executable_for_pixi_is_written(trio: Path, tmp_path: Path) -> None:
    path = write_launcher("replay:rpc.jsonl", tmp_path / "b", root=tmp_path, environ=os.environ)
    done = subprocess.run([str(path)], input=HELLO, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["result"]["capabilities"]["providesCondaBuildV1"] is True


@pytest.mark.slow
@pytest.mark.parametrize("words", [["record", "new.jsonl", "stub"], ["replay", "rpc.jsonl"]])
def test_both_words_speak_the_protocol(words: list[str], trio: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest_pixipack", "backend", *words]
    done = subprocess.run(
        command, input=HELLO, capture_output=True, timeout=60, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout)["id"] == 0


@pytest.mark.slow
def test_replaying_what_is_not_there_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest_pixipack", "backend", "replay", "absent.jsonl"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 1
    assert b"The transcript cannot be read" in done.stderr


SNAPSHOT_TEST = """
def test_messages(pixi_workspace, stub_backend, transcript_regression):
    ws = pixi_workspace(platforms=["linux-64", "win-64"]).package(
        "app", "1.0", run={{"if(unix)": {{"lib": ">=1"}}}}, config={config!r}
    )
    try:
        ws.lock()
    except Exception:
        pass
    transcript_regression.check(stub_backend)
"""


@pytest.mark.slow
def test_a_snapshot_of_messages(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SNAPSHOT_TEST.format(config={"greeting": "hi"}))
    assert pytester.runpytest_subprocess("--force-regen").ret == 1
    (stored,) = pytester.path.rglob("*.transcript")
    text = stored.read_text(encoding="utf-8")
    assert "@WORKSPACE@/app" in text
    assert str(pytester.path) not in text
    pytester.runpytest_subprocess().assert_outcomes(passed=1)

    pytester.makepyfile(SNAPSHOT_TEST.format(config={"greeting": "ho"}))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *configuration > greeting", "E *hi -> ho"])
