"""A dependency on one certain file of a server is that file, whatever else has its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.artifact import file_digests
from pytest_pixipack.channel import BuiltChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage, write_lock
from tests.permissions import obeyed

pytest.importorskip("httpx")

FILE = "linux-64/zlib-1.3-h0_0.conda"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "w").mkdir()
    return tmp_path / "w"


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    return EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))


def channel(place: Path, *needs: str) -> BuiltChannel:
    stub = StubChannel("mine").add("zlib", "1.3", subdirs=["linux-64"], depends=needs)
    for name in needs:
        stub.add(name, "1")
    return stub.build(place)


def write(root: Path, channel: str, url: str, digest: str = "") -> None:
    (root / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = ["{channel}"]\nplatforms = ["linux-64"]\n'
        f'[dependencies]\nzlib = {{ url = "{url}"{digest} }}\n',
        encoding="utf-8",
    )


def locked(engine: EmbeddedEngine, root: Path) -> LockedPackage:
    lock = engine.lock(root)
    write_lock(lock, root / "pixi.lock")
    return lock["linux-64"]["zlib"]


def test_two_servers_may_have_files_of_one_name(engine, root, tmp_path):
    for needs in ((), ("dep",)):
        built = channel(tmp_path / f"mine{len(needs)}", *needs)
        with built.serve() as server:
            write(root, server.url, f"{server.url}/{FILE}")
            package = locked(engine, root)
            assert package.location == f"{server.url}/{FILE}"
            assert package.depends == needs
            assert "\n  channel: null\n" in (root / "pixi.lock").read_text(encoding="utf-8")
            pack = engine.pack(root, tmp_path / "environment.tar", platform="linux-64")
            assert set(pack.packages) == {"zlib", *needs}


def test_one_that_was_replaced_is_seen(engine, root, tmp_path):
    first, second = channel(tmp_path / "one"), channel(tmp_path / "two", "dep")
    with ChannelServer({"mine": second.path}) as server:
        new = (second.path / FILE).read_bytes()
        (second.path / FILE).write_bytes((first.path / FILE).read_bytes())
        write(root, server.url, f"{server.url}/{FILE}")
        before = locked(engine, root)
        (second.path / FILE).write_bytes(new)
        (root / "pixi.lock").unlink()
        after = locked(engine, root)
    assert (before.depends, after.depends) == ((), ("dep",))


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_digest_decides(engine, root, tmp_path, kind):
    built = channel(tmp_path / "mine")
    with built.serve() as server:
        url = f"{server.url}/{FILE}"
        digest = getattr(file_digests(built.path / FILE), kind)
        write(root, server.url, url, f', {kind} = "{digest}"')
        assert getattr(locked(engine, root), kind) == digest
        write(root, server.url, url, f', {kind} = "{digest[::-1]}"')
        with pytest.raises(InvalidInput, match="is not the file"):
            engine.lock(root)


def test_a_cache_that_can_only_be_read_is_no_hindrance(engine, root, tmp_path):
    built = channel(tmp_path / "mine")
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o555)
    try:
        with built.serve() as server, obeyed():
            write(root, server.url, f"{server.url}/{FILE}")
            assert locked(engine, root).version == "1.3"
    finally:
        cache.chmod(0o755)


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2f..%2fevil-1-0.conda", "..%5cevil-1-0.conda", "evil%00-1-0.conda",
     "c%3aevil-1-0.conda", "evil%0a-1-0.conda"],
)  # fmt: skip
def test_no_name_leads_elsewhere(engine, root, tmp_path, name):
    built = channel(tmp_path / "mine")
    with built.serve() as server:
        write(root, server.url, f"{server.url}/linux-64/{name}")
        with pytest.raises(InvalidInput, match="no file of a package"):
            engine.lock(root)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("facts", [{"file_name": "../x.conda"}, {"sha256": "../../x"}])
def test_nor_does_what_a_lock_says(tmp_path, facts):
    files = PackageFiles(ChannelTable(tmp_path, {}), tmp_path / "cache")
    with pytest.raises(InvalidInput, match="no file of a package"):
        files.path_of(PackageFacts(name="x", url="http://127.0.0.1:1/x.conda", **facts))
