"""Compressed and sharded repodata: what rattler reads from them is what is in the channel."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.channel import BuiltChannel, build_channel_from_file
from pytest_pixipack.channel.msgpack import packb
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.channel.server_repodata import sharded

pytestmark = pytest.mark.slow

Serve = Callable[..., ChannelServer]
FIXTURES = Path(__file__).parents[2] / "fixture_channels"
PLATFORMS = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "noarch"]


def read_with_rattler(url: str, cache: Path, **how: bool) -> dict[str, dict[str, Any]]:
    """All records of a channel by their file names, as rattler reads them."""
    import rattler

    async def read() -> list[Any]:
        gateway = rattler.Gateway(cache_dir=cache, default_config=rattler.SourceConfig(**how))
        names = [each.normalized for each in await gateway.names([url], PLATFORMS)]
        found = await gateway.query([url], PLATFORMS, names)
        return [record for records in found for record in records]

    return {
        f"{record.subdir}/{record.file_name}": {
            key: value for key, value in json.loads(record.to_json()).items()
            if key not in ("url", "channel")
        }
        for record in asyncio.run(read())
    }  # fmt: skip


@pytest.mark.parametrize("name", ["toolchain", "curl", "conflicts"])
def test_all_ways_to_the_repodata_lead_to_the_same_records(name: str, tmp_path: Path) -> None:
    channel = build_channel_from_file(FIXTURES / f"{name}.toml", tmp_path / name)
    ways = [
        {"sharded_enabled": True},
        {"sharded_enabled": False},
        {"sharded_enabled": False, "zstd_enabled": False},
    ]
    with channel.serve() as server:
        found = []
        for number, way in enumerate(ways):
            found.append(read_with_rattler(server.url, tmp_path / str(number), **way))
        paths = server.log.paths
    assert len(found[0]) == len(channel.packages)
    assert found[0] == found[1] == found[2]
    assert any("/shards/" in path for path in paths)
    assert any(path.endswith("/linux-64/repodata.json") for path in paths)


def test_compressed_repodata_are_the_same(serve: Serve, client: httpx.Client) -> None:
    url = serve().url
    plain = client.get(f"{url}/noarch/repodata.json").content
    packed = client.get(f"{url}/noarch/repodata.json.zst").content
    assert zstandard.decompress(packed) == plain


def test_a_shard_is_called_by_its_digest(channel: BuiltChannel) -> None:
    files = sharded((channel.path / "linux-64" / "repodata.json").read_bytes())
    for name, data in files.items():
        if name.startswith("shards/"):
            digest = hashlib.sha256(data).hexdigest()
            assert name == f"shards/{digest}.msgpack.zst"
            index = zstandard.decompress(files["repodata_shards.msgpack.zst"])
            assert bytes.fromhex(digest) in index


def test_without_derived_files(serve: Serve, client: httpx.Client) -> None:
    url = serve(derive=False).url
    assert client.get(f"{url}/noarch/repodata.json.zst").status_code == 404
    assert client.get(f"{url}/noarch/repodata_shards.msgpack.zst").status_code == 404
    assert client.get(f"{url}/noarch/repodata.json").status_code == 200


@pytest.mark.parametrize("text", ["", "[]", "{", '{"packages": {"a": 1}}'])
def test_repodata_that_are_none_have_no_shards(
    text: str, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    (channel.path / "noarch" / "repodata.json").write_text(text, encoding="utf-8")
    url = serve().url
    assert client.get(f"{url}/noarch/repodata_shards.msgpack.zst").status_code == 404
    assert client.get(f"{url}/noarch/repodata.json").text == text


def test_rattler_asks_again_only_for_what_has_changed(
    serve: Serve, channel: BuiltChannel, tmp_path: Path
) -> None:
    server = serve()
    for _ in "12":
        read_with_rattler(server.url, tmp_path / "cache")
    index = server.log.matching("*/repodata_shards.msgpack.zst")
    assert sorted(each.status for each in index if "noarch" in each.path) == [200, 304]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@pytest.mark.slow
@given(VALUES)
def test_messagepack_is_read_by_others(value: Any) -> None:
    msgpack = pytest.importorskip("msgpack")
    assert msgpack.unpackb(packb(value)) == value


@pytest.mark.parametrize(
    ("value", "head"),
    [
        ("x" * 31, "bf"), ("x" * 32, "d920"), ("x" * 256, "da0100"), ("x" * 65536, "db00010000"),
        (b"x", "c401"), (b"x" * 256, "c50100"), ([0] * 15, "9f"), ([0] * 16, "dc0010"),
        ({}, "80"), (127, "7f"), (128, "cc80"), (256, "cd0100"), (65536, "ce00010000"),
        (2**32, "cf0000000100000000"), (-32, "e0"), (-33, "d0df"), (-129, "d1ff7f"),
        (-(2**31), "d280000000"), (-(2**63), "d38000000000000000"), (None, "c0"), (True, "c3"),
        (1.5, "cb3ff8000000000000"),
    ],
)  # fmt: skip
def test_heads_of_messagepack(value: object, head: str) -> None:
    assert packb(value).hex().startswith(head)


def test_what_cannot_be_packed_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="object cannot be packed"):
        packb(object())
