"""A proxy that refuses: whoever asks it learns who refused, and we learn which host was wanted."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from pytest_pixipack.engine.guard.requests import (
    RefusedRequest,
    refusal,
    refused_request,
    response,
)
from pytest_pixipack.loopback import (
    ServerThread,
    finish,
    loopback_listener,
    read_head,
)

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

# A program that tries again and again must not fill the memory.
_REMEMBERED = 10_000


class RefusingProxy:
    """An HTTP proxy on a free port of 127.0.0.1 that refuses every request and remembers it.

    A context manager. `thread` is a server thread to share; without one the proxy has its own.
    """

    def __init__(self, thread: ServerThread | None = None) -> None:
        self._refused: list[RefusedRequest] = []
        listener = loopback_listener()
        self.port: int = listener.getsockname()[1]
        self._own = ServerThread() if thread is None else None
        self._thread = thread or self._own
        assert self._thread is not None
        self._thread.serve(listener, self.handle)

    @property
    def url(self) -> str:
        """What a proxy variable is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def refused(self) -> tuple[RefusedRequest, ...]:
        """All requests so far, in the order in which they came."""
        return tuple(self._refused)

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serves one client."""
        head = await read_head(reader)
        request = None if head is None else refused_request(head)
        if request is None:
            writer.write(
                response(
                    "400 Not a request to a proxy",
                    "This is the proxy of pytest-pixipack, which refuses all requests.\n",
                )
            )
        else:
            # Before the answer: who has been refused can be sure that it is known.
            if len(self._refused) < _REMEMBERED:
                self._refused.append(request)
            writer.write(refusal(request, head_only=request.method == "HEAD"))
        await finish(reader, writer)

    def close(self) -> None:
        """Closes the port and ends the proxy's own thread."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> RefusingProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
