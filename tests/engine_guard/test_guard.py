"""A command under guard: what it can reach, what it cannot, and what is said of it."""

from __future__ import annotations

import http.server
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pytest_pixipack.channel import StubChannel
from pytest_pixipack.engine.guard import NetworkGuard, network_guard
from pytest_pixipack.engine.guard.guard import command_name
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.errors import Offline

pytestmark = pytest.mark.slow

ASK = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
except OSError as error:
    sys.exit(str(error))
"""

# Takes no notice of proxies. The address belongs to no machine (RFC 5737).
CONNECT = """
import socket
socket.create_connection(("192.0.2.1", 80), timeout=20)
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


def run(
    guard: NetworkGuard, home: Path, *command: str, check: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        guard.wrap(command),
        env=hermetic_environment(home, network=guard.network, proxy=guard.url),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=check,
    )


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_the_command_and_the_address_are_named(tmp_path, isolate, nothing_left):
    with network_guard(isolate=isolate) as guard:
        done = run(guard, tmp_path, *python(ASK, "https://conda.anaconda.org/c/repodata.json"))
        assert done.returncode == 1
        assert "Refused by pytest-pixipack" in done.stderr
        assert [request.address for request in guard.wanted] == ["conda.anaconda.org:443"]
        error = guard.error("pixi")
    assert isinstance(error, Offline)
    assert error.message == "pixi wanted conda.anaconda.org:443, and the network is off."
    assert "pixi_network" in str(error)
    assert "--pixipack-network" in str(error)


def test_a_grandchild_is_guarded_too(tmp_path, isolate):
    code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    with network_guard(isolate=isolate) as guard:
        run(guard, tmp_path, *python(code, "-c", ASK, "http://a.example/x"))
        assert [request.url for request in guard.wanted] == ["http://a.example/x"]


def test_who_ignores_the_proxy_has_no_network_in_a_namespace(tmp_path, isolation):
    with network_guard() as guard:
        done = run(guard, tmp_path, *python(CONNECT))
    assert "Network is unreachable" in done.stderr


def test_channels_are_served_to_the_command_and_to_us(tmp_path, isolate, nothing_left):
    StubChannel().add("zlib", "1.3", noarch="generic").build(tmp_path / "channel")
    home = tmp_path / "h"
    home.mkdir()
    with network_guard(channels={"stub": tmp_path / "channel"}, isolate=isolate) as guard:
        url = guard.channel_url("stub") + "noarch/repodata.json"
        inside = run(guard, home, *python(ASK, url), check=True)
        outside = subprocess.run(
            python(ASK, url), env=hermetic_environment(home), capture_output=True, check=True
        )
        assert guard.wanted == ()
    assert "zlib" in inside.stdout
    assert inside.stdout.encode().strip() == outside.stdout.strip()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello " * 100_000)

    def log_message(self, *arguments: object) -> None:
        pass


