"""A channel inside a Python client: the same answers and faults through respx, without a socket."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_pixipack.channel.server_access import Access
from pytest_pixipack.channel.server_answers import Answer, Desk, Request
from pytest_pixipack.channel.server_content import Roots
from pytest_pixipack.channel.server_faults import Fault, FaultPlan
from pytest_pixipack.channel.server_log import Entry, Journal, RequestLog
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    import httpx


class MountedChannel:
    """A channel at `url` for the clients that a respx router mocks; made by `mount_channel`."""

    def __init__(
        self,
        url: str,
        plan: FaultPlan,
        journal: Journal,
        after: Callable[[], object] | None = None,
    ) -> None:
        self.url = url
        self._plan = plan
        self._journal = journal
        self._after = after

    def close(self) -> None:
        """Removes what was built for it; the router is its owner's to reset."""
        if self._after is not None:
            self._after()
            self._after = None

    @property
    def log(self) -> RequestLog:
        """All requests so far, as `ChannelServer.log`."""
        return self._journal.snapshot()

    def fail(self, *faults: Fault | str) -> None:
        """From now on these faults strike, and only these."""
        self._plan.replace(faults)


def mount_channel(
    router: Any,
    name: str,
    directory: Path,
    *,
    url: str | None = None,
    faults: Iterable[Fault | str] = (),
    basic: tuple[str, str] | None = None,
    bearer: str | None = None,
    token: str | None = None,
    after: Callable[[], object] | None = None,
) -> MountedChannel:
    """Makes a respx router answer at `url` (default: `https://channel.test/<name>`) and below it,
    also with conda's `/t/TOKEN/` behind the host. Other paths of the host are not its own.

    Faults come to the client as the exceptions that httpx raises for them on a real connection: a
    stall is a `ReadTimeout`, a reset a `ReadError`, a body that ends too soon a
    `RemoteProtocolError`. A drip is as fast as anything: no time passes here.
    """
    place = (url or f"https://channel.test/{name}").rstrip("/")
    parts = urlsplit(place)
    if not parts.scheme or not parts.netloc or parts.path.strip("/") == "":
        raise InvalidInput(f"`{place}` is not the URL of a channel: host and path are needed.")
    if not parts.path.endswith(f"/{name}"):
        raise InvalidInput(f"The URL `{place}` has to end with the channel's name, `{name}`.")
    plan, journal = FaultPlan.of(faults), Journal()
    desk = Desk(Roots.of({name: directory}), plan, journal, Access(basic, bearer, token))
    mounted = _Mounted(desk, _Place.of(place))
    router.route(url__regex=mounted.place.urls).mock(side_effect=mounted)
    return MountedChannel(place, plan, journal, after)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a channel is: `host` with its scheme, and the path `above` its `name`, as httpx
    writes them.
    """

    host: str
    above: str
    name: str

    @classmethod
    def of(cls, url: str) -> _Place:
        import httpx

        plain = httpx.URL(url).copy_with(userinfo=b"", query=None, fragment=None)
        path = plain.raw_path.decode("ascii")
        above, _, name = path.rpartition("/")
        return cls(str(plain).removesuffix(path), above, name)

    @property
    def urls(self) -> str:
        """A regular expression for the URLs of all requests to it."""
        scheme, _, host = self.host.partition("://")
        return rf"\A{re.escape(scheme)}://(?:[^/?#@]*@)?{re.escape(host)}{self._paths}"

    @property
    def _paths(self) -> str:
        # Groups without names: respx would hand those with names to whoever answers. A server that
        # has channels below a path of its own may want the token there.
        token = "(?:/t/([^/?#]+))?"
        either = f"{token}{re.escape(self.above)}{token}"
        return rf"{either}(/{re.escape(self.name)}(?:[/?#].*)?)\Z"

    def target(self, raw_path: str) -> str:
        """The path and query of a request as the channel's server would get them."""
        found = re.match(self._paths, raw_path)
        if found is None:
            return raw_path
        behind_host, behind_path, rest = found.groups()
        token = behind_host or behind_path
        return f"/t/{token}{rest}" if token else str(rest)


@dataclass(frozen=True, slots=True)
class _Mounted:
    """What respx calls for a request."""

    desk: Desk
    place: _Place

    def __call__(self, request: httpx.Request) -> httpx.Response:
        import httpx

        target = self.place.target(request.url.raw_path.decode("ascii"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer, entry = self.desk.answer(Request(request.method, target, headers))
        if answer.is_silent:
            entry.done = True
            raise _broken(answer, entry, request)
        given = dict(answer.headers)
        if answer.length is not None:
            given["Content-Length"] = str(answer.length)
        return httpx.Response(
            answer.status, headers=given, stream=_stream(answer, entry, request), request=request
        )


def _stream(answer: Answer, entry: Entry, request: httpx.Request) -> Any:
    import httpx

    def pieces() -> Iterator[bytes]:
        for piece in _framed(answer):
            entry.sent += len(piece)
            yield piece
        entry.done = True
        if (error := _broken(answer, entry, request)) is not None:
            raise error

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return pieces()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces():
                yield piece

    return Stream()


def _framed(answer: Answer) -> Iterator[bytes]:
    """The body; where less is announced than there is, a client does not read the rest."""
    left = answer.length
    for piece in answer.body():
        if left is not None and len(piece) > left:
            yield piece[:left]
            return
        left = None if left is None else left - len(piece)
        yield piece


def _broken(answer: Answer, entry: Entry, request: httpx.Request) -> Any:
    """What httpx raises at the end of this body, or instead of it; None for a good end."""
    import httpx

    kind = answer.fault.kind if answer.fault else None
    if kind == "stall":
        return httpx.ReadTimeout("The read operation timed out", request=request)
    if kind == "reset":
        return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if answer.length is not None and not answer.head_only and entry.sent < answer.length:
        return httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body "
            f"(received {entry.sent} bytes, expected {answer.length})",
            request=request,
        )
    return None
