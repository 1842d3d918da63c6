"""Stub channels over http on the loopback interface, for tools that take no `file://` mirror."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_pixipack.loopback import ServerThread, loopback_listener

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter


class ChannelServer:
    """Serves directories read-only: `channels` maps a name to its directory, at `<url>/<name>/`.

    It is served by the guard's thread, so that a socket of a namespace can lead to it as well.
    """

    def __init__(self, thread: ServerThread, channels: Mapping[str, Path]) -> None:
        from pytest_pixipack.channel.server_answers import Desk
        from pytest_pixipack.channel.server_connections import Connections
        from pytest_pixipack.channel.server_content import Roots
        from pytest_pixipack.channel.server_faults import FaultPlan
        from pytest_pixipack.channel.server_log import Journal

        # The thread gives a connection a time, not a request: each gets its own.
        desk = Desk(Roots.of(channels, derive=False), FaultPlan(), Journal(keep=0))
        self._connections = Connections(desk, keep_alive=False)
        listener = loopback_listener()
        self.port: int = listener.getsockname()[1]
        thread.serve(listener, self.handle)

    def url(self, name: str) -> str:
        """The URL of one channel, ending in `/`."""
        return f"http://127.0.0.1:{self.port}/{quote(name)}/"

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serves one client."""
        await self._connections.handle(reader, writer)
