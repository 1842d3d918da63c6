"""Whatever is damaged in a cache, an engine makes of a workspace what it made before."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.backend.stand_in import start_code
from pytest_pixipack.channel import File
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.errors import Infrastructure, Offline, PixipackError
from pytest_pixipack.lock import write_lock
from pytest_pixipack.platforms import current_platform

pytest.importorskip("httpx")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="its backend is a shell script"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH"),
]

PLATFORM = current_platform()
BACKEND = "my-backend"
PACKAGE = """
[workspace]
name = "{name}"
channels = ["{url}"]
platforms = ["{platform}"]
preview = ["pixi-build"]
[package]
name = "{name}"
version = "1.0"
[package.build]
backend = {{ name = "my-backend", version = "*" }}
"""
WORKSPACE = """
[workspace]
name = "w"
channels = ["{url}", "conda-forge"]
platforms = ["{platform}"]
preview = ["pixi-build"]
[dependencies]
libz = "*"
stubbed = "*"
arch = {{ url = "{archive}", sha256 = "{sha256}" }}
gitp = {{ git = "{repository}", branch = "main" }}
[tool.pixipack]
channels = {{ conda-forge = "channel.toml" }}
"""
STUB = f"""
name = "stub"
[[package]]
name = "stubbed"
version = "2.0"
subdir = "{PLATFORM}"
files."share/s.txt" = "stubbed"
"""


def channel() -> StubChannel:
    """A library and a build backend."""
    words = [sys.executable, "-c", start_code()]
    program = File(text=f"#!/bin/sh\nexec {shlex.join(words)}\n", executable=True)
    needs = ["pixi-build-api-version >=7,<8"]
    return (
        StubChannel("mine")
        .add("libz", "1.3", subdirs=[PLATFORM], files={"share/z": "z" * 5000})
        .add("pixi-build-api-version", "7")
        .add(BACKEND, "0.1", depends=needs, files={f"bin/{BACKEND}": program, "share/d": "d"})
    )


@dataclass(frozen=True)
class Place:
    """A workspace that fills every room of a cache; `cache` is the one that is to be damaged."""

    root: Path
    server: ChannelServer

    @property
    def workspace(self) -> Path:
        return self.root / "w"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def engine(self) -> EmbeddedEngine:
        return EmbeddedEngine(EngineOptions(cache_dir=self.cache, environ={"PATH": os.defpath}))

    def outcome(self) -> dict[str, str]:
        """The digests of a pack of the lock that is there, and of a lock made anew."""
        lock = self.workspace / "pixi.lock"
        text = lock.read_bytes()
        pack = self.engine().pack(self.workspace, self.root / "environment.tar")
        lock.unlink()
        try:
            anew = self.engine().lock(self.workspace).to_text()
        finally:
            lock.write_bytes(text)
        return {
            "pack": hashlib.sha256(pack.path.read_bytes()).hexdigest(),
            "lock": hashlib.sha256(anew.encode()).hexdigest(),
        }

    def one(self, pattern: str) -> Path:
        found = sorted(self.cache.glob(pattern))
        assert found, pattern
        return found[0]


def sources(folder: Path, name: str, url: str) -> None:
    (folder / "files").mkdir(parents=True)
    text = PACKAGE.format(name=name, url=url, platform=PLATFORM)
    (folder / "pixi.toml").write_text(text, encoding="utf-8")
    (folder / "files" / "file.txt").write_text(f"file of {name}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, dict[str, str]]]:
    """A workspace with a warm cache, and what is made of it."""
    root = tmp_path_factory.mktemp("reference")
    with channel().serve() as server:
        sources(root / "arch", "arch", server.url)
        with tarfile.open(root / "arch.tar.gz", "w:gz") as tar:
            tar.add(root / "arch", "arch")
        sources(root / "gitp", "gitp", server.url)
        who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "one"]):
            subprocess.run(["git", *words], cwd=root / "gitp", check=True)
        place = Place(root, server)
        place.workspace.mkdir()
        (place.workspace / "channel.toml").write_text(STUB, encoding="utf-8")
        text = WORKSPACE.format(
            url=server.url,
            platform=PLATFORM,
            archive=(root / "arch.tar.gz").as_uri(),
            sha256=hashlib.sha256((root / "arch.tar.gz").read_bytes()).hexdigest(),
            repository=(root / "gitp").as_uri(),
        )
        (place.workspace / "pixi.toml").write_text(text, encoding="utf-8")
        write_lock(place.engine().lock(place.workspace), place.workspace / "pixi.lock")
        good = place.outcome()
        assert place.outcome() == good
        yield place, good


@pytest.fixture
def warm(reference: tuple[Place, dict[str, str]]) -> Iterator[Place]:
    """The workspace with its warm cache, which is as before at the end."""
    place, _ = reference
    kept = place.root / "kept"
    shutil.copytree(place.cache, kept, symlinks=True)
    yield place
    shutil.rmtree(place.cache)
    kept.rename(place.cache)


def changed(pattern: str, change: Callable[[bytes], bytes]) -> Callable[[Place], object]:
    """Writes something else into the first file of a pattern; its time and mode stay."""

    def damage(place: Place) -> None:
        file = place.one(pattern)
        before, data = file.stat(), file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(change(data))
        assert file.read_bytes() != data
        file.chmod(before.st_mode & 0o777)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    return damage


def empty(data: bytes) -> bytes:
    return b""


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def other(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


FILES = {
    "stub channel": "channels/*/stub/*/repodata.json",
    "its package": "channels/*/stub/*/stubbed*.conda",
    "download": "packages/*/libz*.conda",
    "sources of an archive": "archives/*/tree/files/file.txt",
    "digest of an archive": "archives/*/md5",
    "sources of a repository": "git/*/*/files/file.txt",
    "a repository's objects": "git/*/db/objects/*/*",
    "a repository's references": "git/*/db/refs/remotes/origin/main",
    "program of a backend": f"backends/*/env/bin/{BACKEND}",
    "record of a backend": "backends/*/env/conda-meta/my-backend*.json",
    "shard": "repodata/shards-v1/*",
    "index of shards": "repodata/*.shards-cache-v1",
    "what is known of repodata": "repodata/.sealed.json",
}


@pytest.mark.parametrize("change", [empty, other])
@pytest.mark.parametrize("pattern", FILES.values(), ids=FILES)
def test_a_damaged_file_is_never_used(reference, warm, pattern, change):
    changed(pattern, change)(warm)
    assert warm.outcome() == reference[1]


@pytest.mark.parametrize("pattern", FILES.values(), ids=FILES)
def test_neither_is_a_link_in_its_place(reference, warm, pattern, tmp_path):
    file = warm.one(pattern)
    outside = tmp_path / "outside"
    outside.write_bytes(file.read_bytes()[:-1] + b"!")
    left = outside.read_bytes()
    file.unlink()
    file.symlink_to(outside)
    assert warm.outcome() == reference[1]
    assert outside.read_bytes() == left


GONE = ["channels/*/stub/noarch", "backends/*/env/conda-meta", "git/*/db", "archives/*/tree",
        "packages", "repodata/shards-v1"]  # fmt: skip


@pytest.mark.parametrize("pattern", GONE)
def test_neither_do_directories_have_to_be_there(reference, warm, pattern):
    shutil.rmtree(warm.one(pattern))
    assert warm.outcome() == reference[1]


def test_a_backend_with_something_added_is_installed_anew(reference, warm, tmp_path):
    """What an activation script says is run: nobody may slip one in."""
    scripts = warm.one("backends/*/env") / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (scripts / "x.sh").write_text(f"touch {tmp_path / 'ran'}\n")
    assert warm.outcome() == reference[1]
    assert not (tmp_path / "ran").exists()


UNREACHABLE: dict[str, tuple[str, Callable[[Place], Path | None]]] = {
    "archive": ("archives/*/tree/files/file.txt", lambda place: place.root / "arch.tar.gz"),
    "repository": ("git/*/*/files/file.txt", lambda place: place.root / "gitp"),
    "download": ("packages/*/libz*.conda", lambda _: None),
}


@pytest.mark.parametrize("what", UNREACHABLE)
def test_where_it_cannot_be_made_anew_the_cache_is_named(warm, what):
    """Nothing follows for the product from a damaged cache."""
    pattern, source = UNREACHABLE[what]
    changed(pattern, half)(warm)
    if what == "repository":
        changed("git/*/db/HEAD", empty)(warm)
    origin = source(warm)
    if origin is None:
        warm.server.fail("404,path=*.conda")
    else:
        origin.rename(origin.with_name("moved"))
    try:
        for _ in range(2):
            with pytest.raises(PixipackError) as caught:
                warm.engine().pack(warm.workspace, warm.root / "environment.tar")
            assert isinstance(caught.value, Infrastructure)
            assert not isinstance(caught.value, Offline)
            assert str(warm.cache) in str(caught.value)
            assert "damaged" in str(caught.value)
            assert "pixipack cache clean" in str(caught.value)
    finally:
        warm.server.fail()
        if origin is not None:
            origin.with_name("moved").rename(origin)
