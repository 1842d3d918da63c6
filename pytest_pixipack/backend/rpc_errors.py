"""Turns what can go wrong with a backend into one sentence (`BackendError`).

Words and rules follow pixi, crates/pixi_build_frontend/src/backend/json_rpc.rs and error/; where
pixi shows an empty message (an error without `data`), the message beside it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_pixipack.backend.error_report import ErrorReport
from pytest_pixipack.backend.recording import INFRASTRUCTURE, UNSUPPORTED
from pytest_pixipack.errors import BackendError, Infrastructure, PixipackError, Unsupported

_METHOD_NOT_FOUND = -32601
_JUNK_LENGTH = 200
_STDERR_LINES = 8
_FRAME = re.compile(r"^[\s\u2500-\u257f]+|[\s\u2500-\u257f]*(?:\(took [^)]*\))?$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What Python and compilers point with at the line before says nothing without its place.
_POINTERS = "^~| "
# Then rattler-build says where the script is and how to run it by hand.
_HINTS = "Script execution failed."


def from_json_rpc(error: object, backend: str, method: str, stderr: str = "") -> PixipackError:
    """The error for a JSON-RPC error object that answered `method`.

    `BackendError`, or what a stand-in of ours says: `Infrastructure` where it could not read or
    write, `Unsupported` where it cannot do what is asked.
    """
    if not isinstance(error, Mapping):
        return malformed(backend, method, "an error that is not an object", stderr)
    if error.get("code") == _METHOD_NOT_FOUND:
        return BackendError(
            f"The build backend ({backend}) does not implement the method '{method}'.",
            remedy="Use a backend of pixi-build API version 7; this one announces more than it "
            "can do.",
        )
    report = ErrorReport.from_json(error.get("data"))
    sentence = report.sentence or _text(error.get("message")).rstrip(" .:")
    if not sentence:
        sentence = f"The build backend ({backend}) refused '{method}' without saying why"
    if report.code == INFRASTRUCTURE:
        return Infrastructure(f"{sentence}.", remedy="Free disk space, or allow the access.")
    if report.code == UNSUPPORTED:
        return Unsupported(f"{sentence}.", remedy=report.help)
    return BackendError(f"{sentence}{_tail(stderr)}.", remedy=report.help or None)


def exited(backend: str, method: str, code: int | None, stderr: str = "") -> BackendError:
    """The error for a process that ended before it answered `method`."""
    how = "" if code is None else _ending(code)
    return BackendError(
        f"The build backend ({backend}) exited prematurely{how}, before it answered "
        f"'{method}'{_tail(stderr)}.",
        remedy="Run the backend by hand; it has to answer until its input ends.",
    )


def junk(backend: str, method: str, line: bytes, stderr: str = "") -> BackendError:
    """The error for a line on stdout that is not a JSON-RPC message."""
    shown = line[:_JUNK_LENGTH].decode("utf-8", "replace").strip()
    more = "..." if len(line) > _JUNK_LENGTH else ""
    return BackendError(
        f"The build backend ({backend}) printed something that is not a JSON-RPC message while it "
        f"had to answer '{method}': {shown!r}{more}{_tail(stderr)}.",
        remedy="A backend writes nothing but messages to stdout; logs belong on stderr.",
    )


def malformed(backend: str, method: str, problem: str, stderr: str = "") -> BackendError:
    """The error for a message that is JSON but no answer to `method`."""
    return BackendError(
        f"The build backend ({backend}) answered '{method}' with {problem}{_tail(stderr)}.",
        remedy="Use a backend of pixi-build API version 7.",
    )


def timed_out(backend: str, method: str, seconds: float, stderr: str = "") -> BackendError:
    """The error for a backend that did not answer in time and was ended."""
    return BackendError(
        f"The build backend ({backend}) did not answer '{method}' within {seconds:g} s and was "
        f"ended{_tail(stderr)}.",
        remedy="Give it more time, or find out what it waits for.",
    )


def _ending(code: int) -> str:
    return f" with code {code}" if code >= 0 else f" by signal {-code}"


def _tail(stderr: str) -> str:
    lines = [line for line in map(_plain, stderr.splitlines()) if line.strip(_POINTERS)]
    if _HINTS in lines:
        lines = lines[: lines.index(_HINTS)]
    shown = " | ".join(lines[-_STDERR_LINES:])
    return f"; its last output was: {shown}" if shown else ""


def _plain(line: str) -> str:
    """A line without colours, and the frames that rattler-build draws, with which pixi's backends
    build.
    """
    return (
        _FRAME.sub("", _COLOUR.sub("", line)).removeprefix("\N{MULTIPLICATION SIGN} error").strip()
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
