"""Channels that are not for everybody, TLS, and that no secret is shown."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pytest_pixipack.channel import BuiltChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.channel.server_access import read_auth_file
from pytest_pixipack.errors import InvalidInput

pytestmark = pytest.mark.slow

Serve = Callable[..., ChannelServer]
PATH = "noarch/repodata.json"
SECRET = "s3cr3t-p4ss"
WAYS = {
    "basic": {"basic": ("me", SECRET)},
    "bearer": {"bearer": SECRET},
    "token": {"token": SECRET},
}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("way", WAYS)
def test_who_shows_nothing_gets_nothing(way: str, serve: Serve, client: httpx.Client) -> None:
    server = serve(**WAYS[way])
    answer = client.get(f"{server.url}/{PATH}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].endswith('realm="channel"')
    assert client.get(f"{server.url}/no/such/file").status_code == 401


def test_user_and_password(serve: Serve, client: httpx.Client) -> None:
    server = serve(**WAYS["basic"])
    for headers, status in [
        (basic("me", SECRET), 200),
        (basic("me", "wrong"), 401),
        (basic("you", SECRET), 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": f"Bearer {SECRET}"}, 401),
        ({"Authorization": ""}, 401),
    ]:
        assert client.get(f"{server.url}/{PATH}", headers=headers).status_code == status
    assert client.get(f"{server.secret_url}/{PATH}").status_code == 200


def test_a_bearer_token(serve: Serve, client: httpx.Client) -> None:
    server = serve(**WAYS["bearer"])
    for value, status in [(f"Bearer {SECRET}", 200), ("Bearer wrong", 401), (SECRET, 401)]:
        headers = {"Authorization": value}
        assert client.get(f"{server.url}/{PATH}", headers=headers).status_code == status


def test_a_token_in_the_path(serve: Serve, client: httpx.Client) -> None:
    server = serve(**WAYS["token"])
    assert server.secret_url == f"{server.origin}/t/{SECRET}/mine"
    assert client.get(f"{server.secret_url}/{PATH}").status_code == 200
    assert client.get(f"{server.origin}/t/wrong/mine/{PATH}").status_code == 401


def test_a_token_where_none_is_needed_does_no_harm(serve: Serve, client: httpx.Client) -> None:
    assert client.get(f"{serve().origin}/t/any/mine/{PATH}").status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_rattler_reads_with_an_auth_file(
    way: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rattler

    server = serve(**WAYS[way])
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(server.write_auth_file(tmp_path / "auth.json")))
    names = asyncio.run(
        rattler.Gateway(
            cache_dir=tmp_path / "cache", client=rattler.Client.authenticated_client()
        ).names([server.url], ["noarch"])
    )
    assert [name.normalized for name in names] == ["zlib"]


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_is_shown(way: str, serve: Serve, client: httpx.Client) -> None:
    server = serve(**WAYS[way])
    client.get(f"{server.secret_url}/{PATH}?signature={SECRET}")
    client.get(f"{server.url}/{PATH}", headers={"Authorization": f"Bearer {SECRET}"})
    client.get(f"{server.origin}/t/{SECRET}x/mine/{PATH}")
    shown = [str(server.log), repr(server.log), repr(server), str(server), server.url]
    shown += [repr(server._access), repr(vars(server))]
    assert len(server.log) == 3
    assert set(server.log.paths) == {f"/mine/{PATH}"}
    assert [text for text in shown if SECRET in text] == []


@pytest.mark.parametrize("way", WAYS)
def test_an_auth_file_is_read_as_it_is_written(way: str, serve: Serve, tmp_path: Path) -> None:
    written = serve(**WAYS[way]).write_auth_file(tmp_path / "auth.json")
    assert read_auth_file(written, "127.0.0.1") == WAYS[way]


@pytest.mark.parametrize(
    "text", [SECRET, "[]", "{}", '{"127.0.0.1": {"Other": "s3cr3t-p4ss"}}', '{"127.0.0.1": 1}']
)
def test_an_auth_file_without_a_secret_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match="no BearerToken") as caught:
        read_auth_file(path, "127.0.0.1")
    assert SECRET not in str(caught.value)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_auth_file(tmp_path / "none", "127.0.0.1")


def test_mirrors_for_pixi(channel: BuiltChannel, tmp_path: Path) -> None:
    import tomli

    with ChannelServer({"a": channel.path, "b": channel.path}) as server:
        written = server.write_mirrors(tmp_path / "config.toml", "https://conda.test/main")
        assert tomli.loads(written.read_text(encoding="utf-8")) == {
            "mirrors": {
                "https://conda.test/main/": [f"{server.url_of('a')}/", f"{server.url_of('b')}/"]
            }
        }


def test_rattler_goes_to_the_mirror_that_works(channel: BuiltChannel, tmp_path: Path) -> None:
    import rattler
    from rattler.exceptions import GatewayError

    faults = ["503,path=/broken/*"]
    with ChannelServer({"broken": channel.path, "good": channel.path}, faults=faults) as server:
        written = server.write_mirrors(tmp_path / "config.toml", "https://conda.test/main")
        config = rattler.Config.from_toml(written.read_text(encoding="utf-8"))
        gateway = rattler.Gateway(
            cache_dir=tmp_path / "cache", client=rattler.Client.from_config(config, max_retries=0)
        )
        try:
            names = asyncio.run(gateway.names(["https://conda.test/main"], ["noarch"]))
        except GatewayError:
            names = asyncio.run(gateway.names(["https://conda.test/main"], ["noarch"]))
        assert [name.normalized for name in names] == ["zlib"]
        assert {path.split("/")[1] for path in server.log.paths} >= {"good"}


def test_over_tls(channel: BuiltChannel, client: httpx.Client) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    faults = ["truncate=10,nth=2,count=1", "reset=10,nth=3,count=1", "stall,nth=4,count=1"]
    with (
        channel.serve(tls=ours, faults=faults) as server,
        httpx.Client(
            trust_env=False, verify=theirs, timeout=httpx.Timeout(20, read=0.2)
        ) as trusting,
    ):
        url = f"{server.url}/{PATH}"
        assert url.startswith("https://127.0.0.1:")
        assert trusting.get(url).json()["info"] == {"subdir": "noarch"}
        for error in (httpx.RemoteProtocolError, httpx.TransportError, httpx.ReadTimeout):
            with pytest.raises(error):
                trusting.get(url)
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(url)
        assert trusting.get(url).status_code == 200
        assert json.loads(trusting.get(url).content)
