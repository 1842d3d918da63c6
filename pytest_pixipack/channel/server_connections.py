"""Answers over HTTP/1.1: one coroutine per connection, with faults on the way."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from pytest_pixipack.channel.server_answers import Answer, Desk, Request
from pytest_pixipack.channel.server_log import Entry, LoggedRequest

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

# Seconds that a client may be silent between two requests, or take for a piece of an answer.
_PATIENCE = 60.0
# Seconds after which a stall ends whatever the client does, so that nothing hangs for ever.
_LONGEST_STALL = 600.0
_PIECES_PER_SECOND = 50
_MOST_HEADERS = 200
_LONGEST_LINE = 64 * 1024
# What a client may still send after it was answered; then it has to live with a reset.
_MOST_UNREAD = 16 * 1024 * 1024
_END = b"\r\n\r\n"
# Closing with a linger time of zero resets the connection (socket(7); on Windows two shorts).
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Connections:
    """Serves the clients of a `ServerThread` from a desk.

    With `keep_alive` a connection serves one request after the other. `told` is called with each
    request when the server has ended with it, in the server's thread.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        keep_alive: bool = True,
        told: Callable[[LoggedRequest], None] | None = None,
    ) -> None:
        self._desk = desk
        self._keep_alive = keep_alive
        self._told = told

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serves one client until it leaves."""
        # Not 0, with which the TLS transport of asyncio pauses for ever.
        writer.transport.set_write_buffer_limits(high=1)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await self._serve_one(reader, writer):
                pass

    async def _serve_one(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """Whether the connection serves another request."""
        request, is_whole = await _read_request(reader)
        keep = False
        if request is None or _has_body(request):
            answer, entry = self._desk.refuse(request)
        elif not is_whole:
            answer, entry = self._desk.refuse(request, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            keep = self._keep_alive and not _is_last(request)
            answer, entry = self._desk.answer(request)
        try:
            keep = await _send(reader, writer, answer, entry, keep=keep)
        finally:
            entry.done = True
            if self._told is not None:
                self._told(entry.frozen())
        return keep


async def _read_request(reader: StreamReader) -> tuple[Request | None, bool]:
    """What a client asks for, as `parse_head` has it, and whether that is all of its head; of a
    head that is too long, only the first line is read.
    """
    try:
        return parse_head(await asyncio.wait_for(reader.readuntil(_END), _PATIENCE)), True
    except asyncio.LimitOverrunError:
        start = await reader.read(_LONGEST_LINE)
        line, end, _ = start.partition(b"\r\n")
        return (parse_head(line + _END) if end else None), False


def parse_head(head: bytes) -> Request | None:
    """The request line and headers of a message, None where it is no HTTP/1 request."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or len(lines) > _MOST_HEADERS:
        return None
    headers: dict[str, str] = {}
    for line in filter(None, lines[1:]):
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            return None
        # Of one name, several lines are one list (RFC 9110, 5.3).
        known = headers.get(name.lower())
        headers[name.lower()] = f"{known}, {value.strip()}" if known else value.strip()
    if words[2] == "HTTP/1.0":
        headers["connection"] = "close"
    return Request(words[0], words[1], headers)


def _is_last(request: Request) -> bool:
    """Whether the client wants no other answer on its connection."""
    options = request.headers.get("connection", "").lower().split(",")
    return "close" in [each.strip() for each in options]


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get(
        "content-length", "0"
    ) not in ("0", "")


async def _send(
    reader: StreamReader, writer: StreamWriter, answer: Answer, entry: Entry, *, keep: bool
) -> bool:
    """Sends an answer as its fault allows; whether the connection can serve another request."""
    keep = keep and _is_whole(answer)
    if not answer.is_silent:
        await _send_head(writer, answer, keep=keep)
        await _send_body(writer, answer, entry)
    kind = answer.fault.kind if answer.fault else None
    if kind == "reset":
        _reset(writer)
    elif kind == "stall":
        await _stall(reader)
    elif not keep:
        await _leave(reader, writer)
    return keep


def _is_whole(answer: Answer) -> bool:
    """Whether exactly the bytes are sent that the answer announces."""
    if answer.fault is not None and answer.fault.kind in ("reset", "stall", "truncate"):
        return False
    if answer.length is None:
        return answer.head_only
    return answer.head_only or answer.length == answer.stop - answer.start


async def _send_head(writer: StreamWriter, answer: Answer, *, keep: bool) -> None:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.length is not None:
        lines.append(f"Content-Length: {answer.length}")
    if not keep:
        lines.append("Connection: close")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    await _drain(writer)


async def _send_body(writer: StreamWriter, answer: Answer, entry: Entry) -> None:
    rate = answer.fault.amount if answer.fault and answer.fault.kind == "drip" else None
    try:
        for piece in answer.body():
            if rate is None:
                await _send_piece(writer, entry, piece)
                continue
            size = max(1, rate // _PIECES_PER_SECOND)
            for begin in range(0, len(piece), size):
                drop = piece[begin : begin + size]
                await _send_piece(writer, entry, drop)
                await asyncio.sleep(len(drop) / rate)
    except OSError:
        # The client has gone, or the file has: what is in the buffer does not count as sent.
        entry.sent -= min(entry.sent, writer.transport.get_write_buffer_size())
        raise


async def _send_piece(writer: StreamWriter, entry: Entry, piece: bytes) -> None:
    # Counted before it is sent: whoever has got it finds it in the log.
    entry.sent += len(piece)
    writer.write(piece)
    await _drain(writer)


async def _drain(writer: StreamWriter) -> None:
    await asyncio.wait_for(writer.drain(), _PATIENCE)


def _reset(writer: StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _stall(reader: StreamReader) -> None:
    """Waits until the client leaves."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_end_of(reader), _LONGEST_STALL)


async def _end_of(reader: StreamReader, most: float = math.inf) -> None:
    while most > 0 and (more := await reader.read(65536)):
        most -= len(more)


async def _leave(reader: StreamReader, writer: StreamWriter) -> None:
    """Ends the connection in order: closing one with unread data would reset it."""
    if writer.can_write_eof():
        writer.write_eof()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_end_of(reader, _MOST_UNREAD), _PATIENCE)
    else:  # TLS says itself that it ends
        writer.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), _PATIENCE)
