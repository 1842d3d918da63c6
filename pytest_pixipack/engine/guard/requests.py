"""What a program asked a proxy for (RFC 9112, section 3.2), and how it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pytest_pixipack.redaction import public_url

_PORTS = {"http": 80, "https": 443, "ftp": 21}
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,31}\Z")
_HOST = re.compile(r"[\w.:%-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """One request that was refused.

    `url` is known for plain http only, without credentials; with https a proxy sees host and port.
    """

    host: str
    port: int
    method: str
    url: str | None = None

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.method} {self.url or self.address}"


def refused_request(head: bytes) -> RefusedRequest | None:
    """The request in the head of a message to a proxy, None if it is no such request."""
    words = head.partition(b"\n")[0].decode("latin-1").split()
    if len(words) != 3 or not _METHOD.match(words[0]) or not words[2].startswith("HTTP/"):
        return None
    method, target, _ = words
    try:
        if method.upper() == "CONNECT":
            parts = urlsplit(f"//{target}")
            return _request(parts, parts.port or 443, "CONNECT", None)
        parts = urlsplit(target)
        port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
        return _request(parts, port, method.upper(), public_url(target))
    except ValueError:  # a port or an IPv6 address that is none
        return None


def _request(parts: SplitResult, port: int, method: str, url: str | None) -> RefusedRequest | None:
    host = parts.hostname
    if host is None or not port or not _HOST.match(host):
        return None
    return RefusedRequest(host, port, method, url)


def refusal(request: RefusedRequest, head_only: bool) -> bytes:
    """The answer to a refused request; it says who refused, and what."""
    return response(
        "403 Refused by pytest-pixipack: the network is off",
        f"pytest-pixipack refused {request}: the network is off for this command.\n",
        # RFC 9209
        "Proxy-Status: pytest-pixipack; error=http_request_denied",
        head_only=head_only,
    )


def response(status: str, text: str, *headers: str, head_only: bool = False) -> bytes:
    """A complete HTTP answer with a text, after which the connection is closed."""
    body = text.encode("utf-8", "replace")
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head if head_only else head + body
