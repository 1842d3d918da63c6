"""Stub channels over http on the loopback interface, for tools that take no `file://` mirror."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from pytest_pixipack.engine.guard.requests import response
from pytest_pixipack.engine.guard.server import (
    ServerThread,
    finish,
    loopback_listener,
    read_head,
)

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

_CHUNK = 256 * 1024


class ChannelServer:
    """Serves directories read-only: `channels` maps a name to its directory, at `<url>/<name>/`."""

    def __init__(self, thread: ServerThread, channels: Mapping[str, Path]) -> None:
        self._channels = {name: path.resolve() for name, path in channels.items()}
        listener = loopback_listener()
        self.port: int = listener.getsockname()[1]
        thread.serve(listener, self.handle)

    def url(self, name: str) -> str:
        """The URL of one channel, ending in `/`."""
        return f"http://127.0.0.1:{self.port}/{quote(name)}/"

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serves one client."""
        head = await read_head(reader)
        words = (head or b"").partition(b"\n")[0].decode("latin-1").split()
        if len(words) != 3 or words[0] not in ("GET", "HEAD"):
            writer.write(response("400 Only GET and HEAD are answered", "GET or HEAD, please.\n"))
        elif (file := self._file(words[1])) is None:
            missing = response("404 Not Found", "not here\n", head_only=words[0] == "HEAD")
            writer.write(missing)
        else:
            await _send(writer, file, head_only=words[0] == "HEAD")
        await finish(reader, writer)

    def _file(self, target: str) -> Path | None:
        path = unquote(urlsplit(target).path)
        for name, root in self._channels.items():
            if not path.startswith(f"/{name}/"):
                continue
            relative = path[len(name) + 2 :]
            if "\0" in relative or "\\" in relative or ":" in relative:
                return None
            parts = PurePosixPath(relative).parts
            if ".." in parts or relative.startswith("/"):
                return None
            file = root.joinpath(*parts)
            if file.is_file() and file.resolve().is_relative_to(root):
                return file
        return None


async def _send(writer: StreamWriter, file: Path, head_only: bool) -> None:
    kind = "application/json" if file.suffix == ".json" else "application/octet-stream"
    with file.open("rb") as stream:
        size = file.stat().st_size
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        while not head_only and (chunk := stream.read(_CHUNK)):
            writer.write(chunk)
            await writer.drain()
