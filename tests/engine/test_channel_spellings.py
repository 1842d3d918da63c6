"""Channels whose URLs are not spelled as rattler and pixi write them, or have secrets in them.

What a lock says of them is what pixi 0.77 writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.channel_urls import normal_url, shown_url, without_query
from pytest_pixipack.engine.channels import canonical_url
from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.lock import Lock, parse_lock


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://host/main", "https://host/main/"),
        ("HTTPS://Host:443/main/", "https://host/main/"),
        ("https://host:0443/main/", "https://host/main/"),
        ("https://host/a/../main", "https://host/main/"),
        ("https://host/%2e%2e/main", "https://host/main/"),
        ("https://host\\main\\", "https://host/main/"),
        ("https://host/main//", "https://host/main/"),
        ("https://host", "https://host/"),
        ("file:///", "file:///"),
        ("https://host/m ü", "https://host/m%20%C3%BC/"),
        ("https://host/m%c3%bc", "https://host/m%c3%bc/"),
        ("https://host/a{|}", "https://host/a%7B|%7D/"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x/"),
        ("http://127.1:8080/main", "http://127.0.0.1:8080/main/"),
        ("http://u:@host/main", "http://u@host/main/"),
        ("http://u:a|b@host/main", "http://u:a%7Cb@host/main/"),
        ("http://host/main?a=b", "http://host/main/?a=b"),
        ("http://host/main/#x/", "http://host/main/#x/"),
        ("file:///a/main", "file:///a/main/"),
        ("file:///a/m ü", "file:///a/m%20%C3%BC/"),
        ("file:///a/../m", "file:///m/"),
        ("http://host:99999/none", "http://host:99999/none/"),
    ],
)
def test_one_spelling_for_one_place(written: str, url: str) -> None:
    assert normal_url(written) == url
    assert normal_url(url) == url


def test_a_name_becomes_a_url_in_the_same_way(tmp_path: Path) -> None:
    assert canonical_url("m ü", tmp_path) == "https://conda.anaconda.org/m%20%C3%BC/"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host/main/", "http://host/main/"),
        ("http://u@host/main/", "http://u@host/main/"),
        ("http://u:p@host/main/", "http://u:********@host/main/"),
        ("http://:p@host:80/main/", "http://:********@host:80/main/"),
        ("http://[::1]:80/main/", "http://[::1]:80/main/"),
        ("http://host/t/tk/main/", "http://host/t/********/main/"),
        ("http://host/x/t/main/", "http://host/x/t/main/"),
        ("http://host/main/?u:p@x", "http://host/main/?u:p@x"),
    ],
)
def test_what_is_shown_has_no_password_and_no_token(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert shown_url(shown) == shown


def test_files_are_below_the_path() -> None:
    assert without_query("http://host/main/?a=b") == "http://host/main/"
    assert without_query("http://host/main/#x") == "http://host/main/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChannelServer]:
    stub = StubChannel("mine").add("libz", "1.0").build(tmp_path_factory.mktemp("stub") / "mine")
    with ChannelServer({"mine": stub.path, "m ü": stub.path}) as running:
        yield running


@pytest.fixture
def lock(tmp_path: Path) -> Callable[..., Lock]:
    """Locks a workspace that needs `libz` of channels: URLs, or tables of the manifest."""

    def run(*channels: str) -> Lock:
        channel = ", ".join(
            each if each.startswith("{") else json.dumps(each, ensure_ascii=False)
            for each in channels
        )
        text = f'[workspace]\nname = "w"\nplatforms = ["linux-64"]\nchannels = [{channel}]\n'
        text += '[dependencies]\nlibz = "*"\n'
        (tmp_path / "pixi.toml").write_text(text, encoding="utf-8")
        return EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache")).lock(tmp_path)

    return run


@pytest.mark.parametrize(
    ("written", "channel", "base", "named"),
    [
        ("http://HOST/x/../mine", "http://HOST/mine/", "http://HOST/mine/", None),
        ("HTTP://HOST/mine", "http://HOST/mine/", "http://HOST/mine/", None),
        ("http://HOST/m ü", "http://HOST/m%20%C3%BC/", "http://HOST/m%20%C3%BC/", None),
        ("http://HOST\\mine", "http://HOST/mine/", "http://HOST/mine/", None),
        ("http://u:@HOST/mine", "http://u@HOST/mine/", "http://u@HOST/mine/", None),
        (
            "http://u:a|b'c@HOST/mine",
            "http://u:a%7Cb'c@HOST/mine/",
            "http://u:a%7Cb'c@HOST/mine/",
            "http://u:********@HOST/mine",
        ),
        (
            "http://HOST/t/tk/mine",
            "http://HOST/t/tk/mine/",
            "http://HOST/t/tk/mine/",
            "http://HOST/t/********/mine",
        ),
        (
            "http://HOST/mine?token=x",
            "http://HOST/mine/?token=x",
            "http://HOST/mine/",
            "http://HOST/mine?token=x",
        ),
        ("http://HOST/mine/#x", "http://HOST/mine/#x", "http://HOST/mine/", "http://HOST/mine#x"),
    ],
)
def test_a_channel_is_locked_as_pixi_writes_it(
    written: str, channel: str, base: str, named: str | None, server: ChannelServer, lock
) -> None:
    host = f"127.0.0.1:{server.port}"
    found = lock(written.replace("HOST", host))
    lines = [line.strip().removeprefix("- ") for line in found.to_text().splitlines()]

    package = f"conda: {base}noarch/libz-1.0-h0_0.conda"
    told = [f"channel: {named}"] if named else []
    expected = [f"url: {channel}", package, package, *told]
    assert [each for each in lines if host in each] == [e.replace("HOST", host) for e in expected]
    assert parse_lock(found.to_text()).to_text() == found.to_text()


@pytest.mark.parametrize(
    ("listed", "urls"),
    [
        (["http://HOST/mine", "HTTP://HOST/x/../mine"], ["mine"]),
        (["http://HOST/mine", "http://HOST/m ü", "http://HOST//../mine"], ["mine", "m%20%C3%BC"]),
        (["http://HOST/mine", "http://HOST/mine/"], ["mine", "mine"]),
        (["http://HOST/mine/.", "http://HOST/mine/"], ["mine"]),
    ],
)
def test_two_spellings_are_one_channel_but_for_a_slash(
    listed: list[str], urls: list[str], server: ChannelServer, lock
) -> None:
    host = f"127.0.0.1:{server.port}"
    found = lock(*(each.replace("HOST", host) for each in listed))
    channels = found.environment("default").channels
    assert [each.url for each in channels] == [f"http://{host}/{url}/" for url in urls]


def test_a_channel_in_a_directory_may_be_spelled_in_any_way(lock, tmp_path):
    StubChannel().add("libz", "1.0").build(tmp_path / "m ü")
    found = lock(f"file://{tmp_path.as_posix()}/x/../m ü")
    assert found.environment("default").channels[0].url == f"{(tmp_path / 'm ü').as_uri()}/"


def test_packages_may_lie_elsewhere_than_in_a_channel_with_a_password(lock, tmp_path):
    """CEP 15: the record names the channel, without its password."""
    stub = StubChannel("mine").add("libz", "1.0").build(tmp_path / "mine")
    repodata = stub.path / "noarch" / "repodata.json"
    document = json.loads(repodata.read_text(encoding="utf-8"))
    document["info"]["base_url"] = "/files/noarch"
    repodata.write_text(json.dumps(document), encoding="utf-8")
    names = {"mine": stub.path, "files": stub.path}
    with ChannelServer(names, derive=False, basic=("u", "s")) as server:
        found = lock(server.secret_url)
        assert found["linux-64"]["libz"].channel == server.url.replace("//", "//u:********@")
        assert lock(server.secret_url) == found


def test_a_date_for_a_channel_with_a_password_is_kept(lock):
    stub = StubChannel("mine").add("libz", "1.0", timestamp=1_500_000_000_000)
    with stub.add("libz", "2.0", timestamp=1_700_000_000_000).serve(basic=("u", "s")) as server:
        channel = f'{{ channel = "{server.secret_url}", exclude-newer = "2020-01-01" }}'
        assert lock(channel)["linux-64"]["libz"].version == "1.0"


@pytest.mark.parametrize("password", ["sec'ret", "sec ret", "sec|ret", "sec\tret"])
@pytest.mark.parametrize("host", ["127.0.0.1:1", "host.invalid"])
def test_no_password_is_in_a_sentence(password, host, lock, monkeypatch) -> None:
    monkeypatch.setenv("PIXIPACK_HTTP_RETRIES", "0")
    with pytest.raises(Infrastructure, match=host) as caught:
        lock(f"http://user:{password}@{host}/mine")
    for part in ("sec", "user"):
        assert part not in str(caught.value)
