"""Stands between a front end and a real backend, and records what they say.

Bytes are passed on as they come, junk included. It ends when the backend does, with its exit code,
and ends the backend when its own input ends; stderr is the backend's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.backend.recorder import TranscriptRecorder

GRACE = 5.0  # seconds between the end of input and a kill


def record(path: Path, argv: Sequence[str], requests: IO[bytes], replies: IO[bytes]) -> int:
    """Runs a backend behind a recorder until it ends; returns its exit code.

    `requests` and `replies` are what the front end writes and reads. Raises `OSError` where the
    transcript cannot be written or the backend not be started.
    """
    recorder = TranscriptRecorder(path, Path(argv[-1]).name)
    process = subprocess.Popen(list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    # A daemon: where the backend ends first, nobody waits for the front end's next word.
    reader = threading.Thread(
        target=_pass_requests, args=(requests, process.stdin, recorder), daemon=True
    )
    reader.start()
    _pass_replies(process.stdout, replies, recorder)
    try:
        code = process.wait(GRACE)
    except subprocess.TimeoutExpired:  # it closed its output, and lives
        process.kill()
        code = process.wait()
    recorder.close()
    return code if code >= 0 else 128 - code


def _pass_requests(requests: IO[bytes], backend: IO[bytes], recorder: TranscriptRecorder) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in requests:
            message = _parsed(line)
            if message is not None:
                recorder.request(message)
            backend.write(line)
            backend.flush()
    with contextlib.suppress(OSError, ValueError):
        backend.close()


def _pass_replies(backend: IO[bytes], replies: IO[bytes], recorder: TranscriptRecorder) -> None:
    for line in backend:
        message = _parsed(line)
        with contextlib.suppress(OSError):
            if message is None:
                recorder.junk(line)
            else:
                recorder.reply(message)
        try:
            replies.write(line)
            replies.flush()
        except OSError:  # the front end is gone
            return


def _parsed(line: bytes) -> Any:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def main(path: Path, argv: Sequence[str]) -> int:
    """`record` on the process's own streams; says on stderr what keeps it from starting."""
    try:
        code = record(path, argv, sys.stdin.buffer, sys.stdout.buffer)
    except OSError as error:
        print(f"cannot record {argv[0]} into {path}: {error}", file=sys.stderr)
        return 1
    sys.stdout.flush()
    # Not `exit`: the reader may still wait for the front end.
    os._exit(code)
