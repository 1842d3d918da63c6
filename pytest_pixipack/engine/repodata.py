"""Reading repodata through py-rattler's gateway: what its errors mean, and which are tried again.

Only the words of its messages tell a broken connection from broken repodata (py-rattler 0.28,
`rattler_repodata_gateway`); what is not known counts as the network, of which nothing follows for
the product.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pytest_pixipack.aio import run_async
from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.engine.channels import Channel, is_local
from pytest_pixipack.engine.download import Patience
from pytest_pixipack.engine.guard import RefusingProxy
from pytest_pixipack.engine.guard.variables import NOBODY
from pytest_pixipack.engine.proxies import client_for
from pytest_pixipack.engine.repodata_room import RepodataRoom
from pytest_pixipack.engine.requests import address_of
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, PixipackError
from pytest_pixipack.redaction import redact

T = TypeVar("T")

# A body that broke off. rattler itself asks again where no answer came, or a busy status, but not
# where a shard ends too soon.
_BROKEN_OFF = re.compile(
    r"error decoding response body|error reading a body|end of file before message length"
    r"|incomplete frame|stream did not finish|received empty response|EOF while parsing"
    r"|connection closed before message completed"
)
# An answer that is whole and cannot be read.
_UNREADABLE = re.compile(
    r"failed to decode zstd|[Ff]rame descriptor|[Cc]hecksum|[Cc]orrupt|Data error"
    r"|missing field|unknown variant|invalid (?:type|value|length|utf-8|unicode)"
    r"|at line \d+ column \d+|failed to parse|expected (?:value|ident)|is not a valid"
)
# What the library raises where it did not expect something; of no module that can be imported.
_PANICS = ("PanicException", "RustPanic")
_CANNOT_ASK = re.compile(r"HTTP status client error \((401|403|407)")
_WORKING = re.compile(r"operation timed out|error sending request|HTTP status")


class Repodata:
    """What channels have, read through py-rattler's gateway; one object serves one operation.

    `room` is where repodata are kept. Without `network`, everything that is not on the loopback
    interface is sent to a proxy that refuses, redirects and addresses that repodata name included.
    To be closed; not safe for use from several threads at once.
    """

    def __init__(self, room: Path, *, network: bool) -> None:
        self._shared = room
        self._network = network
        self._closing = contextlib.ExitStack()
        self._proxy: RefusingProxy | None = None
        self._room: RepodataRoom | None = None
        self._failed = False

    def __enter__(self) -> Repodata:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Where it was interrupted, not all was read. That nothing solves is no reason.
        self._failed |= kind is not None and not issubclass(kind, Exception)
        self.close()

    def close(self) -> None:
        """Keeps what was read, where all of it could be read, and ends the proxy."""
        if self._room is not None and not self._failed:
            with contextlib.suppress(OSError):
                self._room.keep()
        self._closing.close()

    def ask(
        self,
        what: str,
        channels: Sequence[Channel],
        platforms: Sequence[str],
        question: Callable[[Any], Coroutine[Any, Any, T]],
    ) -> T:
        """The answer to a question to a gateway, about subdirs (`platforms`) of channels; asked
        again where a body broke off.

        `what` is whose repodata they are. Raises `InvalidInput` for repodata that cannot be read,
        `Offline` where they lead to a host that needs the network and that is off, and
        `Infrastructure` where a channel cannot be reached; none shows a secret of a URL.
        """
        from rattler.exceptions import GatewayError

        patience = Patience.of(os.environ)
        gateway = self._gateway(channels, platforms)
        tried = 0
        while True:
            tried += 1
            try:
                return run_async(lambda: question(gateway))
            except GatewayError as error:
                message = str(error)
                self._refuse(what, message)
                again = _BROKEN_OFF.search(message) and _is_remote(channels)
                if not again or tried == patience.attempts:
                    self._failed = True
                    raise _error(what, channels, message, patience, tried) from None
            except BaseException as error:
                if type(error).__name__ not in _PANICS:
                    raise
                self._failed = True
                raise _nonsense(what, channels, str(error)) from None
            patience.wait(tried)

    def _gateway(self, channels: Sequence[Channel], platforms: Sequence[str]) -> Any:
        remote = [channel for channel in channels if channel.directory is None]
        try:
            if not remote:
                return self._of_files
            gateway, room = self._of_servers
            room.bring(f"{each.base}{subdir}" for each in remote for subdir in platforms)
        except OSError as error:
            raise Infrastructure(
                f"There is no room for repodata: {error.strerror or error}.",
                file=error.filename,
                remedy="Check free space and permissions of the directory for temporary files.",
            ) from None
        return gateway

    @cached_property
    def _private(self) -> Path:
        return self._closing.enter_context(scratch_directory())

    @cached_property
    def _of_files(self) -> Any:
        """For local channels: it asks nobody."""
        import rattler

        return rattler.Gateway(cache_dir=self._private, client=client_for(os.environ, NOBODY))

    @cached_property
    def _of_servers(self) -> tuple[Any, RepodataRoom]:
        import rattler

        if not self._network:
            self._proxy = self._closing.enter_context(RefusingProxy())
        client = client_for(os.environ, self._proxy.url if self._proxy is not None else None)
        self._room = RepodataRoom(self._shared, self._private)
        return rattler.Gateway(cache_dir=self._private, client=client), self._room

    def _refuse(self, what: str, message: str) -> None:
        """Raises `Offline` where what failed wanted another host than this machine."""
        if self._network:
            return
        wanted = [each.address for each in self._proxy.refused] if self._proxy is not None else []
        if not wanted:  # of a scheme that our client does not know, only the message tells
            urls = re.findall(r"for url \((\S+?)\)", message)
            wanted = [address_of(url) for url in urls if not is_local(url)]
        if wanted:
            self._failed = True
            hosts = ", ".join(dict.fromkeys(wanted))
            raise Offline(
                f"The repodata of {what} lead to {hosts}, and the network is off.",
                remedy="Put a stub in the channel's place ([tool.pixipack] channels), or allow the "
                "network (--pixipack-network).",
            )


def one_line(text: str) -> str:
    """A library's message as part of a sentence: box drawing and line breaks removed."""
    cleaned = re.sub(r"[\u2500-\u257f]+", " ", text)
    return re.sub(r"\s+", " ", cleaned).strip().rstrip(".") + "."


