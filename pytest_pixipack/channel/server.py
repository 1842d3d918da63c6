"""Stub channels over HTTP on the loopback interface, with faults and a log of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pytest_pixipack.channel.server_access import Access
from pytest_pixipack.channel.server_answers import Desk
from pytest_pixipack.channel.server_content import Roots
from pytest_pixipack.channel.server_faults import Fault, FaultPlan
from pytest_pixipack.channel.server_log import Journal, LoggedRequest, RequestLog
from pytest_pixipack.errors import Infrastructure, InvalidInput

if TYPE_CHECKING:
    from ssl import SSLContext

HOST = "127.0.0.1"


class ChannelServer:
    """Serves channel directories read-only at `<origin>/<name>` until it is closed.

    `channels` maps names to directories; several names may lead to one directory, as mirrors do.
    `faults` are faults or their texts (`Fault`, `parse_fault`). With `basic` (user, password),
    `bearer` or `token` a request has to show one of them; `tls` is a context with a certificate
    for 127.0.0.1. `keep` bounds the log. One thread serves all clients. Raises `Infrastructure`
    where the port cannot be had, `InvalidInput` for a name or fault that cannot be.
    """

    def __init__(
        self,
        channels: Mapping[str, Path],
        *,
        faults: Iterable[Fault | str] = (),
        port: int = 0,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
        token: str | None = None,
        tls: SSLContext | None = None,
        derive: bool = True,
        keep: int | None = None,
        told: Callable[[LoggedRequest], None] | None = None,
        after: Callable[[], object] | None = None,
    ) -> None:
        from pytest_pixipack.channel.server_connections import Connections
        from pytest_pixipack.loopback import ServerThread

        for name in channels:
            if name in ("", "t", ".", "..") or set(name) & set('/\\?#%:*"<>|'):
                raise InvalidInput(f"`{name}` cannot be the name of a channel on a server.")
        self.names = tuple(channels)
        self._plan = FaultPlan.of(faults)
        self._journal = Journal(keep)
        self._access = Access(basic, bearer, token)
        self._after = after
        roots = Roots.of(channels, derive=derive)
        connections = Connections(Desk(roots, self._plan, self._journal, self._access), told=told)
        listener = _listener(port)
        self.port: int = listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self._thread = ServerThread("pixipack-channel-server", patience=None)
        self._thread.serve(listener, connections.handle, tls)

    def __enter__(self) -> ChannelServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ChannelServer({self.url!r})"

    def __str__(self) -> str:
        return self.url

    def close(self) -> None:
        """Ends the server and its thread; clients that still wait are cut off."""
        self._thread.close()
        if self._after is not None:
            self._after()
            self._after = None

    @property
    def url(self) -> str:
        """The URL of the first channel, without a trailing slash and without any secret."""
        return self.url_of(self.names[0])

    @property
    def secret_url(self) -> str:
        """The same with the server's user and password, or token, in it."""
        return self._access.secret_url(self.url)

    def url_of(self, name: str) -> str:
        """The URL of a channel, as `url`."""
        return f"{self.origin}/{quote(name)}"

    @property
    def log(self) -> RequestLog:
        """All requests so far, in the order in which they came.

        A request is there as soon as its client has got the first byte of the answer.
        """
        return self._journal.snapshot()

    def clear_log(self) -> None:
        """Forgets the requests so far."""
        self._journal.clear()

    def fail(self, *faults: Fault | str) -> None:
        """From now on these faults strike, and only these; without any, nothing goes wrong."""
        self._plan.replace(faults)

    def write_auth_file(self, path: Path) -> Path:
        """Writes the server's secret as `RATTLER_AUTH_FILE` has it (pixi, pixi-pack, rattler)."""
        return self._access.write_auth_file(path, urlsplit(self.origin).hostname or HOST)

    def write_mirrors(self, path: Path, of: str) -> Path:
        """Writes pixi's `[mirrors]`: all channels of this server stand for the channel URL `of`.

        pixi reads it through `PIXI_CONFIG_FILE`, pixi-pack through `--config`, rattler's tools as
        their `config.toml`.
        """
        import json

        from pytest_pixipack.whole_files import write_file

        urls = [f"{self.url_of(name)}/" for name in self.names]
        text = f"[mirrors]\n{json.dumps(of.rstrip('/') + '/')} = {json.dumps(urls)}\n"
        write_file(path, text.encode())
        return path


def serve_directory(name: str, directory: Path, **options: Any) -> ChannelServer:
    """A server of one channel; `options` are those of `ChannelServer`."""
    return ChannelServer({name: directory}, **options)


def _listener(port: int) -> Any:
    from pytest_pixipack.loopback import loopback_listener

    try:
        return loopback_listener(port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Infrastructure(
            f"The port {port} of {HOST} cannot be had: {reason}.",
            remedy="Choose another one, or 0 for any that is free.",
        ) from None
