"""What is understood of a request to a proxy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.engine.guard.requests import RefusedRequest, refusal, refused_request


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("CONNECT conda.anaconda.org:443 HTTP/1.1", ("conda.anaconda.org", 443, "CONNECT", None)),
        ("CONNECT [2001:db8::1]:8443 HTTP/1.1", ("2001:db8::1", 8443, "CONNECT", None)),
        ("CONNECT example.org HTTP/1.0", ("example.org", 443, "CONNECT", None)),
        ("GET http://example.org/a HTTP/1.1", ("example.org", 80, "GET", "http://example.org/a")),
        ("POST http://h:81/ HTTP/1.1", ("h", 81, "POST", "http://h:81/")),
        ("GET HTTPS://H/ HTTP/1.1", ("h", 443, "GET", "https://H/")),
    ],
)
def test_host_port_method_and_url_are_read(line, request_):
    head = f"{line}\r\nHost: other\r\n\r\n".encode()
    assert refused_request(head) == RefusedRequest(*request_)


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",  # a request to a server, not to a proxy
        "CONNECT host:port HTTP/1.1",
        "CONNECT host:99999 HTTP/1.1",
        "CONNECT [::1 HTTP/1.1",
        "GET http:///nowhere HTTP/1.1",
        "GET gopher://example.org/ HTTP/1.1",
        "GET http://example.org/",
        "",
    ],
)
def test_what_asks_for_no_address_is_no_request(line):
    assert refused_request(f"{line}\r\n\r\n".encode()) is None


@pytest.mark.parametrize("secret", ["user:secret@", "secret@"])
def test_credentials_are_not_kept(secret):
    head = f"GET http://{secret}example.org/t/secret/c?key=secret#secret HTTP/1.1\r\n\r\n"
    request = refused_request(head.encode())
    assert request is not None
    assert request.url == "http://example.org/t/***/c"
    assert b"secret" not in refusal(request, head_only=False)


def test_the_address_of_an_ipv6_host_has_brackets():
    assert RefusedRequest("::1", 80, "CONNECT").address == "[::1]:80"
    assert str(RefusedRequest("::1", 80, "CONNECT")) == "CONNECT [::1]:80"


@given(st.binary(max_size=200))
def test_junk_is_read_or_not_but_never_raises(head):
    request = refused_request(head)
    assert request is None or b"403 " in refusal(request, head_only=True)


@pytest.mark.slow
@given(st.from_regex(r"(CONNECT|GET) [ -~]{1,40} HTTP/1\.1", fullmatch=True))
def test_no_target_breaks_the_answer_into_more_lines(line):
    request = refused_request(line.encode())
    if request is not None:
        head, _, body = refusal(request, head_only=False).partition(b"\r\n\r\n")
        assert head.count(b"\r\n") == 4
        assert body.count(b"\n") == 1
