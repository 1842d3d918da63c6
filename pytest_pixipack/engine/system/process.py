"""Runs one tool to its end, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pytest_pixipack.engine.system.tools import Tool
from pytest_pixipack.errors import Infrastructure

TIMEOUT = 1800.0  # seconds
_KEPT = 4 * 1024 * 1024  # bytes of output that are read; the rest is cut from the middle
_GRACE = 10.0  # seconds between a request to end and the end


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended by itself: `code` is negative for a signal, as in `subprocess`."""

    tool: Tool
    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        import shlex

        return shlex.join([self.tool.name, *self.arguments])


def run_tool(
    tool: Tool,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    timeout: float = TIMEOUT,
    umask: int | None = None,
    wrap: Callable[[Sequence[str]], list[str]] = list,
) -> Finished:
    """Runs a tool and waits for it; `wrap` makes the command line that is really started.

    The tool and everything that it started is ended when this function returns, however it
    returns. Raises `Infrastructure` where the tool cannot be started or does not end within
    `timeout` seconds. An exit code other than 0 is the caller's to judge.
    """
    started = time.monotonic()
    # Files, not pipes: a grandchild that holds a pipe open would keep us waiting for its end.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        argv = wrap([str(tool.path), *arguments])
        process = _start(tool, argv, environment, directory, umask, out, err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Infrastructure(
                f"{tool} did not end within {timeout:g} seconds: "
                f"`{_command(tool, arguments)}` in {directory}.",
                remedy="Give it more time, or look at what it waits for.",
            ) from None
        finally:
            end_group(process)
        return Finished(
            tool,
            tuple(arguments),
            code,
            _text(out),
            _text(err),
            time.monotonic() - started,
        )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that was started with `start_new_session` and all that it has started."""
    if sys.platform == "win32":
        if process.poll() is None:
            # /T: the tree below it, which a kill of the process alone would leave behind.
            with contextlib.suppress(OSError):
                subprocess.run(
                    ["taskkill", "/F", "/T", "/PID", str(process.pid)],
                    capture_output=True,
                    check=False,
                )
            process.kill()
    else:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)


def _start(
    tool: Tool,
    argv: list[str],
    environment: Mapping[str, str],
    directory: Path,
    umask: int | None,
    out: IO[bytes],
    err: IO[bytes],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=os.name != "nt",
            umask=-1 if umask is None or os.name == "nt" else umask,
        )
    except OSError as error:
        raise Infrastructure(
            f"{tool} cannot be started: {error.strerror or error}.",
            file=tool.path,
            remedy="It has to be a program that this system can run.",
        ) from error


def _command(tool: Tool, arguments: Sequence[str]) -> str:
    return " ".join([tool.name, *arguments])


def _text(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size <= _KEPT:
        data = stream.read()
    else:
        data = stream.read(_KEPT // 2) + b"\n[...]\n"
        stream.seek(size - _KEPT // 2)
        data += stream.read()
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
