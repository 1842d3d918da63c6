"""From a failed command to one error of the right kind."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_pixipack.backend.recording import UNSUPPORTED
from pytest_pixipack.engine.system.messages import Message, parse_message, plain
from pytest_pixipack.engine.system.process import Finished
from pytest_pixipack.engine.system.support import LIMITS, WAY_ON
from pytest_pixipack.engine.system.tools import Tool
from pytest_pixipack.errors import (
    BackendError,
    Infrastructure,
    InvalidInput,
    Offline,
    PixipackError,
    SolveError,
    Unsupported,
)
from pytest_pixipack.redaction import redact


@dataclass(frozen=True, slots=True)
class _Kind:
    """Words in a tool's message, and the error that they mean."""

    pattern: str
    error: type[PixipackError]
    remedy: str


# Backends are packages that pixi installs: where the channels that it may ask have none, nothing is
# known of the workspace while the network is off.
_UNSOLVED_BACKEND = re.compile(r"could not initialize the build-backend[\s\S]*Cannot solve")
_STUB_IT = (
    "Put a stub in its place ([tool.pixipack] channels or backends), or allow the network "
    "(--pixipack-network)."
)
_BACKEND = "The backend of that package is at fault, or what it was given."

# The first that matches wins. The patterns are the words of the tools and their libraries.
_KINDS = (
    _Kind(
        r"Cannot install environment '[^']+': the environment",
        Unsupported,
        "Install it on a machine that has what is missing.",
    ),
    _Kind(
        r"No space left on device|os error 28\b|Disk quota exceeded|Read-only file system"
        r"|Permission denied \(os error 13\)|There is not enough space on the disk",
        Infrastructure,
        "Choose a directory that can be written, with enough room.",
    ),
    _Kind(
        r"HTTP status client error \((?:401|403|407)",
        Infrastructure,
        "The channel wants credentials, which may stand in its URL.",
    ),
    _Kind(
        # An incomplete frame is a body that broke off where no length was said.
        r"error decoding response body|end of file before message length|incomplete frame"
        r"|stream did not finish|error sending request|dns error|failed to lookup address"
        r"|[Cc]onnection refused|[Cc]onnection reset|[Cc]onnection closed before"
        r"|tcp connect error|tunnel error|proxy authentication|operation timed out"
        r"|unexpected EOF during handshake|invalid peer certificate|network is unreachable"
        r"|HTTP status (?:server|client) error|are offline"
        r"|offline mode|unable to access 'https?:|Could not resolve host",
        Infrastructure,
        "This is the network, not the workspace: try again, or stub the channel.",
    ),
    _Kind(
        r"the build backend \(|could not initialize the build-backend(?![\s\S]*Cannot solve)"
        r"|[Tt]he build backend did not return|invalid response from the build backend"
        r"|failed to build '|failed to calculate sha256 hash of|metadata from the output package",
        BackendError,
        _BACKEND,
    ),
    _Kind(
        r"Cannot solve the request because of|failed to solve the environment",
        SolveError,
        "Change a requirement so that a package satisfies it, or add the channel that has one.",
    ),
)

# What pixi itself finds wrong with a source package; anything else there came from its backend.
_PIXIS_OWN = re.compile(
    r"failed to discover a valid project manifest|is not provided by the project located at"
    r"|could not be found|malformed|is not a valid|could not find subdir|Unexpected keys"
    r"|does not contain a supported manifest|missing field|No such file or directory"
)
_PACKAGE = re.compile(r"(?:source package|failed to build|package) '([\w.-]+)'")
# What pixi prints before it builds a single package.
_BUILDING = re.compile(r"Building 1 package\(s\):\n\s+- ([\w.-]+) v")
_URL = re.compile(r"https?://[^\s)'\"`]+")
_PANIC = re.compile(r"panicked at [^\n]*\n?[^\n]*")
_USAGE = "For more information, try '--help'."  # clap: the tool does not know an option or value


