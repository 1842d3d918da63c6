"""A small channel, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pytest_pixipack.channel import BuiltChannel, StubChannel
from pytest_pixipack.channel.server import ChannelServer

PACKAGE = "noarch/zlib-1.3-h0_0.conda"


@pytest.fixture
def channel(tmp_path: Path) -> BuiltChannel:
    """Two packages, one of which needs the other."""
    stub = StubChannel("mine").add("zlib", "1.3", files={"share/z": bytes(range(256)) * 16})
    stub.add("curl", "8.1", subdirs=["linux-64"], depends=["zlib >=1"])
    return stub.build(tmp_path / "mine")


@pytest.fixture
def serve(channel: BuiltChannel) -> Iterator[Callable[..., ChannelServer]]:
    """Serves the channel until the test ends: `serve(faults=[...])`."""
    opened: list[ChannelServer] = []

    def start(**options: object) -> ChannelServer:
        opened.append(channel.serve(**options))
        return opened[-1]

    yield start
    for server in opened:
        server.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client with a short patience, so that a stall ends soon."""
    with httpx.Client(trust_env=False, timeout=httpx.Timeout(20, read=0.2)) as found:
        yield found