def test_another_server_on_this_machine_is_reached_where_it_is_named(
    tmp_path, isolate, nothing_left
):
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with network_guard(loopback_ports=[server.server_port], isolate=isolate) as guard:
            done = run(guard, tmp_path, *python(ASK, f"http://127.0.0.1:{server.server_port}/"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.stdout == "hello " * 100_000 + "\n", done.stderr


@pytest.mark.parametrize(
    "path", ["../secret", "%2e%2e/secret", "noarch", "link", "nothing", "/../secret", "..%5csecret"]
)
def test_nothing_outside_a_channel_is_served(tmp_path, path):
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (tmp_path / "channel" / "noarch").mkdir(parents=True)
    try:
        (tmp_path / "channel" / "link").symlink_to(tmp_path / "secret")
    except OSError:
        (tmp_path / "channel" / "link").mkdir()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with (
        network_guard(channels={"stub": tmp_path / "channel"}, isolate=False) as guard,
        pytest.raises(urllib.error.HTTPError, match="404"),
    ):
        direct.open(guard.channel_url("stub") + path, timeout=20)


def test_exit_codes_and_streams_are_the_commands_own(tmp_path, isolate):
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    with network_guard(isolate=isolate) as guard:
        done = run(guard, tmp_path, *python(code))
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_signal_reaches_the_command(tmp_path, isolation):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    with network_guard() as guard:
        assert run(guard, tmp_path, *python(code)).returncode == -signal.SIGTERM


def test_the_process_that_is_started_becomes_the_command(tmp_path, isolation):
    with network_guard() as guard:
        command = guard.wrap(python("import os; print(os.getpid())"))
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as child:
            assert child.stdout is not None
            assert int(child.stdout.read()) == child.pid


def test_the_command_is_the_user_who_started_it(tmp_path, isolation):
    code = "import os; print(os.getuid(), os.getgid())"
    with network_guard() as guard:
        inside = run(guard, tmp_path, *python(code)).stdout
        assert inside == run(NetworkGuard(isolation=isolation), tmp_path, *python(code)).stdout


def test_a_command_that_is_not_there_is_named(tmp_path, isolation):
    with network_guard() as guard:
        done = run(guard, tmp_path, "no-such-command")
    assert done.returncode == 127
    assert "no-such-command" in done.stderr


def test_modules_in_the_directory_of_the_command_are_not_ours(tmp_path, isolation):
    for name in ("socket.py", "struct.py", "pytest_pixipack.py"):
        (tmp_path / name).write_text("raise SystemExit(99)", encoding="utf-8")
    with network_guard() as guard:
        assert run(guard, tmp_path, sys.executable, "-I", "-c", "").returncode == 0


def test_a_long_name_of_the_temporary_directory_is_allowed(tmp_path, isolation, monkeypatch):
    long = tmp_path / ("d" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with network_guard() as guard:
        assert run(guard, tmp_path, *python("")).returncode == 0
    assert list(long.iterdir()) == []


@pytest.mark.slow
def test_several_commands_at_once_are_all_guarded(tmp_path, isolate, nothing_left):
    with network_guard(isolate=isolate) as guard:
        environment = hermetic_environment(tmp_path, proxy=guard.url)
        children = [
            subprocess.Popen(
                guard.wrap(python(ASK, f"http://h{n}.example/")),
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for n in range(4)
        ]
        assert [child.wait(60) for child in children] == [1] * 4
        assert {request.host for request in guard.wanted} == {f"h{n}.example" for n in range(4)}


def test_a_command_that_outlives_the_guard_is_alone_and_nothing_of_ours_is_left(
    tmp_path, isolate, nothing_left
):
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with network_guard(isolate=isolate) as guard:
        child = subprocess.Popen(
            guard.wrap(python(code)),
            env=hermetic_environment(tmp_path, proxy=guard.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"up"
    with child:
        pass
    assert child.returncode == 0


def test_the_guard_ends_with_the_block_when_that_fails(nothing_left):
    with pytest.raises(KeyError), network_guard():
        raise KeyError


def test_each_request_is_told_once_and_a_long_list_is_cut(tmp_path):
    code = ASK.replace("sys.exit(str(error))", "pass")
    many = f"for url in sys.argv[1].split():\n    sys.argv[1] = url\n    exec({code!r})"
    urls = " ".join(f"http://h{n}.example/" for n in (1, 1, 2, 3, 4, 5))
    with network_guard(isolate=False) as guard:
        run(guard, tmp_path, *python(f"import sys\n{many}", urls), check=True)
        assert len(guard.wanted) == 5
        error = guard.error()
    assert error is not None
    assert re.fullmatch(
        r"python[\d.]* wanted h1.example:80, h2.example:80, h3.example:80 and 2 more, "
        "and the network is off.",
        error.message,
    )


def test_who_wanted_nothing_gets_no_error(tmp_path, isolate):
    with network_guard(isolate=isolate) as guard:
        run(guard, tmp_path, *python(""), check=True)
    assert guard.error() is None


def test_where_the_network_is_allowed_nothing_is_changed(tmp_path, nothing_left):
    with network_guard(network=True) as guard:
        assert guard.wrap(["pixi", "lock"]) == ["pixi", "lock"]
        assert guard.environment == {}
        assert guard.url is None
        assert guard.network
        assert guard.error() is None


def test_it_is_said_whether_there_is_a_namespace(isolation):
    with network_guard() as guard:
        assert "no network" in str(guard.isolation)
    with network_guard(isolate=False) as guard:
        assert "no network namespace: it was not asked for" in str(guard.isolation)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/pixi", "pixi"),
        ("C:\\tools\\pixi.EXE", "pixi"),
        ("pixi-pack-0.7", "pixi-pack-0.7"),
    ],
)
def test_a_command_is_called_by_its_file_name(command, name):
    assert command_name([command, "lock"]) == name
