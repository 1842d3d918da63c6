"""`pixipack serve` and `stub_channel(...).serve()`, as users run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pytest_pixipack.channel import BuiltChannel
from pytest_pixipack.cli import main

SPEC = 'name = "small"\n[[package]]\nname = "a"\nversion = "1"\n'


class Served:
    """`pixipack serve` in a process of its own, with these arguments."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest_pixipack", "serve", *arguments],
            cwd=directory,
            env={**os.environ, "PIXIPACK_CACHE_DIR": str(directory / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", how))
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(
    how: signal.Signals, tmp_path: Path, client: httpx.Client
) -> None:
    (tmp_path / "small.toml").write_text(SPEC, encoding="utf-8")
    served = Served(tmp_path, "small.toml", "--fault", "503,nth=2,count=1", "--json", "log.json")

    found = [client.get(f"{served.url}/noarch/a-1-h0_0.conda").status_code for _ in "123"]
    code, out, err = served.end(how)

    assert found == [200, 503, 200]
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[2] for line in lines[:3]] == ["200", "503", "200"]
    assert lines[1].endswith("fault 503,nth=2,count=1")
    assert lines[3] == "3 requests, 1 with a fault"
    document = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    assert (document["command"], document["outcome"], document["url"]) == (
        "serve", "passed", served.url,
    )  # fmt: skip
    assert [each["status"] for each in document["requests"]] == found
    assert document["requests"][1]["fault"] == "503,nth=2,count=1"


@pytest.mark.slow
def test_a_channel_that_is_not_for_everybody(
    tmp_path: Path, channel: BuiltChannel, client: httpx.Client
) -> None:
    auth = tmp_path / "auth.json"
    auth.write_text('{"127.0.0.1": {"BearerToken": "s3cr3t"}}', encoding="utf-8")
    served = Served(tmp_path, str(channel.path), "--auth-file", str(auth), "--quiet")
    url = f"{served.url}/noarch/repodata.json"

    assert client.get(url).status_code == 401
    assert client.get(url, headers={"Authorization": "Bearer s3cr3t"}).status_code == 200
    code, out, err = served.end()

    assert (code, out, err) == (0, "2 requests, 0 with a fault\n", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.toml"], "none.toml"),
        (["."], "no conda channel"),
        (["CHANNEL", "--fault", "explode"], "There is no fault `explode`"),
        (["CHANNEL", "--port", "99999"], "The port 99999"),
        (["CHANNEL", "--auth-file", "none.json"], "authentication file cannot be read"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    channel: BuiltChannel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(channel.path) if word == "CHANNEL" else word for word in arguments]
    assert main(["serve", *words]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_the_fixture_closes_what_it_serves(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import threading, urllib.request
        import pytest

        SEEN = []

        def test_it_serves(stub_channel):
            server = stub_channel("curl").serve(faults=["503,path=*.conda"])
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            assert opener.open(f"{server.url}/noarch/repodata.json", timeout=20).status == 200
            assert server.log.paths == ("/curl/noarch/repodata.json",)
            SEEN.append(server.port)

        def test_nothing_is_left():
            assert SEEN
            assert not [t for t in threading.enumerate() if "channel-server" in t.name]
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_workspace_that_reads_from_a_served_channel(pytester: pytest.Pytester) -> None:
    """A second run asks again: what a server gives is not kept for other tests."""
    pytester.makepyfile(
        """
        def test_lock(stub_channel, pixi_workspace):
            server = stub_channel().add("libz", "1.3").serve()
            ws = pixi_workspace(channels=[server], dependencies={"libz": "*"})
            lock = ws.lock()
            assert str(server) in lock.to_text()
            assert ws.pack().unpack().packages["libz"].version == "1.3"
            assert len(server.log.matching("*.conda")) == 1
        """
    )
    for _ in range(2):
        pytester.runpytest_subprocess().assert_outcomes(passed=1)
