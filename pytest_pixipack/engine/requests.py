"""Requests to servers, redirects followed by hand: each of them may lead to another host."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_pixipack.engine.channels import is_local

if TYPE_CHECKING:
    import httpx

_MOST_REDIRECTS = 20
_LOGS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "httpcore.socks",
)  # fmt: skip


class LeadsAwayError(Exception):
    """A URL that leads to a host, `address`, which may not be asked."""

    def __init__(self, url: str) -> None:
        self.address = address_of(url)
        super().__init__(self.address)


class Requests:
    """A client of HTTP servers; a context manager.

    Without `network`, only this machine is asked. It is always asked without a proxy; with
    `trust_environment`, other hosts are asked with the proxies and certificates of the environment.
    """

    def __init__(self, timeout: float, *, network: bool, trust_environment: bool) -> None:
        self._timeout = timeout
        self._network = network
        self._trusts = trust_environment
        self._clients: dict[bool, httpx.Client] = {}

    def __enter__(self) -> Requests:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients.values():
            client.close()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """The answer to GET, its body not yet read; httpx logs nothing of it.

        Raises `LeadsAwayError` where the URL or a redirect leads to another host and the network is
        off, and as httpx does.
        """
        with _silent(), contextlib.closing(self._response(url, headers)) as response:
            yield response

    def _response(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        import httpx

        client = self._for(url)
        response = client.send(client.build_request("GET", url, headers=headers), stream=True)
        for _ in range(_MOST_REDIRECTS):
            following = response.next_request
            if following is None:
                return response
            response.close()
            response = self._for(str(following.url)).send(following, stream=True)
        response.close()
        raise httpx.TooManyRedirects("too many redirects", request=response.request)

    def _for(self, url: str) -> httpx.Client:
        import httpx

        local = is_local(url)
        if not local and not self._network:
            raise LeadsAwayError(url)
        trusts = self._trusts and not local
        if trusts not in self._clients:
            self._clients[trusts] = httpx.Client(timeout=self._timeout, trust_env=trusts)
        return self._clients[trusts]


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing is logged of the requests of this thread: httpx would log whole URLs, with their
    secrets, and where redirects lead.
    """
    thread = threading.get_ident()

    def of_others(_: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    with contextlib.ExitStack() as stack:
        for logger in map(logging.getLogger, _LOGS):
            logger.addFilter(of_others)
            stack.callback(logger.removeFilter, of_others)
        yield


def address_of(url: str) -> str:
    """The host of a URL with its port, without secrets; other words where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a bad URL"
    return parts.netloc.rpartition("@")[2] or f"a {parts.scheme or 'bad'} URL"
