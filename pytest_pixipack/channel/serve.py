"""A channel server on the loopback interface, for tools that read channels over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

HOST = "127.0.0.1"


class ChannelServer:
    """Serves channel directories under `http://127.0.0.1:PORT/NAME/` while it is open.

    `channels` maps names (one segment of a path) to directories. Files are read from the disk at
    every request, so that a channel may change while it is served. Nothing outside the
    directories can be read, and nothing can be written.

    ```python
    with ChannelServer({"stub": channel.path}) as server:
        urlopen(server.url("stub") + "noarch/repodata.json")
    ```
    """

    def __init__(self, channels: Mapping[str, Path]) -> None:
        self._roots = {name: path.resolve() for name, path in channels.items()}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ChannelServer:
        handler = type("_Handler", (_ChannelHandler,), {"roots": self._roots})
        self._server = ThreadingHTTPServer((HOST, 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = self._thread = None

    @property
    def port(self) -> int:
        """The port that is listened on. Raises `RuntimeError` where the server is not open."""
        if self._server is None:
            raise RuntimeError("The channel server is not open.")
        return int(self._server.server_address[1])

    def url(self, name: str) -> str:
        """The URL of a channel, with a final `/`."""
        return f"http://{HOST}:{self.port}/{quote(name, safe='')}/"


class _ChannelHandler(SimpleHTTPRequestHandler):
    """Files of the channels, and nothing else: no listings, no symbolic links to elsewhere."""

    roots: Mapping[str, Path] = {}  # each server has a subclass of its own
    protocol_version = "HTTP/1.1"
    server_version = "pixipack"
    sys_version = ""

    def translate_path(self, path: str) -> str:
        name, _, rest = unquote(urlsplit(path).path).lstrip("/").partition("/")
        root = self.roots.get(name)
        if root is None or "\0" in rest:
            return ""
        found = (root / rest).resolve()
        inside = found == root or root in found.parents
        return str(found) if inside and found.is_file() else ""

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - the base class's signature
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what is asked for is the tool's affair."""
