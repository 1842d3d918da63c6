"""Recorded messages between pixi and its backends, and what can be asked of them.

A file has one JSON object per line, `{"dir": "->"|"<-", "msg": {...}}`; more keys are allowed, and
`command` and `session`, where present, tell sessions in one file apart. The answer to a build may
have `artifact`, `{"path": ..., "sha256": ...}`: where the package lies, from the file's directory.
A line `{"transcript": 1, "api": 7}` says which version of transcripts and of the protocol follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_pixipack.backend.versions import require_supported
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.regular_files import read_regular

VERSION = 1  # of transcripts, not of the protocol
Direction = Literal["->", "<-"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `session` groups those of one backend process."""

    direction: Direction
    message: Mapping[str, Any]
    session: tuple[Any, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its reply. `result` and `error` are both None where no reply was recorded."""

    package: str | None
    method: str
    params: Mapping[str, Any]
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    session: tuple[Any, ...] = ()
    artifact: Mapping[str, Any] | None = None

    @property
    def answered(self) -> bool:
        """Whether a reply was recorded."""
        return self.result is not None or self.error is not None

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """The places of keys that the protocol does not have, of request and result."""
        from pytest_pixipack.backend.schema import METHODS, unknown_fields

        if self.method not in METHODS:
            return ()
        params, result = METHODS[self.method]
        return unknown_fields(self.params, params) + (
            () if self.result is None else unknown_fields(self.result, result)
        )


class Configuration(dict[str, Any]):
    """What a backend was told, as it came; where it differs, a failing test says which key."""


def _configuration(value: Any) -> Any:
    return Configuration(value) if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class InitializeCall:
    """What a backend was told about a package."""

    package: str
    params: Mapping[str, Any]

    @property
    def configuration(self) -> Any:
        """`[package.build.config]`, or None."""
        return _configuration(self.params.get("configuration"))

    @property
    def target_configuration(self) -> Any:
        """`[package.build.target.<selector>.config]` by selector, or None."""
        return _configuration(self.params.get("targetConfiguration"))

    @property
    def project_model(self) -> Mapping[str, Any]:
        """The package as pixi describes it."""
        model: Mapping[str, Any] = self.params.get("projectModel") or {}
        return model


class Transcript:
    """The messages of any number of sessions, in their order."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.messages = tuple(messages)
        self.calls = tuple(_calls(self.messages))

    @classmethod
    def load(cls, path: Path) -> Transcript:
        """Reads a file, or all `*.jsonl` files of a directory in the order of their recording.

        Raises `InvalidInput`, with the line, where a file is no transcript.
        """
        if not path.is_dir():
            return cls(_read(path))
        files = sorted(path.glob("*.jsonl"), key=_age)
        return cls(message for file in files for message in _read(file))

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the packages that backends were initialised for, in order."""
        names = (call.package for call in self.calls if call.method == "initialize")
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def initialize(self, package: str, index: int = -1) -> InitializeCall:
        """How the backend of a package was initialised: the last time, unless `index` says else.

        Raises `InvalidInput`, listing the recorded names, where it never was.
        """
        calls = self._of(package, "initialize")
        try:
            return InitializeCall(package, calls[index].params)
        except IndexError:
            raise InvalidInput(
                f"The backend of {package} was initialised {len(calls)} times; there is no "
                f"number {index}.",
                package=package,
            ) from None

    def outputs(self, package: str) -> tuple[Call, ...]:
        """All `conda/outputs` calls for a package. Raises as `initialize` does."""
        return self._of(package, "conda/outputs")

    def builds(self, package: str) -> tuple[Call, ...]:
        """All `conda/build_v1` calls for a package. Raises as `initialize` does."""
        return self._of(package, "conda/build_v1")

    def _of(self, package: str, method: str) -> tuple[Call, ...]:
        if package not in self.packages:
            names = ", ".join(self.packages) or "none"
            raise InvalidInput(
                f"No backend was initialised for {package}; recorded packages: {names}.",
                package=package,
                remedy="Lock or build first, and name a package that is built from source.",
            )
        return tuple(c for c in self.calls if c.package == package and c.method == method)


def _calls(messages: Iterable[Message]) -> Iterator[Call]:
    """Requests with their replies, in the order of the requests."""
    package: dict[tuple[Any, ...], str | None] = {}
    order: list[tuple[Message, str | None]] = []
    replies: dict[int, Message] = {}
    waiting: dict[tuple[tuple[Any, ...], str], int] = {}
    for message in messages:
        body, session = message.message, message.session
        identifier = json.dumps(body.get("id"))
        if message.direction == "->":
            if body.get("method") == "initialize":
                model = (body.get("params") or {}).get("projectModel") or {}
                package[session] = model.get("name")
            waiting[session, identifier] = len(order)
            order.append((message, package.get(session)))
        elif (session, identifier) in waiting:
            replies[waiting.pop((session, identifier))] = message
    for number, (message, name) in enumerate(order):
        answer = replies.get(number)
        reply = answer.message if answer else {}
        yield Call(
            name,
            str(message.message.get("method")),
            message.message.get("params") or {},
            reply.get("result"),
            reply.get("error"),
            message.session,
            answer.raw.get("artifact") if answer else None,
        )


def _read(path: Path) -> list[Message]:
    try:
        data = read_regular(path)
    except OSError as error:
        raise InvalidInput(
            f"The transcript cannot be read: {error.strerror}.",
            file=path,
            remedy="Name a file or a directory of recorded messages.",
        ) from None
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip() and not _is_header(line, path):
            found.append(_message(line, path, number))
    return found


def _is_header(line: bytes, path: Path) -> bool:
    """Whether a line is no message: which version or session follows.

    Raises `Unsupported` for a version that is not known.
    """
    if b'"transcript"' not in line[:40] and b'"backend"' not in line[:40]:
        return False
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(entry, dict) or "dir" in entry:
        return False
    if "session" in entry:  # which backend was started
        return True
    if "transcript" not in entry:
        return False
    if entry["transcript"] != VERSION:
        raise Unsupported(
            f"The transcript has version {entry['transcript']!r}; supported is {VERSION}.",
            file=path,
            remedy="Use a newer pytest-pixipack, or record it again.",
        )
    require_supported(entry.get("api"), f"The transcript {path.name}")
    return True


def _message(line: bytes, path: Path, number: int) -> Message:
    try:
        entry = json.loads(line)
        direction, body = entry["dir"], entry["msg"]
        if direction not in ("->", "<-") or not isinstance(body, dict):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(
            "This line is not a recorded message.",
            file=path,
            line=number,
            remedy='A line is {"dir": "->" or "<-", "msg": {...}}.',
        ) from None
    session = (str(path), _key(entry.get("command")), _key(entry.get("session")))
    return Message(direction, body, session, entry)


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _age(path: Path) -> tuple[int, int, str]:
    # `<pid>-<n>.jsonl`: n grows within a directory; processes that started together may share it.
    number = path.stem.rpartition("-")[2]
    return (int(number) if number.isdecimal() else 0, path.stat().st_mtime_ns, path.name)
