"""Programs as they are used: each is refused, and the address that it wanted is known."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_pixipack.channel import StubChannel
from pytest_pixipack.engine.guard import NetworkGuard, network_guard
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.platforms import current_platform

pytestmark = pytest.mark.slow

HTTPX = """
import httpx, sys
try:
    httpx.get("https://h.example/x", timeout=20)
except httpx.ProxyError as error:
    sys.exit(str(error))
"""

URLLIB = """
import sys, urllib.request
try:
    urllib.request.urlopen("https://h.example/x", timeout=20)
except OSError as error:
    sys.exit(str(error))
"""

# py-rattler's threads can abort an interpreter that is about to end: leave without that.
GATEWAY = """
import asyncio, os, sys
from pathlib import Path
from rattler import Channel, Gateway

async def ask():
    gateway = Gateway(cache_dir=Path(sys.argv[1]))
    return await gateway.query([Channel(sys.argv[2])], ["noarch"], ["zlib"])

try:
    print(asyncio.run(ask())[0][0].name.normalized, flush=True)
    os._exit(0)
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(1)
"""

MANIFEST = """
[workspace]
name = "w"
channels = ["{channel}"]
platforms = ["{platform}"]

[dependencies]
zlib = "*"
"""


@pytest.fixture(
    params=[
        pytest.param(True, id="namespace"),
        pytest.param(False, id="proxy-only", marks=pytest.mark.slow),
    ]
)
def isolate(request: pytest.FixtureRequest) -> bool:
    if request.param:
        request.getfixturevalue("isolation")
    return bool(request.param)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    return StubChannel().add("zlib", "1.3", noarch="generic").build(tmp_path / "c").path


def run(guard: NetworkGuard, home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    return subprocess.run(
        guard.wrap(command),
        env=hermetic_environment(home, proxy=guard.url),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def client(name: str) -> list[str]:
    if name == "curl":
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("curl is not on PATH")
        return [curl, "--silent", "--show-error", "https://h.example/x"]
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return [sys.executable, "-c", {"httpx": HTTPX, "urllib": URLLIB}[name]]


@pytest.mark.parametrize("name", ["urllib", pytest.param("httpx", marks=pytest.mark.slow), "curl"])
def test_a_client_is_refused_and_what_it_wanted_is_known(name, tmp_path, isolate, nothing_left):
    with network_guard(isolate=isolate) as guard:
        done = run(guard, tmp_path / "h", *client(name))
        assert done.returncode != 0
        assert "403" in done.stderr
        assert [request.address for request in guard.wanted] == ["h.example:443"]


def test_the_gateway_of_rattler_is_refused(tmp_path, isolate, nothing_left):
    with network_guard(isolate=isolate) as guard:
        arguments = (str(tmp_path / "cache"), "https://h.example/c")
        done = run(guard, tmp_path / "h", sys.executable, "-c", GATEWAY, *arguments)
        assert done.returncode == 1, done.stdout
        assert {request.address for request in guard.wanted} == {"h.example:443"}


def test_the_gateway_of_rattler_reads_a_channel_of_ours(tmp_path, channel, isolate, nothing_left):
    with network_guard(channels={"stub": channel}, isolate=isolate) as guard:
        arguments = (str(tmp_path / "cache"), guard.channel_url("stub"))
        done = run(guard, tmp_path / "h", sys.executable, "-c", GATEWAY, *arguments)
        assert (done.returncode, done.stdout.strip()) == (0, "zlib"), done.stderr
        assert guard.wanted == ()


def workspace(root: Path, channel: str) -> None:
    root.mkdir()
    text = MANIFEST.format(channel=channel, platform=current_platform())
    (root / "pixi.toml").write_text(text, encoding="utf-8", newline="\n")


@pytest.fixture
def pixi() -> str:
    found = shutil.which("pixi")
    if found is None:
        pytest.skip("pixi is not on PATH")
    return found


def test_pixi_is_refused_and_the_error_names_what_it_wanted(tmp_path, pixi, isolate, nothing_left):
    workspace(tmp_path / "h", "conda-forge")
    with network_guard(isolate=isolate) as guard:
        done = run(guard, tmp_path / "h", pixi, "lock")
        assert done.returncode != 0
        error = guard.error()
    assert error is not None
    assert error.message == "pixi wanted conda.anaconda.org:443, and the network is off."


def test_pixi_locks_and_installs_from_a_channel_of_ours(
    tmp_path, pixi, channel, isolate, nothing_left
):
    with network_guard(channels={"stub": channel}, isolate=isolate) as guard:
        workspace(tmp_path / "h", guard.channel_url("stub"))
        done = run(guard, tmp_path / "h", pixi, "install")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "h" / "pixi.lock").is_file()
        assert list((tmp_path / "h" / ".pixi").glob("envs/default/conda-meta/zlib-*.json"))
        assert [r for r in guard.wanted if r.host == "127.0.0.1"] == []
