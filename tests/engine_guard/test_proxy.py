"""The proxy refuses, remembers, and withstands whoever connects to it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_pixipack.engine.guard import RefusedRequest, RefusingProxy

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(nothing_left) -> Iterator[RefusingProxy]:
    with RefusingProxy() as proxy:
        yield proxy


def connected(proxy: RefusingProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def answer(client: socket.socket) -> bytes:
    received = b""
    while more := client.recv(65536):
        received += more
    return received


def exchange(proxy: RefusingProxy, sent: bytes) -> bytes:
    with connected(proxy) as client:
        client.sendall(sent)
        return answer(client)


def test_connect_is_refused_with_a_reason(proxy):
    received = exchange(proxy, b"CONNECT conda.anaconda.org:443 HTTP/1.1\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 403 Refused by pytest-pixipack: the network is off\r\n")
    assert received.endswith(
        b"pytest-pixipack refused CONNECT conda.anaconda.org:443: "
        b"the network is off for this command.\n"
    )
    assert proxy.refused == (RefusedRequest("conda.anaconda.org", 443, "CONNECT"),)


def test_plain_http_is_remembered_with_its_url(proxy):
    exchange(proxy, b"GET http://example.org/c/noarch/repodata.json HTTP/1.1\r\n\r\n")
    (request,) = proxy.refused
    assert (request.method, request.url) == ("GET", "http://example.org/c/noarch/repodata.json")


def test_the_answer_to_head_has_no_body(proxy):
    received = exchange(proxy, b"HEAD http://example.org/ HTTP/1.1\r\n\r\n")
    assert received.endswith(b"\r\n\r\n")


def test_a_request_may_come_byte_by_byte(proxy):
    with connected(proxy) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"CONNECT a.example:1 HTTP/1.1\r\n\r\n":
            client.sendall(bytes([byte]))
        assert b" 403 " in answer(client)


def test_a_large_body_does_not_cost_the_client_the_answer(proxy):
    head = b"POST http://a.example/ HTTP/1.1\r\nContent-Length: 500000\r\n\r\n"
    assert b" 403 " in exchange(proxy, head + bytes(500_000))


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"\x05\x01\x00",  # SOCKS5
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"hello\n\n",
        b"A" * 100_000,
        bytes(range(256)) * 10,
    ],
)
def test_junk_is_answered_and_not_remembered(proxy, junk):
    assert exchange(proxy, junk).startswith(b"HTTP/1.1 400 ")
    assert proxy.refused == ()


def test_clients_that_vanish_disturb_nobody(proxy):
    for sent in (b"", b"CONNECT", b"CONNECT a.example:1 HTTP/1.1\r\n\r\n"):
        client = connected(proxy)
        client.sendall(sent)
        # Closing resets the connection.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert b" 403 " in exchange(proxy, b"CONNECT b.example:2 HTTP/1.1\r\n\r\n")


def test_silent_clients_keep_nobody_waiting(proxy):
    silent = [connected(proxy) for _ in range(50)]
    try:
        assert b" 403 " in exchange(proxy, b"CONNECT a.example:1 HTTP/1.1\r\n\r\n")
    finally:
        for client in silent:
            client.close()


def test_many_at_once_are_all_refused_and_remembered(proxy):
    def ask(number: int) -> bytes:
        return exchange(proxy, f"CONNECT h{number}.example:443 HTTP/1.1\r\n\r\n".encode())

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(300)))
    assert all(b" 403 " in received for received in answers)
    assert {request.host for request in proxy.refused} == {f"h{n}.example" for n in range(300)}


def test_closing_cuts_waiting_clients_off(nothing_left):
    proxy = RefusingProxy()
    with connected(proxy) as silent, connected(proxy) as halfway:
        halfway.sendall(b"CONNECT a.example")
        proxy.close()
        for client in (silent, halfway):
            with pytest.raises((ConnectionError, EOFError)):  # noqa: PT012
                if not client.recv(1):
                    raise EOFError
    with pytest.raises(ConnectionError):
        connected(proxy)


def test_closing_twice_is_allowed(nothing_left):
    proxy = RefusingProxy()
    proxy.close()
    proxy.close()
    assert proxy.refused == ()


def test_what_was_refused_is_known_after_closing(nothing_left):
    with RefusingProxy() as proxy:
        exchange(proxy, b"CONNECT a.example:1 HTTP/1.1\r\n\r\n")
    assert [request.address for request in proxy.refused] == ["a.example:1"]


def test_two_proxies_have_a_port_each(nothing_left):
    with RefusingProxy() as one, RefusingProxy() as other:
        assert one.url != other.url