def _is_remote(channels: Sequence[Channel]) -> bool:
    return any(channel.directory is None for channel in channels)


def _error(
    what: str, channels: Sequence[Channel], message: str, patience: Patience, tried: int
) -> PixipackError:
    named = ", ".join(channel.public_name for channel in channels)
    reason = redact(one_line(message))
    text = f"The repodata of {what} (channels {named}) cannot be read: {reason}"
    if not _is_remote(channels):
        return InvalidInput(text, remedy="Build the channel again.")
    if _BROKEN_OFF.search(message):
        return Infrastructure(_with_attempts(text, tried), remedy=_TRY_AGAIN)
    if _UNREADABLE.search(message) and not _WORKING.search(message):
        return InvalidInput(
            text, remedy="The server's answer is whole, but no repodata: ask the channel's owner."
        )
    if _CANNOT_ASK.search(message):
        return Infrastructure(
            text, remedy="The channel wants credentials, which may stand in its URL."
        )
    busy = re.search(r"server error|429|408|error sending request|timed out", message)
    return Infrastructure(_with_attempts(text, patience.attempts if busy else 1), remedy=_TRY_AGAIN)


def _nonsense(what: str, channels: Sequence[Channel], message: str) -> InvalidInput:
    named = ", ".join(channel.public_name for channel in channels)
    reason = redact(one_line(message))
    return InvalidInput(
        f"The repodata of {what} (channels {named}) cannot be read: {reason}",
        remedy="A channel says something in them that no reader can bear: ask its owner.",
    )


_TRY_AGAIN = "Try again; check the network and the channel's address."


def _with_attempts(text: str, count: int) -> str:
    return f"{text.rstrip('.')} ({count} attempts)." if count > 1 else text
