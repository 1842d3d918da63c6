"""What caches of the user hold changes no result, however they came by it.

A cache is filled as the tools fill it and then changed, without anything that would tell: whoever
reads it takes what is wrong. That is tried first.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, write_lock
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.running import loopback_ports
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.platforms import current_platform

from .conftest import found_tools
from .test_the_workspace_is_left_alone import PLANTED, listing

pytestmark = pytest.mark.slow

HERE = current_platform()
GOOD, BAD = "as it is", "tampered"
# Where py-rattler, pixi, uv and conda keep theirs, below a home.
PLACES = (
    ".cache/rattler/cache", ".cache/pixi", ".cache/uv", ".pixi/cache", ".conda",
    "Library/Caches/rattler/cache", "Library/Caches/pixi", "Library/Caches/uv",
    "AppData/Local/rattler/cache", "AppData/Local/pixi/cache", "AppData/Local/uv/cache",
)  # fmt: skip
CACHES = {
    "PIXI_CACHE_DIR": "",
    "PIXI_CACHE_CONDA_PACKAGES_DIR": "pkgs",
    "PIXI_CACHE_REPODATA_DIR": "repodata",
    "PIXI_CACHE_PYPI_WHEELS_DIR": "uv-cache",
    "PIXI_CACHE_BUILD_TOOL_ENVIRONMENTS_DIR": "cached-build-tool-envs-v0",
    "RATTLER_CACHE_DIR": "",
    "CONDA_PKGS_DIRS": "pkgs",
    "UV_CACHE_DIR": "uv-cache",
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64  # else a client on a busy machine waits before it tries again


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[str]:
    """The URL of a channel with a package that says that it is as it is."""
    directory = channel_that_says(GOOD, tmp_path / "channel")
    handler = partial(Quiet, directory=str(directory))
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def channel_that_says(word: str, directory: Path) -> Path:
    spec = StubChannel("c").add("libz", "1.3", subdir=HERE, files={"share/word": word})
    return spec.add("data", "1.0", noarch="generic").build(directory).path


@pytest.fixture
def workspace(channel: str, tmp_path: Path) -> Path:
    """A source package that is built against a package of the channel and needs it."""
    root = tmp_path / "w"
    (root / "app").mkdir(parents=True)
    (root / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = ["{channel}"]\nplatforms = ["{HERE}"]\n'
        'preview = ["pixi-build"]\n[dependencies]\napp = { path = "app" }\n',
        encoding="utf-8",
    )
    (root / "app" / "pixi.toml").write_text(
        '[package]\nname = "app"\nversion = "1.0"\n[package.build]\n'
        'backend = { name = "stub-backend", version = "*" }\n'
        '[package.host-dependencies]\nlibz = "*"\n[package.run-dependencies]\nlibz = "*"\n',
        encoding="utf-8",
    )
    return root


@pytest.fixture
def tampered(channel: str, tmp_path: Path) -> Path:
    """A cache in which the package, and what the channel says of it, are not as they are."""
    cache = tmp_path / "tampered"
    records = asyncio.run(asked(channel, cache / "repodata"))
    asyncio.run(installed(records, tmp_path / "filled", cache / "pkgs"))
    [word] = cache.glob("pkgs/libz-*/share/word")
    unnoticed(word, lambda text: text.replace(GOOD, BAD))
    for facts in cache.glob("repodata/*.info.json"):
        repodata = facts.with_name(facts.name.replace(".info", ""))
        unnoticed(repodata, lambda text: text.replace('"depends": []', '"depends": ["data"]'))
        known = json.loads(facts.read_text(encoding="utf-8"))
        known |= {"size": repodata.stat().st_size, "mtime_ns": repodata.stat().st_mtime_ns}
        known |= {"cache_control": "public, max-age=31536000, immutable", "blake2_hash": None}
        facts.write_text(json.dumps(known), encoding="utf-8")
    # py-rattler keeps what channels say beside the packages, pixi in a directory.
    shutil.copytree(cache / "repodata", cache, dirs_exist_ok=True)
    return cache


async def asked(channel: str, cache: Path | None = None) -> list[Any]:
    import rattler

    gateway = rattler.Gateway(cache) if cache else rattler.Gateway()
    return await rattler.solve([channel], ["libz"], gateway=gateway, platforms=[HERE, "noarch"])


async def installed(records: list[Any], prefix: Path, cache: Path | None = None) -> Path:
    import rattler

    await rattler.install(records, prefix, cache_dir=cache, show_progress=False)
    return prefix


def unnoticed(path: Path, change: Callable[[str], str]) -> None:
    """Changes a file of a cache; not in place, for it may be linked."""
    before, text = path.stat(), path.read_text(encoding="utf-8")
    assert change(text) != text
    path.unlink()
    path.write_text(change(text), encoding="utf-8", newline="")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def plant(tampered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts the tampered cache wherever the user's could be, and has the variables name it."""

    def planted() -> None:
        home = tmp_path / "user"
        for place in PLACES:
            shutil.copytree(tampered, home / place)
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(home))
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        monkeypatch.setenv("LOCALAPPDATA", str(home / "AppData" / "Local"))
        for name, folder in CACHES.items():
            monkeypatch.setenv(name, str(tampered / folder))

    return planted


