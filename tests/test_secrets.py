"""A secret in a channel's URL is in the manifest and the lock of its owner, and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions
from pytest_pixipack.channel import StubChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.cli import main
from pytest_pixipack.engine.download import Wanted as Download
from pytest_pixipack.engine.guard import NetworkGuard
from pytest_pixipack.engine.guard.namespace import NOT_WANTED
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.engine.reuse import Made
from pytest_pixipack.engine.system.classify import tool_error
from pytest_pixipack.engine.system.mirrors import Configuration, StandInChannel
from pytest_pixipack.engine.system.process import Finished
from pytest_pixipack.engine.system.running import Run
from pytest_pixipack.engine.system.tools import Tool, Tools
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import Lock, read_lock
from pytest_pixipack.lock.snapshot import snapshot
from pytest_pixipack.verify.findings import Finding
from pytest_pixipack.verify.lock_pypi_wanted import Wanted as Requirement

SECRET = "hunter2s3cr3t"
WAYS = {"basic": {"basic": ("me", SECRET)}, "token": {"token": SECRET}}
REMOTE = f"https://me:{SECRET}@conda.example.org/t/{SECRET}/mine"
MANIFEST = """
[workspace]
name = "w"
channels = ["{url}"]
platforms = ["linux-64"]

[dependencies]
zlib = "*"
"""


def write(directory: Path, url: str) -> Path:
    (directory / "pixi.toml").write_text(MANIFEST.format(url=url), encoding="utf-8")
    return directory


@pytest.fixture(params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[ChannelServer]:
    with StubChannel("mine").add("zlib", "1.3").serve(**WAYS[request.param]) as found:
        yield found


@pytest.fixture
def workspace(server: ChannelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a lock whose channel's URL has the secret."""
    monkeypatch.setenv("PIXIPACK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIXIPACK_HTTP_RETRIES", "0")
    root = tmp_path / "w"
    root.mkdir()
    write(root, server.secret_url)
    lock = EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache")).lock(root)
    (root / "pixi.lock").write_bytes(lock.to_text().encode())
    assert SECRET in lock.to_text()
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def shown(capfd: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs the command line: exit code, and all that it printed and wrote as JSON."""

    def run(*words: str) -> tuple[int, str]:
        target = tmp_path / "document.json"
        code = main([*words, "--json", str(target)])
        text = "".join(capfd.readouterr()) + target.read_text(encoding="utf-8")
        assert SECRET not in text
        return code, text

    return run


def other(workspace: Path) -> Lock:
    """The lock of another channel of that server, which is not the manifest's."""
    text = (workspace / "pixi.lock").read_text(encoding="utf-8")
    (workspace / "other.lock").write_text(text.replace("/mine", "/other"), encoding="utf-8")
    return read_lock(workspace / "other.lock")


def test_commands_that_work(workspace: Path, shown) -> None:
    assert shown("lock", ".")[0] == 0
    assert shown("check", ".")[0] == 0
    assert shown("pack", ".", "-p", "linux-64", "-o", "p.tar")[0] == 0
    assert shown("verify", "--workspace", ".", "--pack", "p.tar")[0] == 0


def test_findings_name_the_channel_without_it(
    workspace: Path, server: ChannelServer, shown
) -> None:
    write(workspace, server.secret_url.replace("/mine", "/other"))
    code, text = shown("check", ".")
    assert code == 1
    assert "lock-channels" in text
    assert "/mine/" in text


def test_differences_name_the_channel_without_it(workspace: Path, shown) -> None:
    diff = read_lock(workspace / "pixi.lock").diff(other(workspace))
    code, text = shown("compare", "pixi.lock", "other.lock")
    assert code == 1
    assert "/other/" in text
    assert SECRET not in repr(diff) + str(diff)


def test_a_snapshot_of_a_lock(workspace: Path) -> None:
    text = snapshot(read_lock(workspace / "pixi.lock"))
    assert SECRET not in text
    assert "zlib" in text


def test_errors_of_the_network(workspace: Path, server: ChannelServer, shown) -> None:
    server.fail("500")
    assert "500 Internal" in shown("pack", ".", "-p", "linux-64", "-o", "p.tar")[1]
    (workspace / "pixi.lock").unlink()
    code, text = shown("lock", ".")
    assert code == 2
    assert "infrastructure" in text
    assert SECRET not in str(server.log)


def test_a_channel_that_needs_the_network(workspace: Path, shown) -> None:
    (write(workspace, REMOTE) / "pixi.lock").unlink()
    code, text = shown("lock", ".")
    assert code == 2
    assert "conda.example.org" in text


@pytest.mark.slow
@pytest.mark.parametrize("state", ["up", "down"])
def test_reports_of_a_run(state: str, workspace: Path, server: ChannelServer) -> None:
    if state == "down":
        write(workspace, server.secret_url.replace("/mine", "/other"))
        server.fail("500")
    command = [sys.executable, "-m", "pytest", "--pixi-pack", "--pixipack-only", "-rA", "-vv"]
    command += ["--pixipack-engine=embedded", "--junitxml=j.xml", "-p", "no:cacheprovider"]
    for report in ("r.html", "r.json"):
        done = subprocess.run(
            [*command, f"--pixipack-report={report}"],
            cwd=workspace,
            capture_output=True,
            encoding="utf-8",
        )
        assert (done.returncode == 0) == (state == "up"), done.stdout
        assert SECRET not in done.stdout + done.stderr
    for name in ("r.html", "r.json", "j.xml"):
        assert SECRET not in (workspace / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_transcript(tmp_path: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        from pathlib import Path

        def test_lock(stub_channel, stub_backend, pixi_workspace):
            server = stub_channel().add("zlib", "1.3").serve(basic=("me", "{SECRET}"))
            ws = pixi_workspace(channels=[server.secret_url]).package("app", host={{"zlib": "*"}})
            ws.lock()
            assert stub_backend.transcript.calls
            texts = [path.read_text() for path in Path(stub_backend.directory).rglob("*.jsonl")]
            assert texts
            assert not [text for text in texts if "{SECRET}" in text]
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("code", "stderr"),
    [
        (1, f"Error: could not fetch {REMOTE}\n  help: look at {REMOTE}\n"),
        (101, f"thread 'main' panicked at src/main.rs:1:\nno {REMOTE}\n"),
        (2, f"error: unexpected argument {REMOTE}\n\nFor more information, try '--help'.\n"),
    ],
)
def test_what_a_tool_says(code: int, stderr: str, tmp_path: Path) -> None:
    tool = Tool("pixi", tmp_path / "pixi", "", None)
    error = tool_error(Finished(tool, ("add", REMOTE), code, "", stderr, 0.1))
    assert SECRET not in str(error) + json.dumps(error.to_json())
    assert "conda.example.org" in str(error)


def test_what_variables_of_our_code_show(tmp_path: Path) -> None:
    """pytest shows them with `-l --full-trace`, at full length with `-vv`."""
    environ = {"MY_TOKEN": SECRET}
    options = EngineOptions(
        cache_dir=tmp_path,
        channels={REMOTE: tmp_path},
        environ=environ,
        child=ChildSettings(environment=environ),
    )
    guard = NetworkGuard(isolation=NOT_WANTED)
    files = Configuration(tmp_path, tmp_path)
    shown = (
        options,
        options.child,
        Made("stub", {}, {}, environ, ()),
        Run(Tools(), options, tmp_path, environ, files, guard),
        Download(REMOTE, "a file"),
        StandInChannel(REMOTE, tmp_path, "c"),
        Requirement("a", f"a @ {REMOTE}", url=REMOTE),
    )
    for each in shown:
        assert SECRET not in repr(each)
        assert repr(each).startswith(f"{type(each).__name__}(")


def test_errors_and_findings_themselves() -> None:
    error = InvalidInput(f"Not {REMOTE}.", file=REMOTE, remedy=f"Try {REMOTE}.")
    finding = Finding(
        rule="x-y", severity="error", layers=("lock",), message=REMOTE, expected=[REMOTE],
        actual={"url": REMOTE}, evidence=REMOTE, remedy=REMOTE, file=REMOTE,
    )  # fmt: skip
    for text in (str(error), repr(error), repr(error.args), repr(finding), str(finding.to_json())):
        assert SECRET not in text
