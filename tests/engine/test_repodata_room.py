"""What py-rattler has read is kept in the cache, by copies that it never works in."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.repodata import Repodata
from pytest_pixipack.engine.repodata_room import RepodataRoom, _is_plain


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    stub = StubChannel("mine").add("zlib", "1.3", subdirs=["linux-64"])
    return stub.build(tmp_path / "mine").path


def lock(url: str, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir(exist_ok=True)
    (tmp_path / "w" / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = ["{url}"]\nplatforms = ["linux-64"]\n'
        '[dependencies]\nzlib = "*"\n',
        encoding="utf-8",
    )
    engine = EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))
    assert engine.lock(tmp_path / "w")["linux-64"]["zlib"].version == "1.3"


@pytest.mark.parametrize("derive", [True, False], ids=["shards", "plain"])
def test_what_is_the_same_is_not_sent_again(channel, tmp_path, derive):
    with ChannelServer({"mine": channel}, derive=derive) as server:
        lock(server.url, tmp_path)
        server.clear_log()
        lock(server.url, tmp_path)
        assert {entry.status for entry in server.log} <= {304, 404}


@pytest.mark.parametrize("derive", [True, False], ids=["shards", "plain"])
@pytest.mark.parametrize("secret", [{"basic": ("me", "hunter2")}, {"token": "hunter2"}], ids=str)
def test_nothing_with_a_secret_in_it_is_kept(channel, tmp_path, derive, secret):
    """py-rattler notes the URL that it has read."""
    with ChannelServer({"mine": channel}, derive=derive, **secret) as server:
        lock(server.secret_url, tmp_path)
        lock(server.secret_url, tmp_path)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_kept_of_what_was_interrupted(channel, tmp_path, end):
    import rattler

    async def question(gateway: Any) -> None:
        await gateway.query([server.url], [rattler.Subdir("linux-64")], [rattler.MatchSpec("zlib")])
        if end is not None:
            raise end

    with ChannelServer({"mine": channel}) as server:
        asked = [ChannelTable(tmp_path, {}, network=False).resolve(server.url)]
        with (
            pytest.raises(end) if end is not None else contextlib.nullcontext(),
            Repodata(tmp_path / "room", network=False) as repodata,
        ):
            repodata.ask("a test", asked, ["linux-64"], question)
    assert (tmp_path / "room").exists() == (end in (None, ValueError))


@pytest.mark.parametrize("damage", ["file", "directory", "nothing"])
def test_a_room_that_cannot_be_written_is_done_without(channel, tmp_path, damage):
    place = tmp_path / "cache" / "repodata"
    place.parent.mkdir()
    if damage == "file":
        place.write_text("")
    elif damage == "directory":
        (place / ".sealed.json").mkdir(parents=True)
    with ChannelServer({"mine": channel}) as server:
        lock(server.url, tmp_path)
        lock(server.url, tmp_path)


@pytest.mark.parametrize(
    "known",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"../outside": "x"}',
        '{"/etc/passwd": "x"}',
        '{"a.json": 1}',
        '{"shards-v1/../../outside": "x"}',
        r'{"shards-v1/..\\..\\outside": "x"}',
    ],
)
def test_names_in_it_lead_nowhere_else(tmp_path, known):
    shared, private = tmp_path / "shared", tmp_path / "private"
    (shared / "shards-v1").mkdir(parents=True)
    private.mkdir()
    outside = tmp_path / "outside"
    outside.write_text("kept", encoding="utf-8")
    (shared / ".sealed.json").write_text(known, encoding="utf-8")
    room = RepodataRoom(shared, private)
    room.bring(["https://host/linux-64"])
    room.keep()
    assert [path.name for path in private.rglob("*")] == ["shards-v1"]
    assert outside.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("name", [r"shards-v1/..\..\x", "shards-v1/../x", "C:x", "/x", "", "a/b"])
def test_what_is_no_name_of_a_file_of_it(name):
    assert not _is_plain(name)
    assert _is_plain("shards-v1/0a.msgpack")
    assert _is_plain("0a1b2c3d.info.json")


@pytest.mark.parametrize("secret", ["u:hun'ter@", "u:a`b@", 'u:a\\"b@', "u:(a)@", "t'k@"])
@pytest.mark.parametrize("name", ["aa.info.json", "shards-v1/aa.shards-cache-v1"])
def test_nothing_of_a_channel_with_a_secret_is_kept(tmp_path, secret, name):
    shared, private = tmp_path / "shared", tmp_path / "private"
    (private / "shards-v1").mkdir(parents=True)
    for start, user in (("aa", secret), ("bb", "")):
        note = f'{{"url":"https://{user}host/c/linux-64","etag":"x@y"}}'
        (private / name.replace("aa", start)).write_text(note, encoding="utf-8")
    RepodataRoom(shared, private).keep()
    kept = [path.name for path in shared.rglob("*") if not path.name.startswith(".")]
    assert sorted(n for n in kept if n.partition(".")[0] in ("aa", "bb")) == [
        Path(name).name.replace("aa", "bb")
    ]
