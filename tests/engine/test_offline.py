"""The network is off: whatever leads to another host, nobody is asked there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.channel import BuiltChannel
from pytest_pixipack.channel.msgpack import packb
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.engine.archives import ArchiveCache
from pytest_pixipack.engine.download import Patience, Wanted, download
from pytest_pixipack.engine.git import GitCache
from pytest_pixipack.engine.proxies import client_for
from pytest_pixipack.engine.requests import LeadsAwayError, Requests
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline
from pytest_pixipack.lock import Lock, write_lock

pytest.importorskip("httpx")

# Of a network for documentation (RFC 5737): nobody is there.
FAR = "192.0.2.1"
SECONDS = 20


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXIPACK_HTTP_TIMEOUT", "2")
    monkeypatch.setenv("PIXIPACK_HTTP_RETRIES", "0")


@pytest.fixture
def built(tmp_path: Path) -> BuiltChannel:
    stub = StubChannel("mine").add("zlib", "1.3", subdirs=["linux-64"])
    return stub.build(tmp_path / "mine")


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., Path]:
    def write(url: str, zlib: str = '"*"') -> Path:
        root = tmp_path / "w"
        root.mkdir(exist_ok=True)
        (root / "pixi.toml").write_text(
            f'[workspace]\nname = "w"\nchannels = ["{url}"]\nplatforms = ["linux-64"]\n'
            f"[dependencies]\nzlib = {zlib}\n",
            encoding="utf-8",
        )
        return root

    return write


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    return EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("path", ["*/repodata*", "*/shards/*"], ids=["repodata", "a shard"])
def test_repodata_that_are_elsewhere_are_not_fetched(scheme, path, built, workspace, engine):
    with (
        built.serve(faults=[f"redirect={scheme}://{FAR}/mine,path={path}"]) as server,
        pytest.raises(Offline, match=rf"lead to {FAR}:\d+, and the network is off"),
    ):
        engine.lock(workspace(server.url))


def test_nor_is_a_package(built, workspace, engine, tmp_path):
    with built.serve() as server:
        root = workspace(server.url)
        write_lock(engine.lock(root), root / "pixi.lock")
        server.fail(f"redirect=https://{FAR}:8080/mine,path=*.conda")
        with pytest.raises(Offline, match=f"leads to {FAR}:8080, and the network is off"):
            engine.pack(root, tmp_path / "environment.tar", platform="linux-64")


@pytest.mark.parametrize(
    "address",
    ["http://192.0.2.1/", "https://192.0.2.1/", "http://[2001:db8::1]/", "http://far.example.org/",
     "http://localhost.example.org/", "oci://far.example.org/", "s3://far/", "gcs://far/"],
)  # fmt: skip
def test_nor_shards_of_a_host_that_the_index_names(address, built, workspace, engine):
    """`shards_base_url`, CEP 16."""
    record = json.loads((built.path / "linux-64/repodata.json").read_bytes())["packages.conda"]
    shard = zstandard.compress(packb({"packages": {}, "packages.conda": record, "removed": []}))
    shards = {"zlib": hashlib.sha256(shard).digest()}
    info = {"subdir": "linux-64", "base_url": "./", "shards_base_url": address}
    index = zstandard.compress(packb({"info": info, "shards": shards}))
    (built.path / "linux-64" / "repodata_shards.msgpack.zst").write_bytes(index)
    with ChannelServer({"mine": built.path}) as server, pytest.raises(Offline) as caught:
        engine.lock(workspace(server.url))
    host = address.partition("://")[2].strip("/").strip("[]")
    assert host in caught.value.message


def base_url(built: BuiltChannel, address: str) -> None:
    """CEP 15: the packages of a channel lie elsewhere."""
    file = built.path / "linux-64" / "repodata.json"
    document = json.loads(file.read_bytes())
    document["info"]["base_url"] = address
    file.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("served", [True, False], ids=["served", "local"])
def test_nor_packages_of_a_host_that_repodata_name(served, built, workspace, engine, tmp_path):
    base_url(built, f"https://{FAR}/there")
    with ChannelServer({"mine": built.path}, derive=False) as server:
        root = workspace(server.url if served else built.url)
        lock: Lock = engine.lock(root)
        write_lock(lock, root / "pixi.lock")
        assert lock["linux-64"]["zlib"].location == f"https://{FAR}/there/zlib-1.3-h0_0.conda"
        with pytest.raises(Offline, match=f"https://{FAR}/there/zlib"):
            engine.pack(root, tmp_path / "environment.tar", platform="linux-64")


def test_nor_a_file_that_a_manifest_names(built, workspace, engine):
    with built.serve(faults=[f"redirect=http://{FAR}/mine,path=*.conda"]) as server:
        url = f"{server.url}/linux-64/zlib-1.3-h0_0.conda"
        with pytest.raises(Offline, match=f"leads to {FAR}"):
            engine.lock(workspace(server.url, f'{{ url = "{url}" }}'))


def test_nor_an_archive(built, tmp_path):
    with (
        built.serve(faults=[f"redirect=http://{FAR}/mine,path=*"]) as server,
        pytest.raises(Offline, match=f"leads to {FAR}"),
    ):
        ArchiveCache(tmp_path / "c", network=False).pin(f"{server.url}/a.zip", None, None)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")
def test_nor_a_repository(built, tmp_path, monkeypatch):
    with built.serve(faults=[f"redirect=http://{FAR}/mine,path=*"]) as server:
        cache = GitCache(tmp_path / "c", {"PATH": str(Path(shutil.which("git") or "").parent)},
                         tmp_path / "s", network=False)  # fmt: skip
        with pytest.raises(Offline, match=f"`git fetch` wanted {FAR}:80, and the network is off"):
            cache.resolve(f"{server.url}/repository", "branch", "main")


def test_on_this_machine_a_redirect_is_followed(built, workspace, engine, tmp_path):
    with built.serve() as there, built.serve(faults=[f"redirect={there.url}"]) as server:
        root = workspace(server.url)
        write_lock(engine.lock(root), root / "pixi.lock")
        pack_ = engine.pack(root, tmp_path / "environment.tar", platform="linux-64")
        assert set(pack_.packages) == {"zlib"}


def test_redirects_have_an_end(built, tmp_path):
    with built.serve() as server:
        server.fail(f"redirect={server.url}")
        wanted = Wanted(f"{server.url}/noarch/x", "x", sha256="0" * 64)
        with pytest.raises(Infrastructure, match="redirects"):
            download(wanted, tmp_path / "x", patience=Patience(attempts=1))


@pytest.mark.parametrize("url", ["http://[", "ftp://192.0.2.1/", "http:///x", "s3://bucket/x", ""])
def test_what_is_no_address_of_this_machine_is_not_asked(url):
    with (
        Requests(1.0, network=False, trust_environment=False) as requests,
        pytest.raises(LeadsAwayError),
        requests.get(url, {}),
    ):
        pass


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy", "HTTP_PROXY", "REQUEST_METHOD"])
def test_no_variable_leads_past_the_proxy_that_refuses(
    variable, built, workspace, engine, monkeypatch
):
    monkeypatch.setenv(variable, "*")
    with (
        built.serve(faults=[f"redirect=http://{FAR}/mine,path=*/repodata*"]) as server,
        pytest.raises(Offline, match=f"lead to {FAR}"),
    ):
        engine.lock(workspace(server.url))


def test_the_variables_of_the_process_stay_as_they_are(monkeypatch):
    import os

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    before = dict(os.environ)
    client_for(os.environ, "http://127.0.0.1:9")
    assert dict(os.environ) == before


def test_what_git_sees_is_not_the_users(tmp_path):
    """A local repository of another user is read nevertheless: the manifest names it."""
    if shutil.which("git") is None:
        pytest.skip("git is not on PATH")
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    cache = GitCache(tmp_path / "c", {"PATH": str(Path(shutil.which("git") or "").parent)},
                     tmp_path / "s", network=False)  # fmt: skip
    with pytest.raises(InvalidInput, match="does not have"):
        cache.resolve((tmp_path / "r").as_uri(), "branch", "main")
    assert not (tmp_path / "c" / "home").exists()
