"""The same channel and faults inside Python clients, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
import respx

from pytest_pixipack.channel import BuiltChannel, StubChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.errors import InvalidInput

pytestmark = pytest.mark.slow

Serve = Callable[..., ChannelServer]
PACKAGE = "noarch/zlib-1.3-h0_0.conda"
FAULTS = [
    "404", "503,retry-after=3", "truncate=100", "cut=100", "reset", "reset=100", "stall",
    "stall=100", "drip=50000", "wrong-length=5", "corrupt", "stale=zlib-*",
]  # fmt: skip


def seen(client: httpx.Client, url: str) -> object:
    """What a client sees: status, body and headers, or the kind of error."""
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        return type(error).__name__
    names = ("content-length", "etag", "retry-after", "content-type", "location")
    return answer.status_code, answer.content, [answer.headers.get(name) for name in names]


@pytest.mark.parametrize("name", [PACKAGE, "noarch/repodata.json.zst", "noarch/none"])
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_client_sees_the_same_as_over_http(
    fault: str | None, name: str, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    faults = [fault] if fault else []
    server = serve(faults=faults)
    real = seen(client, f"{server.url}/{name}")
    with respx.mock() as router:
        mounted = channel.mount(router, faults=faults)
        with httpx.Client() as mocked:
            assert seen(mocked, f"{mounted.url}/{name}") == real
    assert [str(each) for each in mounted.log] == [str(each) for each in server.log]


def test_parts_of_a_file(channel: BuiltChannel) -> None:
    with respx.mock() as router, httpx.Client() as client:
        url = channel.mount(router).url
        answer = client.get(f"{url}/{PACKAGE}", headers={"Range": "bytes=1-3"})
    assert answer.status_code == 206
    assert answer.content == (channel.path / PACKAGE).read_bytes()[1:4]


def test_asynchronous_clients(channel: BuiltChannel) -> None:
    async def ask(url: str) -> list[object]:
        async with httpx.AsyncClient() as client:
            found: list[object] = [(await client.get(f"{url}/{PACKAGE}")).content]
            try:
                await client.get(f"{url}/{PACKAGE}")
            except httpx.HTTPError as error:
                found.append(type(error))
        return found

    with respx.mock() as router:
        mounted = channel.mount(router, faults=["truncate=9,nth=2"])
        found = asyncio.run(ask(mounted.url))
    assert found == [(channel.path / PACKAGE).read_bytes(), httpx.RemoteProtocolError]


def test_it_may_stand_for_a_real_channel(channel: BuiltChannel) -> None:
    with respx.mock() as router, httpx.Client() as client:
        mounted = channel.mount(router, url="https://conda.anaconda.org/some/mine", token="t0k")
        url = "https://conda.anaconda.org/{}some/mine/noarch/repodata.json"
        assert mounted.url == "https://conda.anaconda.org/some/mine"
        assert client.get(url.format("")).status_code == 401
        mounted.fail("500")
        assert client.get(url.format("")).status_code == 401
        assert mounted.log.paths == ("/mine/noarch/repodata.json",) * 2


def test_channels_of_one_host_and_other_routes_do_not_know_each_other() -> None:
    host = "https://conda.anaconda.org"
    with respx.mock(assert_all_called=False) as router, httpx.Client() as client:
        first = StubChannel("forge").add("libz", "1").mount(router, url=f"{host}/forge")
        second = StubChannel("bio").add("seq", "1").mount(router, url=f"{host}/bio")
        below = StubChannel("dev").add("seq", "2").mount(router, url=f"{host}/bio/label/dev")
        for other in ("forge-notes.txt", "forges/x", "other/forge/x"):
            router.get(f"{host}/{other}").respond(200, text="other")
            assert client.get(f"{host}/{other}").text == "other"
        for channel, file in ((first, "libz-1"), (second, "seq-1"), (second, "none")):
            status = client.get(f"{channel.url}/noarch/{file}-h0_0.conda").status_code
            assert status == (404 if file == "none" else 200)
        assert first.log.paths == ("/forge/noarch/libz-1-h0_0.conda",)
        assert len(second.log) == 2
        assert len(below.log) == 0
        for each in (first, second, below):
            each.close()


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://h.example/t/tk/x/mine/noarch/repodata.json", 200),
        ("https://h.example/x/t/tk/mine/noarch/repodata.json?a=b", 200),
        ("https://user:pw@h.example/t/tk/x/mine/noarch/repodata.json", 200),
        ("HTTPS://H.example:443/t/tk/x/mine/noarch/repodata.json", 200),
        ("https://h.example/t/other/x/mine/noarch/repodata.json", 401),
        ("https://h.example/x/mine/noarch/repodata.json", 401),
        ("https://h.example/t/tk/x/mine", 404),
    ],
)
def test_a_token_is_where_conda_writes_it(url: str, status: int, channel: BuiltChannel) -> None:
    with respx.mock() as router, httpx.Client() as client:
        mounted = channel.mount(router, url="https://H.example/x/mine", token="tk")
        assert client.get(url).status_code == status
        (path,) = mounted.log.paths
    assert path == ("/mine" if status == 404 else "/mine/noarch/repodata.json")


def test_a_user_and_password_may_be_in_the_url(channel: BuiltChannel) -> None:
    with respx.mock() as router, httpx.Client() as client:
        channel.mount(router, url="https://h.example/x/mine", basic=("user", "pw"))
        url = "https://user:pw@h.example/x/mine/noarch/repodata.json"
        assert client.get(url).status_code == 200


def test_a_name_may_have_characters_that_a_url_escapes() -> None:
    with respx.mock() as router, httpx.Client() as client:
        mounted = StubChannel("m ü").add("a", "1").mount(router)
        assert client.get(f"{mounted.url}/noarch/a-1-h0_0.conda").status_code == 200
        mounted.close()


@pytest.mark.parametrize("url", ["conda.test/mine", "https://conda.test", "https://h/other"])
def test_a_place_that_cannot_be(url: str, channel: BuiltChannel) -> None:
    with respx.mock() as router, pytest.raises(InvalidInput, match="URL"):
        channel.mount(router, url=url)


def test_a_channel_that_is_not_built_yet() -> None:
    with respx.mock() as router, httpx.Client() as client:
        mounted = StubChannel("new").add("a", "1").mount(router)
        assert client.get(f"{mounted.url}/noarch/a-1-h0_0.conda").status_code == 200
        mounted.close()
