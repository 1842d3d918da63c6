"""A child process that speaks JSON-RPC, one message per line, on stdin and stdout."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.backend import rpc_errors
from pytest_pixipack.errors import BackendError, Infrastructure

Json = dict[str, Any]

MAX_LINE = 256 * 1024 * 1024  # bytes: more is no answer but a runaway
_STDERR_LINES = 200
_STDERR_LINE = 4096  # bytes
GRACE = 5.0  # seconds between the end of input and a kill


class BackendProcess:
    """Starts at the first exchange; threads drain stdout and stderr, so that nothing blocks."""

    def __init__(
        self,
        argv: Sequence[str],
        name: str,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        umask: int | None = None,
        grace: float = GRACE,
    ) -> None:
        self._argv = list(argv)
        self._name = name
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._umask = umask
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stderr: deque[bytes] = deque(maxlen=_STDERR_LINES)
        self._threads: list[threading.Thread] = []
        self._writer: threading.Thread | None = None
        self._closed = False

    def exchange(self, request: Json, timeout: float) -> Json:
        """Sends a request and returns the reply to it; `timeout` is in seconds.

        Raises `BackendError` for everything but a reply, after the process has been ended;
        `Infrastructure` where it cannot be started.
        """
        process = self._started(request["method"])
        self._send(process, request)
        try:
            return self._reply(request, timeout)
        except BackendError:
            self._kill()
            raise

    def stderr_text(self) -> str:
        """The last lines that the process wrote to stderr."""
        return b"\n".join(list(self._stderr)).decode("utf-8", "replace")

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs, and where it was never started."""
        return self._process.poll() if self._process else None

    def close(self) -> None:
        """Ends the input, waits a moment, and kills what is still there."""
        process = self._process
        self._closed = True
        if process is None:
            return
        if self._writer is not None and self._writer.is_alive():
            self._kill()  # closing a pipe that another thread writes to would wait for it
            self._writer.join(1.0)
        # On Windows a kill does not reach grandchildren; they see the end of their input.
        if process.stdin is not None and not (self._writer and self._writer.is_alive()):
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self._kill()
        for thread, stream in zip(self._threads, (process.stdout, process.stderr), strict=True):
            thread.join(1.0)
            # Where a grandchild holds the other end, the reading thread keeps the stream.
            if stream is not None and not thread.is_alive():
                stream.close()

    # --- starting and ending ------------------------------------------------------------------
    def _started(self, method: str) -> subprocess.Popen[bytes]:
        if self._closed:
            raise rpc_errors.exited(self._name, method, None)
        if self._process is not None:
            return self._process
        try:
            self._process = self._spawn()
        except (FileNotFoundError, PermissionError) as error:
            # Where a directory of PATH cannot be searched, what is missing is "not permitted".
            if isinstance(error, PermissionError) and shutil.which(self._argv[0]):
                raise _not_startable(self._name, error) from None
            missing_cwd = self._cwd is not None and not self._cwd.is_dir()
            what = f"directory '{self._cwd}'" if missing_cwd else f"executable '{self._name}'"
            raise Infrastructure(
                f"The build backend {what} appears to be missing ({error.strerror}).",
                remedy="Name an existing executable.",
            ) from None
        except (OSError, ValueError) as error:
            raise _not_startable(self._name, error) from None
        for target, stream in (
            (self._read_stdout, self._process.stdout),
            (self._read_stderr, self._process.stderr),
        ):
            thread = threading.Thread(target=target, args=(stream,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self._process

    def _spawn(self) -> subprocess.Popen[bytes]:
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self._env,
            "cwd": self._cwd,
        }
        if os.name == "nt":
            return subprocess.Popen(self._argv, **pipes)  # type: ignore[call-overload,no-any-return]
        # A group of its own, so that a kill reaches what the backend has started.
        umask = -1 if self._umask is None else self._umask
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            self._argv, **pipes, umask=umask, start_new_session=True
        )

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self._grace)

    # --- messages -----------------------------------------------------------------------------
    def _send(self, process: subprocess.Popen[bytes], request: Json) -> None:
        data = json.dumps(request).encode("ascii") + b"\n"
        # In a thread: a backend that does not read would block us once the pipe is full.
        self._writer = threading.Thread(target=_write, args=(process.stdin, data), daemon=True)
        self._writer.start()

    def _reply(self, request: Json, timeout: float) -> Json:
        method = request["method"]
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise rpc_errors.timed_out(
                    self._name, method, timeout, self.stderr_text()
                ) from None
            if line is None or (not line.endswith(b"\n") and len(line) <= MAX_LINE):
                raise self._ended(method)  # perhaps in the middle of its answer
            if not line.strip():
                continue
            message = self._parsed(line, method)
            if "id" in message and "method" not in message:
                if message["id"] == request["id"] or message["id"] is None:
                    return message
                raise rpc_errors.malformed(
                    self._name, method, "a reply to another request", self.stderr_text()
                )

    def _parsed(self, line: bytes, method: str) -> Json:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or len(line) > MAX_LINE:
            self._settle(0.2)
            raise rpc_errors.junk(self._name, method, line, self.stderr_text())
        return message

    def _ended(self, method: str) -> BackendError:
        self._settle(1.0)
        code = self._process.poll() if self._process else None
        return rpc_errors.exited(self._name, method, code, self.stderr_text())

    def _settle(self, seconds: float) -> None:
        """Gives a process that ends a moment to end, and its stderr to be read."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        if len(self._threads) == 2 and self._process and self._process.poll() is not None:
            self._threads[1].join(1.0)

    def _read_stdout(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(MAX_LINE + 1):
                self._lines.put(line)
                if len(line) > MAX_LINE:
                    break
        self._lines.put(None)

    def _read_stderr(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(_STDERR_LINE):
                self._stderr.append(line.rstrip(b"\r\n"))


def _write(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # the reader sees the end of the process
        stream.write(data)
        stream.flush()


def _not_startable(name: str, error: Exception) -> Infrastructure:
    return Infrastructure(
        f"The build backend ({name}) cannot be started: {error}.",
        remedy="It has to be a program that this system can run.",
    )
