"""A channel over HTTP: what any client of a conda channel may ask."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from pytest_pixipack.channel import BuiltChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.errors import Infrastructure, InvalidInput

Serve = Callable[..., ChannelServer]
PACKAGE = "noarch/zlib-1.3-h0_0.conda"


def raw(server: ChannelServer, text: str) -> bytes:
    """What the server answers to these bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        with contextlib.suppress(OSError):  # it may be closed by then
            connection.sendall(text.encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
        found = b""
        # Who closes with something unread resets the connection on some systems.
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                found += piece
    return found


def test_files_are_served_as_they_are(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve()
    for name in ("noarch/repodata.json", "linux-64/run_exports.json", PACKAGE):
        answer = client.get(f"{server.url}/{name}")
        assert answer.status_code == 200
        assert answer.content == (channel.path / name).read_bytes()
    assert client.get(f"{server.url}/noarch/repodata.json").headers["content-type"] == (
        "application/json"
    )


def test_the_head_alone(serve: Serve, client: httpx.Client, channel: BuiltChannel) -> None:
    answer = client.head(f"{serve().url}/{PACKAGE}", headers={"Range": "bytes=0-9"})

    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == (channel.path / PACKAGE).stat().st_size


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5-99999999", slice(5, None)),
        ("bytes=5-9223372036854775807", slice(5, None)),
        ("bytes=-" + "9" * 99, slice(None)),
    ],
)
def test_a_part_of_a_file(
    asked: str, part: slice, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    whole = (channel.path / PACKAGE).read_bytes()
    server = serve()

    answer = client.get(f"{server.url}/{PACKAGE}", headers={"Range": asked})

    first, last, _ = part.indices(len(whole))
    assert answer.status_code == 206
    assert answer.content == whole[part]
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"
    assert server.log[0].range == asked


@pytest.mark.parametrize("asked", ["bytes=9999999-", "bytes=-0", f"bytes={'9' * 30}-"])
def test_a_part_that_is_not_there(asked: str, serve: Serve, client: httpx.Client) -> None:
    answer = client.get(f"{serve().url}/{PACKAGE}", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "lines=1-2", "bytes=9-3", "bytes=-", "bytes="])
def test_a_range_that_is_not_understood_gets_all(
    asked: str, serve: Serve, client: httpx.Client
) -> None:
    assert client.get(f"{serve().url}/{PACKAGE}", headers={"Range": asked}).status_code == 200


def test_a_part_of_another_file_is_not_given(serve: Serve, client: httpx.Client) -> None:
    url = f"{serve().url}/{PACKAGE}"
    tag = client.get(url).headers["etag"]
    for known, status in ((tag, 206), ('"another"', 200)):
        headers = {"Range": "bytes=0-3", "If-Range": known}
        assert client.get(url, headers=headers).status_code == status