def everything(engine: Any, workspace: Path, out: Path) -> dict[str, bytes | None]:
    """All that an engine makes of a workspace, byte by byte."""
    lock = engine.lock(workspace)
    engine.build(workspace, out / "built", lock=lock)
    pack = engine.pack(workspace, out / "environment.tar", lock=lock)
    prefix = engine.unpack(pack.path, out / "unpacked")
    assert (prefix.path / "share" / "word").read_text(encoding="utf-8") == GOOD
    made = listing(out / "built") | {"environment.tar": pack.path.read_bytes()}
    # conda-meta says where each package came from, and when it was installed.
    made |= {name: data for name, data in listing(prefix.path).items() if "-meta/" not in name}
    return made | {"pixi.lock": lock.to_text().encode()}


def options(cache: Path) -> EngineOptions:
    return EngineOptions(cache_dir=cache, backends={"stub-backend": "stub"})


@pytest.mark.skipif(sys.platform == "win32", reason="no variable moves a user's caches there")
def test_what_is_planted_is_taken_by_who_takes_the_users_caches(channel, plant, tmp_path):
    plant()
    records = asyncio.run(asked(channel))
    assert {record.name.normalized for record in records} == {"libz", "data"}
    prefix = asyncio.run(installed(records, tmp_path / "p"))
    assert (prefix / "share" / "word").read_text(encoding="utf-8") == BAD


def test_caches_of_the_user_change_nothing(workspace, plant, tmp_path):
    before = everything(EmbeddedEngine(options(tmp_path / "c1")), workspace, tmp_path / "o1")
    plant()
    after = everything(EmbeddedEngine(options(tmp_path / "c2")), workspace, tmp_path / "o2")
    assert after == before


def test_no_variable_of_a_cache_reaches_a_child(plant, tmp_path):
    plant()
    child = hermetic_environment(tmp_path / "home", base={**os.environ, **PLANTED})
    assert not [name for name, value in child.items() if "/user" in value or "tampered" in value]
    assert "/nowhere" not in "".join(child.values())


def test_settings_of_the_user_change_nothing(workspace, tmp_path, monkeypatch):
    before = everything(EmbeddedEngine(options(tmp_path / "c1")), workspace, tmp_path / "o1")
    config = tmp_path / "user" / ".config" / "pixi" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('default-channels = ["elsewhere"]\n', encoding="utf-8")
    for name, value in {**PLANTED, "HOME": str(tmp_path / "user")}.items():
        monkeypatch.setenv(name, value)
    after = everything(EmbeddedEngine(options(tmp_path / "c2")), workspace, tmp_path / "o2")
    assert after == before


