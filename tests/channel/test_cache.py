"""Channels that are built once and shared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.channel import StubChannel, built_channel
from pytest_pixipack.errors import PixipackError


def stub(version: str = "1") -> StubChannel:
    return StubChannel("mine").add("a", version)


def test_the_same_spec_is_built_once(tmp_path: Path) -> None:
    first = built_channel(stub(), tmp_path)
    stamp = first.package_path(first.packages[0]).stat().st_mtime_ns
    second = built_channel(stub(), tmp_path)
    assert second == first
    assert second.package_path(second.packages[0]).stat().st_mtime_ns == stamp
    assert first.path.name == "mine"


def test_another_spec_is_another_channel(tmp_path: Path) -> None:
    assert built_channel(stub("1"), tmp_path).path != built_channel(stub("2"), tmp_path).path


def test_a_damaged_channel_is_built_anew(tmp_path: Path) -> None:
    channel = built_channel(stub(), tmp_path)
    package = channel.package_path(channel.packages[0])
    content = package.read_bytes()
    package.unlink()
    assert built_channel(stub(), tmp_path) == channel
    assert package.read_bytes() == content


def test_a_cache_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(PixipackError, match="cannot be"):
        built_channel(stub(), tmp_path / "cache")


RACE = """
import sys
from pathlib import Path
from pytest_pixipack.channel import StubChannel, built_channel
channel = StubChannel("mine")
for number in range(40):
    channel.add(f"p{number}", "1", files={"share/x": "x" * number})
print("ready", flush=True)
sys.stdin.readline()
print(built_channel(channel, Path(sys.argv[1])).path)
"""


def test_processes_that_race_get_one_channel(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    pipe = subprocess.PIPE
    racers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    outputs = {racer.communicate("go\n")[0] for racer in racers}
    assert len(outputs) == 1
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_killed_builder_blocks_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    builder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert builder.stdin is not None
    assert builder.stdout is not None
    assert builder.stdout.readline() == "ready\n"
    builder.stdin.write("go\n")
    builder.stdin.flush()
    while not list(tmp_path.glob("*.tmp")) and builder.poll() is None:
        pass  # until it is in the middle of its work
    builder.kill()
    builder.communicate()
    done = subprocess.run(command, input="go\n", capture_output=True, text=True, timeout=60)
    channel = Path(done.stdout.splitlines()[-1])
    assert len(list((channel / "noarch").glob("*.conda"))) == 40
    assert not list(tmp_path.glob("*.tmp"))