def test_what_is_known_is_not_sent_again(serve: Serve, client: httpx.Client) -> None:
    server = serve()
    first = client.get(f"{server.url}/{PACKAGE}")
    for name, value, status in [
        ("If-None-Match", first.headers["etag"], 304),
        ("If-None-Match", f'"other", W/{first.headers["etag"]}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-Modified-Since", first.headers["last-modified"], 304),
        ("If-Modified-Since", formatdate(0, usegmt=True), 200),
        ("If-Modified-Since", "some time ago", 200),
    ]:
        answer = client.get(f"{server.url}/{PACKAGE}", headers={name: value})
        assert (name, value, answer.status_code) == (name, value, status)
        assert (answer.content == b"") == (status == 304)


def test_the_tag_is_that_of_the_content(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    url = f"{serve().url}/noarch/repodata.json"
    before = client.get(url)
    path = channel.path / "noarch" / "repodata.json"
    path.write_bytes(path.read_bytes() + b"\n")

    after = client.get(url, headers={"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert after.content == before.content + b"\n"
    assert after.headers["etag"] != before.headers["etag"]


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    server = serve()
    request = f"GET /mine/{PACKAGE} HTTP/1.1\r\nHost: x\r\n\r\n"
    last = request.replace("Host", "Connection: close\r\nHost")

    assert raw(server, request * 2 + last).count(b"HTTP/1.1 200 OK") == 3
    assert len(server.log) == 3


@pytest.mark.parametrize(
    "text",
    [
        "\x16\x03\x01\x02\x00\x01\r\n\r\n",
        "GET\r\n\r\n",
        "GET /mine/x SMTP\r\n\r\n",
        "GET /mine/x HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /mine/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "GET /mine/x HTTP/1.1\r\n" + "A: b\r\n" * 300 + "\r\n",
    ],
)
def test_junk_is_refused(text: str, serve: Serve, client: httpx.Client) -> None:
    server = serve()
    assert raw(server, text).startswith(b"HTTP/1.1 400 ")
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200


def test_half_requests_are_dropped(serve: Serve) -> None:
    server = serve()
    assert raw(server, "GET /mine/x HTT") == b""
    assert len(server.log) == 0


@pytest.mark.parametrize(
    ("text", "status", "logged"),
    [
        ("GET /mine/x HTTP/1.1\r\nA: {}", 431, ("GET", "/mine/x")),
        ("GET /mine/x?secret HTTP/1.1\r\nA: {}\r\n\r\n", 431, ("GET", "/mine/x")),
        ("GET /t/secret/mine/x HTTP/1.1\r\nA: {}\r\n\r\n", 431, ("GET", "/mine/x")),
        ("GET /{} HTTP/1.1\r\n\r\n", 400, ("?", "?")),
        ("{}", 400, ("?", "?")),
    ],
)
def test_heads_that_are_too_long_are_answered_and_logged(
    text: str, status: int, logged: tuple[str, str], serve: Serve, client: httpx.Client
) -> None:
    server = serve()
    assert raw(server, text.format("x" * 200_000)).startswith(f"HTTP/1.1 {status} ".encode())
    (entry,) = server.log
    assert (entry.method, entry.path, entry.status) == (*logged, status)
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "answers"),
    [
        ("Connection: close", 1),
        ("Connection: TE, Close", 1),
        ("Connection: close,TE", 1),
        ("Connection: TE\r\nConnection: close", 1),
        ("Connection: close\r\nConnection: keep-alive", 1),
        ("Connection: keep-alive, closed", 2),
    ],
)
def test_a_connection_ends_where_one_of_its_options_says_so(
    headers: str, answers: int, serve: Serve
) -> None:
    request = f"GET /mine/{PACKAGE} HTTP/1.1\r\n{headers}\r\nHost: x\r\n\r\n"
    assert raw(serve(), request * 2).count(b"HTTP/1.1 200 OK") == answers


def test_only_reading_is_allowed(serve: Serve, client: httpx.Client) -> None:
    answer = client.request("DELETE", f"{serve().url}/{PACKAGE}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


OUTSIDE = [
    "../secret",
    "%2e%2e/secret",
    "noarch/../../secret",
    "noarch/..%2f..%2fsecret",
    "noarch/%2e%2e%2f%2e%2e%2fsecret",
    "%252e%252e/secret",
    "..%5csecret",
    "/secret",
    "%2fsecret",
    "noarch//repodata.json",
    "./noarch/repodata.json",
    "noarch/repodata.json%00",
    "C:/secret",
    "noarch/repodata.json::$DATA",
    "noarch",
    "noarch/",
    "",
    "out/secret",
    "link",
    "noarch/nul",
    "noarch/CON.json",
    "%ff%fe",
    "noarch/" + "x" * 5000,
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_root_is_served(
    path: str, serve: Serve, channel: BuiltChannel, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("top secret", encoding="utf-8")
    try:
        (channel.path / "link").symlink_to(tmp_path / "secret")
        (channel.path / "out").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pass
    for target in (f"/mine/{path}", f"/{path}", f"http://127.0.0.1/mine/{path}"):
        answer = raw(serve(), f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"top secret" not in answer


def test_a_link_inside_the_root_is_followed(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    try:
        (channel.path / "noarch" / "alias.conda").symlink_to(channel.path / PACKAGE)
    except OSError:
        pytest.skip("no symbolic links here")
    assert client.get(f"{serve().url}/noarch/alias.conda").status_code == 200


def test_it_listens_on_the_loopback_interface_only(serve: Serve) -> None:
    psutil = pytest.importorskip("psutil")
    server = serve()
    listening = [
        each.laddr
        for each in psutil.Process().net_connections("inet")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == server.port
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    assert urlsplit(server.url).hostname == "127.0.0.1"


def test_several_names_may_lead_to_one_channel(channel: BuiltChannel, client: httpx.Client) -> None:
    with ChannelServer({"main": channel.path, "mirror": channel.path}) as server:
        answers = [client.get(f"{server.url_of(n)}/{PACKAGE}") for n in ("main", "mirror")]
        assert answers[0].content == answers[1].content
        assert server.log.paths == (f"/main/{PACKAGE}", f"/mirror/{PACKAGE}")
        assert client.get(f"{server.origin}/other/{PACKAGE}").status_code == 404


@pytest.mark.parametrize("name", ["", "t", "a/b", "..", "a:b", "?"])
def test_names_that_cannot_stand_in_a_url(name: str, channel: BuiltChannel) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name"):
        ChannelServer({name: channel.path})


def test_a_port_that_is_taken_is_one_sentence(serve: Serve) -> None:
    with pytest.raises(Infrastructure, match=r"The port \d+ of 127.0.0.1 cannot be had"):
        serve(port=serve().port)


def test_a_closed_server_leaves_nothing(channel: BuiltChannel) -> None:
    psutil = pytest.importorskip("psutil")
    before = {thread.name for thread in threading.enumerate()}
    server = channel.serve()
    with socket.create_connection(("127.0.0.1", server.port)):
        server.close()
    server.close()
    assert {thread.name for thread in threading.enumerate()} == before
    ports = {each.laddr.port for each in psutil.Process().net_connections("inet") if each.laddr}
    assert server.port not in ports


def test_digests_are_those_of_the_repodata(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    url = serve().url
    for facts in channel.packages:
        data = client.get(f"{url}/{facts.subdir}/{facts.file_name}").content
        assert hashlib.sha256(data).hexdigest() == facts.sha256