def tool_error(done: Finished, *, network: bool = True) -> PixipackError:
    """The error for a command that failed, naming the tool, its version and what to do.

    With `network` off, a network error means that something was neither stubbed nor local.
    """
    printed = plain(done.stderr)
    message = parse_message(done.stderr)
    who, version = str(done.tool), str(done.tool.version or "")
    if _is_crash(done.code):
        return _crash(done, printed)
    if _USAGE in printed:
        return Unsupported(
            f"{who} does not take these arguments ({redact(message.lines[0].splitlines()[0])}): "
            f"`{redact(done.command)}`.",
            remedy=f"Use a newer or older {done.tool.name}. {WAY_ON}",
        )
    for limit in LIMITS:
        if limit.tool == done.tool.name and (match := limit.match(message.text)):
            return Unsupported(
                # What pixi-pack ran was the pixi on PATH.
                limit.sentence(limit.tool, version, *match.groups(), "pixi"),
                package=_named_package(message),
                remedy=limit.way_on,
            )
    if UNSUPPORTED in printed:  # a stand-in of ours says so; pixi shows the code of its error
        return Unsupported(
            f"{who} says: {message.sentence}.", package=_named_package(message), remedy=message.help
        )
    building = _BUILDING.search(printed)
    return _classified(who, message, network=network, building=building and building[1])


def refused(tool: Tool, key: str, *parts: str, package: str | None = None) -> Unsupported:
    """The error for something that is known beforehand not to work with a tool."""
    limit = next(each for each in LIMITS if each.key == key)
    return Unsupported(
        limit.sentence(tool.name, str(tool.version), *parts), package=package, remedy=limit.way_on
    )


def _classified(
    who: str, message: Message, *, network: bool, building: str | None = None
) -> PixipackError:
    """`building` is the package that was being built."""
    text = message.text
    kind = next((each for each in _KINDS if re.search(each.pattern, text)), None)
    error: type[PixipackError] = kind.error if kind else InvalidInput
    remedy = message.help or (kind.remedy if kind else None)
    if kind is None and (_from_backend(message) or _from_build(message, building)):
        error, remedy = BackendError, message.help or _BACKEND
    unreachable = error is Infrastructure and _is_remote(text)
    if not network and (unreachable or _UNSOLVED_BACKEND.search(text)):
        error, remedy = Offline, _STUB_IT
    sentence = redact(message.sentence) or "nothing that says why"
    if error is BackendError and _is_empty(message):
        sentence += "; the backend gave no reason"
    return error(
        f"{who} says: {sentence}.",
        file=message.file,
        line=message.line,
        column=message.column,
        package=_named_package(message) or building,
        remedy=redact(remedy) if remedy else "Correct what it names.",
    )


def _from_backend(message: Message) -> bool:
    inside = any("failed to resolve source package" in line for line in message.lines)
    return inside and message.file is None and not _PIXIS_OWN.search(message.lines[-1])


def _from_build(message: Message, building: str | None) -> bool:
    # While it builds, pixi says what the backend said, and not that the backend said it.
    return building is not None and message.file is None and not _PIXIS_OWN.search(message.text)


def _is_empty(message: Message) -> bool:
    return not message.lines or "failed to resolve source package" in message.lines[-1]


def _is_remote(text: str) -> bool:
    from pytest_pixipack.engine.channels import is_local

    urls = _URL.findall(text)
    return not urls or any(not is_local(url) for url in urls)


def _named_package(message: Message) -> str | None:
    match = _PACKAGE.search(message.text)
    return match[1] if match else None


def _is_crash(code: int) -> bool:
    # 101 is a Rust panic; Windows reports an unhandled exception as 0xC0000005 and the like.
    return code < 0 or code == 101 or code >= 0x80000000


def _crash(done: Finished, printed: str) -> Infrastructure:
    panic = _PANIC.search(printed)
    if panic:
        how = f"crashed ({redact(' '.join(panic[0].split()))})"
    else:
        how = f"was ended by signal {-done.code}" if done.code < 0 else f"crashed ({done.code:#x})"
    return Infrastructure(
        f"{done.tool} {how}: `{redact(done.command)}`.",
        remedy="Report it to the authors of the tool; with another release it may work.",
    )
