"""Many clients and many faults: no wrong byte, nothing that leaks, a complete log."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from pytest_pixipack.channel import StubChannel
from pytest_pixipack.channel.server import ChannelServer

pytestmark = pytest.mark.slow

CLIENTS = 32
FAULTS = [
    "503,path=*.conda,nth=7,flapping",
    "429,retry-after=0,nth=5,count=50",
    "truncate=1500,path=*/a-*",
    "reset=700,path=*/b-*,flapping",
    "stall=300,path=*/c-*,nth=4,count=20",
    "reset,path=*/d-*,nth=3,flapping",
    "drip=900000,path=*/e-*",
    "wrong-length=9,path=*/f-*,flapping",
    "stale=a-*,path=*.json,flapping",
]
NAMES = "abcdefgh"


def in_use() -> tuple[set[str], int]:
    """Threads and open files of this process; where files cannot be counted, 0."""
    descriptors = Path("/proc/self/fd")
    count = len(os.listdir(descriptors)) if descriptors.is_dir() else 0  # noqa: PTH208
    return {thread.name for thread in threading.enumerate()}, count


class Client(threading.Thread):
    """Asks for some files, some in parts, and looks at every byte that it gets."""

    def __init__(self, number: int, server: ChannelServer, files: dict[str, bytes], count: int):
        super().__init__(name=f"client-{number}")
        self.random = random.Random(number)
        self.server, self.files, self.count = server, files, count
        self.asked: Counter[str] = Counter()
        self.received = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        connection = None
        for _ in range(self.count):
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=2)
            name = self.random.choice(sorted(self.files))
            self.asked[f"/load/{name}"] += 1
            if not self.ask(connection, name):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def ask(self, connection: http.client.HTTPConnection, name: str) -> bool:
        """Whether the connection can be used again."""
        right = self.files[name]
        start = self.random.randrange(len(right)) if self.random.random() < 0.3 else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer, found = None, b""
        try:
            connection.request("GET", f"/load/{name}", headers=headers)
            answer = connection.getresponse()
            found = answer.read()
        except http.client.IncompleteRead as error:
            found = error.partial
        except (OSError, http.client.HTTPException):
            pass
        self.received += len(found)
        if answer is None or answer.status >= 400:
            return answer is not None and not answer.will_close
        stale = name.endswith(".json")
        if not stale and not right[start:].startswith(found):
            self.wrong.append(f"{name} from {start}: {len(found)} bytes")
        complete = answer.length in (0, None) and not answer.will_close
        if complete and not stale and found != right[start:]:
            self.wrong.append(f"{name} from {start}: {len(found)} bytes and no error")
        return complete


def load(tmp_path: Path, requests: int) -> None:
    stub = StubChannel("load")
    for number, name in enumerate(NAMES):
        content = hashlib.shake_128(name.encode()).digest(2000 * 3**number % 90_000 + 2000)
        stub.add(name, "1", files={"data": content})
    channel = stub.build(tmp_path / "load")
    files = {
        path.relative_to(channel.path).as_posix(): path.read_bytes()
        for path in channel.path.glob("noarch/*")
    }
    before = in_use()
    with channel.serve(faults=FAULTS) as server:
        clients = [Client(n, server, files, requests // CLIENTS + 1) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert {t.name for t in threading.enumerate()} - before[0] == {"pixipack-channel-server"}
        log = server.log
    assert [wrong for client in clients for wrong in client.wrong] == []
    assert in_use() == before
    asked = sum((client.asked for client in clients), Counter[str]())
    assert Counter(log.paths) == asked
    assert [each.number for each in log] == list(range(1, asked.total() + 1))
    # What was sent to clients that went away first may not have arrived.
    assert sum(each.sent for each in log) >= sum(client.received for client in clients)
    assert {(each.fault or "").partition("=")[0].partition(",")[0] for each in log} >= {
        "", "503", "429", "truncate", "reset", "stall", "drip", "wrong-length", "stale",
    }  # fmt: skip


def test_some_hundred_requests(tmp_path: Path) -> None:
    load(tmp_path, 300)


@pytest.mark.slow
def test_ten_thousand_requests_from_32_clients(tmp_path: Path) -> None:
    load(tmp_path, 10_000)


def test_many_silent_clients_do_not_keep_others_waiting(tmp_path: Path) -> None:
    with StubChannel("load").add("a", "1").serve() as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/load/noarch/repodata.json")
        assert connection.getresponse().status == 200
        connection.close()
        for each in silent:
            each.close()
