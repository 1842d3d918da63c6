"""Many tests on many workers share channels and backend environments, also when workers die."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_pixipack.cache.limit import trim

pytest.importorskip("xdist")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="its backends are shell scripts"),
]

# Counts what is renamed into its place, and ends a worker at a random operation on files.
CONFTEST = """
import os, random, signal, sys
from pathlib import Path

CACHE = Path(os.environ["PIXIPACK_CACHE_DIR"])
LOG = os.environ["LOG"]
KINDS = {str(CACHE / "channels"): "channel", str(CACHE / "backends"): "backend"}
DEADLY = int(os.environ["DEADLY"])
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.utime", "subprocess.Popen"}
left = None


def note(text):
    number = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(number, f"{text}\\n".encode())
    os.close(number)


def hook(event, arguments):
    global left
    if event in EVENTS and left is not None:
        left -= 1
        if left == 0:
            note("killed -")
            os.kill(os.getpid(), signal.SIGKILL)
    if event == "os.rename":
        place, name = os.path.split(str(arguments[1]))
        if place in KINDS and not name.endswith(".tmp"):
            note(f"{KINDS[place]} {name}")


def pytest_runtest_call(item):
    global left
    if DEADLY and item.callspec.params["number"] % DEADLY == 0:
        left = random.randrange(1, 400)


def pytest_runtest_teardown(item):
    global left
    left = None


sys.addaudithook(hook)
"""

TESTS = """
import shlex, sys
import pytest
from pytest_pixipack import StubChannel
from pytest_pixipack.backend.stand_in import start_code
from pytest_pixipack.channel import File
from pytest_pixipack.platforms import current_platform

BACKENDS = ["pixi-build-one", "pixi-build-two", "pixi-build-three"]


def program(name):
    words = [sys.executable, "-c", start_code()]
    text = f"#!/bin/sh\\nPREFIX=@PREFIX@\\nexec {shlex.join(words)}\\n"
    return {f"bin/{name}": File(text=text, executable=True, placeholder=True)}


def tools():
    channel = StubChannel("tools").add("pixi-build-api-version", "7")
    for name in BACKENDS:
        needs = ["pixi-build-api-version >=7,<8"]
        channel.add(name, "1", depends=needs, files=program(name))
    return channel


def channel(number):
    found = StubChannel(f"channel{number}")
    for each in range(20):
        found.add(f"lib{each}", f"{number}.{each}", files={f"share/lib{each}": "x" * each})
    return found


@pytest.mark.parametrize("number", range(TESTS))
def test_it(number, pixi_workspace):
    libraries, backend = channel(number % 4), BACKENDS[number % 3]
    ws = pixi_workspace(channels=[libraries, tools()])
    ws.depend("app", {"path": "app"}).depend("lib7", "*")
    ws.file("app/pixi.toml", f'''
[package]
name = "app"
version = "1"
[package.build]
backend = {{ name = "{backend}", version = "*" }}
[package.run-dependencies]
lib3 = "*"
''')
    packages = ws.lock().environment("default")[current_platform()]
    assert packages["lib3"].version == f"{number % 4}.3"
    assert packages["lib7"].version == f"{number % 4}.7"
    assert packages["app"].is_source
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs tests on 8 workers; returns the result, and how often each thing came to its place."""

    def run(tests: int, deadly: int = 0) -> tuple[pytest.RunResult, Counter[str]]:
        monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("LOG", str(tmp_path / "log"))
        monkeypatch.setenv("DEADLY", str(deadly))
        monkeypatch.setenv("PATH", os.defpath)
        (tmp_path / "temporary").mkdir(exist_ok=True)
        monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        (tmp_path / "log").touch()
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(TESTS.replace("TESTS", str(tests)))
        options = [
            "-n",
            "8",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-p",
            "no:hypothesispytest",
        ]
        result = pytester.runpytest_subprocess(*options, "--max-worker-restart=100")
        return result, Counter((tmp_path / "log").read_text().splitlines())

    return run


def unfinished(cache: Path) -> list[Path]:
    """What is left when the last worker has ended, which may be after the run itself."""
    for sign in (cache / "users").iterdir():
        with FileLock(sign).acquire(timeout=60):
            pass
    trim(cache, 10**9)
    scratch = (cache.parent / "temporary").glob("pixipack-*")
    return [*cache.rglob("*.tmp"), *(cache / "users").iterdir(), *scratch]


def test_every_channel_and_environment_is_made_once(suite, tmp_path: Path) -> None:
    result, made = suite(200)
    result.assert_outcomes(passed=200)
    assert set(made.values()) == {1}
    kinds = Counter(line.split()[0] for line in made)
    assert kinds == {"channel": 5, "backend": 3}
    assert unfinished(tmp_path / "cache") == []


def test_workers_that_are_killed_take_nothing_with_them(suite, tmp_path: Path) -> None:
    result, made = suite(60, deadly=4)
    killed = made.pop("killed -")
    outcomes = result.parseoutcomes()
    # Each killed worker had one test in hand; that one is reported, and all others are done.
    assert killed > 3
    assert outcomes["failed"] == killed
    assert outcomes["passed"] == 60 - killed
    assert set(made.values()) == {1}
    kinds = Counter(line.split()[0] for line in made)
    assert kinds == {"channel": 5, "backend": 3}
    assert unfinished(tmp_path / "cache") == []
    again, made_again = suite(12)  # with what was left
    again.assert_outcomes(passed=12)
    made_again.pop("killed -")
    assert made_again == made
