"""Lets a command in a network namespace reach a server on our side's loopback interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from pytest_pixipack.loopback import Handler


def relay_to(port: int) -> Handler:
    """A handler that passes everything on to `port` of 127.0.0.1, and the answers back."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        import asyncio

        answers, server = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_copy(reader, server), _copy(answers, writer))
        finally:
            server.transport.abort()
            await server.wait_closed()

    return handle


async def _copy(source: StreamReader, target: StreamWriter) -> None:
    while chunk := await source.read(65536):
        target.write(chunk)
        await target.drain()
    target.write_eof()
