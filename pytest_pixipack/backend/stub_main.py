"""The executable `pixipack-stub-backend`: the stub backend on stdin and stdout.

One JSON-RPC message per line, UTF-8, ended by a line feed on every system. It ends when stdin does.
With `PIXIPACK_STUB_RECORD` set to a directory, every message is recorded there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import IO, Any, NoReturn, Protocol

from pytest_pixipack.backend.recording import RECORD_VARIABLE, Recorder
from pytest_pixipack.backend.stub import Misbehaviour, StubBackend, error_reply
from pytest_pixipack.backend.stub_orders import orders_directory
from pytest_pixipack.errors import PixipackError


def main() -> int:
    """Answers requests until stdin ends; returns the exit code."""
    try:
        backend = StubBackend(orders_directory(os.environ))
    except PixipackError as error:
        print(f"stub: {error.message}", file=sys.stderr)
        return 1
    return run(backend)


class Answering(Protocol):
    """What answers requests: the stub, or a replay."""

    def answer(self, request: object) -> dict[str, Any] | None:
        """The reply to one JSON-RPC request; None for a notification."""


def run(backend: Answering) -> int:
    """Serves on the process's own streams, recorded where the environment says so."""
    directory = os.environ.get(RECORD_VARIABLE)
    try:
        recorder = Recorder(directory) if directory else None
    except OSError as error:
        print(f"stub: cannot record to {directory}: {error}", file=sys.stderr)
        return 1
    return serve(sys.stdin.buffer, sys.stdout.buffer, recorder, backend)


def serve(
    requests: IO[bytes],
    replies: IO[bytes],
    recorder: Recorder | None = None,
    backend: Answering | None = None,
) -> int:
    """Answers every line of `requests` in `replies`; returns 0 when there are no more.

    `backend` is a stub of its own unless given.
    """
    backend = backend or StubBackend(orders_directory(os.environ))
    if isinstance(backend, StubBackend):
        try:
            backend.start()
        except Misbehaviour as fault:
            _around(fault, replies, requests)
    for line in requests:
        if not line.strip():
            continue
        try:
            reply = _answer(backend, line, recorder)
        except Misbehaviour as fault:
            reply = _around(fault, replies, requests)
        if reply is None:
            continue
        _record(recorder, "<-", reply)
        try:
            replies.write(json.dumps(reply).encode("ascii") + b"\n")
            replies.flush()
        except OSError:  # the other side is gone, as after a closed stdin
            return 0
    return 0


def _answer(backend: Answering, line: bytes, recorder: Recorder | None) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):  # bad JSON and bad UTF-8 alike
        return error_reply(None, -32700, "Parse error")
    _record(recorder, "->", request)
    return backend.answer(request)


def _record(recorder: Recorder | None, direction: str, message: Any) -> None:
    if recorder is not None:
        recorder(direction, message)


def _around(
    misbehaviour: Misbehaviour, replies: IO[bytes], requests: IO[bytes]
) -> dict[str, Any] | None:
    """Does what the stub was told to do; returns the reply where one is still to be sent."""
    fault, reply = misbehaviour.fault, misbehaviour.reply
    if fault.how in ("crash", "crash-halfway"):
        if reply is not None:
            line = json.dumps(reply).encode("ascii")
            _print(replies, line[: len(line) // 2])
        _crash(misbehaviour)
    if fault.how == "junk":
        _print(replies, misbehaviour.JUNK_TEXT.encode() + b"\n")
        os._exit(0)
    if fault.how == "hang":
        requests.read()  # until stdin closes
        os._exit(0)
    if fault.how == "noise":
        _print(replies, misbehaviour.JUNK_TEXT.encode() + b"\n")
    elif fault.how == "slow":
        time.sleep(fault.seconds)
    elif fault.how == "flood":
        line = b"stub: " + b"flood " * 12 + b"\n"
        sys.stderr.buffer.write(line * (fault.bytes // len(line)))
        sys.stderr.flush()
    elif fault.how == "wrong-id" and reply is not None:
        return {**reply, "id": 4_711}
    return reply


def _print(replies: IO[bytes], data: bytes) -> None:
    replies.write(data)
    replies.flush()


def _crash(misbehaviour: Misbehaviour) -> NoReturn:
    sys.stderr.write(misbehaviour.CRASH_TEXT + "\n")
    sys.stderr.flush()
    # pixi drops what it has not yet read of stderr when the process ends; 0.2 s are too few.
    time.sleep(0.5)
    os._exit(misbehaviour.CRASH_CODE)


if __name__ == "__main__":
    raise SystemExit(main())
