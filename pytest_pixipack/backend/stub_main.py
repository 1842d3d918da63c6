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


def main() -> int:
    """Answers requests until stdin ends; returns the exit code."""
    return run(StubBackend())


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
    backend = backend or StubBackend()
    for line in requests:
        if not line.strip():
            continue
        try:
            reply = _answer(backend, line, recorder)
        except Misbehaviour as fault:
            _misbehave(fault, requests, replies)
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


def _misbehave(fault: Misbehaviour, requests: IO[bytes], replies: IO[bytes]) -> NoReturn:
    code = 0
    if fault.how == "crash":
        sys.stderr.write(fault.CRASH_TEXT + "\n")
        sys.stderr.flush()
        # pixi drops what it has not yet read of stderr when the process ends; 0.2 s are too few.
        time.sleep(0.5)
        code = fault.CRASH_CODE
    elif fault.how == "junk":
        replies.write(fault.JUNK_TEXT.encode() + b"\n")
        replies.flush()
    else:
        requests.read()  # hang: until stdin closes
    os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
