"""Small servers on the loopback interface: one thread, any number of sockets and clients."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter, Task
    from ssl import SSLContext

    Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]

T = TypeVar("T")

# Seconds that a client may take for its request, and for the answer.
_PATIENCE = 20.0
# select() of Windows watches 512 sockets.
_AT_ONCE = 400
_HEAD_LIMIT = 64 * 1024
_LINGER_LIMIT = 1024 * 1024


class ServerThread:
    """An event loop in a thread that serves listening sockets until it is closed.

    A client that is slow, silent or sends junk costs a coroutine, never a thread. The sockets are
    accepted here and not by `asyncio.start_server`, which loses a client that connects while the
    server closes. `patience` is how long a client may take in all, in seconds; with None, that is
    up to the handlers. More than 400 clients at once wait until one of them leaves.
    """

    def __init__(
        self, name: str = "pixipack-network-guard", *, patience: float | None = _PATIENCE
    ) -> None:
        import asyncio

        self._patience = patience
        # Not the loop of Windows' completion ports: it cannot watch a socket.
        self._loop = asyncio.SelectorEventLoop()
        # Each with what accepts its clients.
        self._listeners: dict[socket.socket, Callable[[], None]] = {}
        self._is_full = False
        self._clients: dict[socket.socket, Task[None]] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs in the thread."""
        import asyncio

        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def serve(
        self, listener: socket.socket, handler: Handler, tls: SSLContext | None = None
    ) -> None:
        """Answers the clients of a listening socket, which belongs to this thread from now on."""
        self.run(self.serve_here(listener, handler, tls))

    async def serve_here(
        self, listener: socket.socket, handler: Handler, tls: SSLContext | None = None
    ) -> None:
        """The same, for a coroutine that runs in the thread already."""
        listener.setblocking(False)
        self._listeners[listener] = functools.partial(self._accept, listener, handler, tls)
        self._loop.add_reader(listener, self._listeners[listener])

    def close(self) -> None:
        """Closes all sockets and ends the thread; clients that still wait are cut off."""
        if self._loop.is_closed():
            return
        self.run(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _accept(self, listener: socket.socket, handler: Handler, tls: SSLContext | None) -> None:
        try:
            client, _ = listener.accept()
        except OSError:  # gone again
            return
        client.setblocking(False)
        self._clients[client] = self._loop.create_task(self._serve_client(client, handler, tls))
        if len(self._clients) >= _AT_ONCE:
            # The system keeps those that come now, until there is room again.
            self._is_full = True
            for each in self._listeners:
                self._loop.remove_reader(each)

    async def _serve_client(
        self, client: socket.socket, handler: Handler, tls: SSLContext | None
    ) -> None:
        import asyncio

        try:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await self._streams(client, tls)
                try:
                    await asyncio.wait_for(handler(reader, writer), self._patience)
                finally:
                    writer.transport.abort()
                    await writer.wait_closed()
        finally:
            client.close()
            del self._clients[client]
            if self._is_full:
                self._is_full = False
                for listener, accept in self._listeners.items():
                    if listener.fileno() >= 0:
                        self._loop.add_reader(listener, accept)

    async def _streams(
        self, client: socket.socket, tls: SSLContext | None
    ) -> tuple[StreamReader, StreamWriter]:
        import asyncio

        reader = asyncio.StreamReader(limit=_HEAD_LIMIT, loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: protocol,
            client,
            ssl=tls,
            ssl_handshake_timeout=_PATIENCE if tls else None,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    async def _shut_down(self) -> None:
        import asyncio

        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        for task in self._clients.values():
            task.cancel()
        await asyncio.gather(*self._clients.values(), return_exceptions=True)
        # A task that was cancelled before it began has not closed its socket.
        for client in self._clients:
            client.close()


def loopback_listener(port: int = 0) -> socket.socket:
    """A socket that listens on 127.0.0.1, on any free port unless one is given."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


async def read_head(reader: StreamReader) -> bytes | None:
    """The request line and the headers of a message, None if it is no HTTP message."""
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        more = await reader.read(4096)
        head += more
        # TLS and SOCKS start with a byte that is no letter: they would wait for us forever.
        if not more or len(head) > _HEAD_LIMIT or not head[:1].isalpha():
            return None
    return head


async def finish(reader: StreamReader, writer: StreamWriter) -> None:
    """Sends what is written, and reads what the client still sends.

    Closing a socket with unread data resets the connection, and the client may lose the answer.
    """
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    rest = _LINGER_LIMIT
    while rest > 0 and (more := await reader.read(65536)):
        rest -= len(more)
