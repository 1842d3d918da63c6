"""Receives the sockets that a command's namespace is served through (the guard's side)."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.cache.scratch import Scratch
from pytest_pixipack.engine.guard.inside import SOCKET_NAME
from pytest_pixipack.loopback import ServerThread

if TYPE_CHECKING:
    from pytest_pixipack.loopback import Handler


class HandOver:
    """A socket in a directory of its own to which `inside.py` sends what it listens on.

    `handlers` maps each port to what serves it; the sockets have to come in this order.
    """

    def __init__(self, thread: ServerThread, handlers: Mapping[int, Handler]) -> None:
        self._thread = thread
        self._handlers = tuple(handlers.values())
        self.ports = tuple(handlers)
        self._scratch = Scratch("pixipack-guard-")
        self.directory = self._scratch.path
        try:
            self._listener = _unix_listener(self.directory)
        except BaseException:
            self._scratch.close()
            raise
        thread.run(self._start())

    def close(self) -> None:
        """Receives no more, and removes the directory; to be called before the thread ends."""
        self._thread.run(self._stop())
        self._listener.close()
        self._scratch.close()

    async def _start(self) -> None:
        import asyncio

        self._task = asyncio.get_running_loop().create_task(self._accept())

    async def _stop(self) -> None:
        import asyncio

        self._task.cancel()
        await asyncio.wait([self._task])

    async def _accept(self) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            with client, contextlib.suppress(OSError):
                await self._receive(client)

    async def _receive(self, client: socket.socket) -> None:
        import asyncio

        if sys.platform == "win32":
            raise OSError("Windows has no network namespaces.")
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(client, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(client)
        # The directory is ours alone (mode 0700), so that nobody else sends us sockets.
        _, descriptors, _, _ = socket.recv_fds(client, 1, len(self._handlers))
        listeners = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for listener, handler in zip(listeners, self._handlers, strict=False):
            listener.setblocking(False)
            await self._thread.serve_here(listener, handler)
        if len(listeners) == len(self._handlers):
            await loop.sock_sendall(client, b"k")


def _unix_listener(directory: Path) -> socket.socket:
    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    # The name of a socket has at most 107 bytes; a path through a descriptor is always short.
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"/proc/self/fd/{place}/{SOCKET_NAME}")
        listener.listen(64)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(place)
    return listener
