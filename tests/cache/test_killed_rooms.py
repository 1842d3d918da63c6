"""Whoever uses the cache can be killed at any point: the next one has the right thing, at once.

And others may be at work, or tidy up, at any point.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel
from pytest_pixipack.cache.entries import left_overs
from pytest_pixipack.cache.limit import trim
from pytest_pixipack.engine.git import GitCache

NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")

# Does one thing with a cache and prints what came out. Each operation on files or processes is
# counted before it is done; at the one that is named, the process kills or stops itself.
CHILD = """
import os, sys, tempfile
from pathlib import Path

what, cache, source = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
deadly, signal = int(sys.argv[4]), int(sys.argv[5])
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod",
          "subprocess.Popen", "os.truncate", "socket.connect"}
seen = 0

def hook(event, arguments):
    global seen
    if event not in EVENTS:
        return
    mine = event != "open" or str(cache) in str(arguments[0])  # not the modules that are imported
    seen += mine
    if mine and seen == deadly:
        os._exit(9) if os.name == "nt" else os.kill(os.getpid(), signal)

from pytest_pixipack import StubChannel
from pytest_pixipack.cache.users import using
from pytest_pixipack.channel import built_channel
from pytest_pixipack.engine.archives import ArchiveCache
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.git import GitCache
from pytest_pixipack.facts import PackageFacts

with tempfile.TemporaryDirectory(dir=cache.parent) as scratch, using(cache):
    sys.addaudithook(hook)
    if what == "channel":
        channel = StubChannel("c").add("a", "1", files={"share/a": "a"}).add("b", "1")
        found = built_channel(channel, cache / "channels")
        print(sorted(p.name for p in found.path.rglob("*.conda")))
    elif what == "archive":
        archives = ArchiveCache(cache / "archives", network=False)
        sha256, _ = archives.pin(source, None, None)
        print(sorted(p.name for p in archives.directory_of(source, sha256).rglob("*")))
    elif what == "git":
        repositories = GitCache(cache / "git", os.environ, Path(scratch), network=False)
        place = repositories.checkout(source, repositories.resolve(source, "branch", "main"))
        print((place / "file").read_text())
    else:
        url, sha256 = source.split("#")
        facts = PackageFacts(name="p", sha256=sha256, file_name="p-1-0.conda", url=url)
        files = PackageFiles(ChannelTable(cache, {}, network=False), cache)
        print(len(files.path_of(facts).read_bytes()))
"""


CLEAN = """
import sys
from pathlib import Path
from pytest_pixipack.cache.limit import clean, trim

clean(Path(sys.argv[1]))
trim(Path(sys.argv[1]), 0)
"""
SIGKILL, SIGSTOP = 9, getattr(signal, "SIGSTOP", 0)


def command(what: str, cache: Path, source: str, point: int = 0, deadly: int = 0) -> list[str]:
    words = [what, str(cache), source, str(point), str(deadly)]
    return [sys.executable, "-c", CHILD, *words]


def run(what: str, cache: Path, source: str, deadly: int = 0) -> str | None:
    """What came out; None where the process was killed."""
    call = command(what, cache, source, deadly, SIGKILL)
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    if deadly and done.returncode not in (0, 1):
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


def started(call: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(call, stdout=pipe, stderr=pipe, text=True)


def outcome(process: subprocess.Popen[str]) -> str:
    """What came out."""
    printed, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    return printed


def stopped_at(point: int, what: str, cache: Path, source: str) -> subprocess.Popen[str] | None:
    """A process that stands still before an operation; None where it has no such one."""
    process = started(command(what, cache, source, point, SIGSTOP))
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return process
    process.returncode = os.waitstatus_to_exitcode(status)
    outcome(process)
    return None


@pytest.fixture
def archive(tmp_path: Path) -> str:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for number in range(5):
            member = tarfile.TarInfo(f"top/{number}")
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
    return (tmp_path / "a.tar.gz").as_uri()


@pytest.fixture
def repository(tmp_path: Path) -> str:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file").write_text("content")
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder.as_uri()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A package on a server of this machine, and its sha256."""
    channel = StubChannel("c").add("p", "1", files={"share/p": os.urandom(300_000)})
    built = channel.build(tmp_path / "served")
    (package,) = built.packages

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(built.path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    name = f"{package.subdir}/{package.file_name}"
    yield f"http://127.0.0.1:{server.server_port}/{name}#{package.sha256}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["channel", "archive", "git", "download"])
def room(request: pytest.FixtureRequest) -> tuple[str, str]:
    """What is done with a cache, and with what source."""
    what = request.param
    if what == "git" and shutil.which("git") is None:
        pytest.skip("git is not on PATH")
    if what == "download":
        pytest.importorskip("httpx")
    names = {"archive": "archive", "git": "repository", "download": "served"}
    return what, request.getfixturevalue(names[what]) if what in names else "-"


@pytest.mark.slow
def test_killed_at_many_points(room: tuple[str, str], tmp_path: Path) -> None:
    what, source = room
    whole = run(what, tmp_path / "whole", source)
    killed = 0
    for point in [*range(1, 9), *range(9, 60, 4)]:
        cache = tmp_path / f"cache{point}"
        if run(what, cache, source, deadly=point) is not None:
            break
        killed += 1
        assert run(what, cache, source) == whole, f"after {point}"
        trim(cache, 10**9)  # as every run does in the end
        assert left_overs(cache) == [], f"after {point}"
    assert killed > 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")
@pytest.mark.parametrize("tidies", [False, True], ids=["another one", "tidying up"])
def test_others_come_in_between(room: tuple[str, str], tidies: bool, tmp_path: Path) -> None:
    what, source = room
    whole = run(what, tmp_path / "whole", source)
    stopped = 0
    for point in range(1, 60, 4):
        cache = tmp_path / f"cache{point}"
        first = stopped_at(point, what, cache, source)
        if first is None:
            break
        stopped += 1
        clean = [sys.executable, "-c", CLEAN, str(cache)]
        other = started(clean if tidies else command(what, cache, source))
        # It is done, or it waits for what the first one holds.
        with contextlib.suppress(subprocess.TimeoutExpired):
            other.wait(timeout=2)
        first.send_signal(signal.SIGCONT)
        assert outcome(first) == whole, f"at {point}"
        assert outcome(other) == ("" if tidies else whole), f"at {point}"
        assert run(what, cache, source) == whole, f"after {point}"
        assert left_overs(cache) == [], f"after {point}"
    assert stopped > 2


@NEEDS_GIT
def test_locks_of_a_git_that_was_killed_block_nobody(tmp_path: Path, repository: str) -> None:
    cache = GitCache(tmp_path / "cache", os.environ, tmp_path / "scratch", network=False)
    first = cache.resolve(repository, "branch", "main")
    (database,) = (tmp_path / "cache").glob("*/db")
    for name in ("packed-refs.lock", "shallow.lock", "refs/remotes/origin/main.lock"):
        (database / name).touch()
    assert cache.resolve(repository, "branch", "main") == first


@NEEDS_GIT
def test_half_a_repository_is_made_anew(tmp_path: Path, repository: str) -> None:
    cache = GitCache(tmp_path / "cache", os.environ, tmp_path / "scratch", network=False)
    first = cache.resolve(repository, "branch", "main")
    (database,) = (tmp_path / "cache").glob("*/db")
    (database / "HEAD").unlink()
    assert cache.resolve(repository, "branch", "main") == first