@pytest.mark.slow
def test_an_own_cache_that_is_warm_from_other_content_changes_nothing(workspace, channel, tmp_path):
    cold = everything(EmbeddedEngine(options(tmp_path / "cold")), workspace, tmp_path / "o1")
    warm = options(tmp_path / "warm")
    keep = tmp_path / "keep"
    (tmp_path / "channel").rename(keep)
    channel_that_says(BAD, tmp_path / "channel")
    engine = EmbeddedEngine(warm)
    lock = engine.lock(workspace)
    engine.pack(workspace, tmp_path / "o2" / "environment.tar", lock=lock)
    later = (tmp_path / "channel").stat().st_mtime + 10
    shutil.rmtree(tmp_path / "channel")
    keep.rename(tmp_path / "channel")
    for path in (tmp_path / "channel").rglob("repodata*"):
        os.utime(path, (later, later))  # a server tells what has changed by the second
    assert everything(EmbeddedEngine(warm), workspace, tmp_path / "o3") == cold


@pytest.mark.slow
def test_caches_of_the_user_change_nothing_for_the_tools(tools, workspace, plant, tmp_path):
    before = everything(SystemEngine(options(tmp_path / "c1"), tools), workspace, tmp_path / "o1")
    plant()
    after = everything(SystemEngine(options(tmp_path / "c2"), tools), workspace, tmp_path / "o2")
    assert after == before


@pytest.mark.slow
def test_the_tools_take_what_is_planted_where_they_are_told_to(
    tools, workspace, tampered, tmp_path
):
    told = ChildSettings({"PIXI_CACHE_DIR": str(tampered), "RATTLER_CACHE_DIR": str(tampered)})
    given = EngineOptions(cache_dir=tmp_path / "c", backends={"stub-backend": "stub"}, child=told)
    engine = SystemEngine(given, found_tools())
    lock = engine.lock(workspace)
    assert "data" in lock[HERE]
    write_lock(lock, workspace / "pixi.lock")
    prefix = engine.install(workspace)
    assert (prefix.path / "share" / "word").read_text(encoding="utf-8") == BAD


@pytest.mark.slow
def test_what_pixi_left_in_the_workspace_changes_nothing(tools, workspace, tmp_path):
    """Its caches of builds are in `.pixi`, beside the environments."""
    engine = SystemEngine(options(tmp_path / "c"), tools)
    manifest = workspace / "app" / "pixi.toml"
    as_it_is = manifest.read_text(encoding="utf-8")
    other = as_it_is.replace('version = "*" }\n', 'version = "*" }\nconfig.greeting = "other"\n')
    assert other != as_it_is
    manifest.write_text(other, encoding="utf-8")
    write_lock(engine.lock(workspace), workspace / "pixi.lock")
    engine.install(workspace)
    (workspace / "pixi.lock").unlink()
    (workspace / ".pixi").rename(tmp_path / "left")
    manifest.write_text(as_it_is, encoding="utf-8")
    before = everything(engine, workspace, tmp_path / "o1")
    (tmp_path / "left").rename(workspace / ".pixi")
    assert everything(engine, workspace, tmp_path / "o2") == before


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ('channels = ["http://127.0.0.1:8000/c", "http://localhost:90/d"]', [90, 8000]),
        ('channels = ["http://me:word@127.0.0.1:8000/c"]', [8000]),
        ('channels = ["https://example.org:80/127.0.0.1:90", "http://127.0.0.1.org:1"]', []),
    ],
)
def test_servers_of_this_machine_that_a_workspace_names_are_reached(text, ports, tmp_path):
    workspace = f'[workspace]\nname = "w"\nplatforms = ["{HERE}"]\n{text}\n'
    (tmp_path / "pixi.toml").write_text(workspace, encoding="utf-8")
    assert loopback_ports(load_manifest(tmp_path)) == ports
