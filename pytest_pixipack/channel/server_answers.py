"""From a request to an answer: authentication, conditions, ranges, and the fault that strikes.

Nothing here knows a socket, so that the same answers are given over HTTP and inside a client.
HTTP follows RFC 9110 as far as clients of conda channels use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from pytest_pixipack.channel.server_access import Access
from pytest_pixipack.channel.server_content import Content, Roots
from pytest_pixipack.channel.server_faults import Fault, FaultPlan
from pytest_pixipack.channel.server_log import Entry, Journal
from pytest_pixipack.redaction import hide

# More digits than that, Python may refuse to read.
_RANGE = re.compile(r"bytes=([0-9]{0,4000})-([0-9]{0,4000})")
_TYPES = {".json": "application/json", ".zst": "application/zstd"}
_BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `target` as it stands in the request line, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent. `fault` breaks the connection or the body on the way, if it is one of those.

    `length` is announced (None: none is), `start` and `stop` are the part of the content.
    """

    status: int
    headers: Mapping[str, str]
    content: Content
    start: int = 0
    stop: int = 0
    length: int | None = 0
    fault: Fault | None = None
    head_only: bool = False

    @property
    def reason(self) -> str:
        """The words behind the status."""
        return _phrase(self.status)

    @property
    def limit(self) -> int | None:
        """After how many bytes of the body the fault strikes; None where it does not."""
        if self.fault is not None and self.fault.kind in ("truncate", "cut", "reset", "stall"):
            return self.fault.amount
        return None

    @property
    def is_silent(self) -> bool:
        """Whether not even a status is sent."""
        return self.fault is not None and self.fault.kind in ("reset", "stall") and not self.limit

    def body(self) -> Iterator[bytes]:
        """The bytes up to where the fault strikes, in pieces. Raises `OSError`."""
        if self.head_only or self.is_silent:
            return
        stop = self.stop if self.limit is None else min(self.stop, self.start + self.limit)
        at = self.start
        wrong = self.altered_byte
        for piece in self.content.pieces(self.start, stop):
            if wrong is not None and at <= wrong < at + len(piece):
                altered = bytearray(piece)
                altered[wrong - at] ^= 0xFF
                piece = bytes(altered)
            at += len(piece)
            yield piece

    @property
    def altered_byte(self) -> int | None:
        """Which byte of the content the fault alters; None where it does not."""
        if self.fault is None or self.fault.kind != "corrupt":
            return None
        return self.content.size // 2 if self.fault.amount is None else self.fault.amount


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers requests: what there is, who may have it, what goes wrong, what was asked."""

    roots: Roots
    plan: FaultPlan
    journal: Journal
    access: Access = field(default_factory=Access)

    def answer(self, request: Request) -> tuple[Answer, Entry]:
        """The answer to a request, and its entry in the log."""
        path, token = self.access.path_without_token(_path(request.target))
        asked = request.headers.get("range")
        entry = self.journal.begin(request.method, self.access.hidden(path), asked)
        answer = self._answer(request, path, token)
        entry.fault = hide(str(answer.fault)) if answer.fault else None
        if not answer.is_silent:
            entry.status = answer.status
        return answer, entry

    def refuse(self, request: Request | None, status: int = 400) -> tuple[Answer, Entry]:
        """The answer to what cannot be served: no HTTP, for which there is None, a body, or a head
        that is too long.
        """
        method = request.method if request is not None else "?"
        path = self.access.path_without_token(_path(request.target))[0] if request else "?"
        entry = self.journal.begin(method, self.access.hidden(path), None)
        entry.status = status
        return plain(status, {}, method == "HEAD"), entry

    def _answer(self, request: Request, path: str, token: str | None) -> Answer:
        head_only = request.method == "HEAD"
        if request.method not in ("GET", "HEAD"):
            return plain(405, {"Allow": "GET, HEAD"}, head_only)
        if not self.access.admits(request.headers, token):
            return plain(401, {"WWW-Authenticate": self.access.challenge}, head_only)
        content = self.roots.find(path)
        found = _found(request, content, path, head_only)
        fault = self.plan.next(
            path, lambda each: self._struck(request, path, found, each) is not None
        )
        struck = self._struck(request, path, found, fault) if fault is not None else None
        return found if struck is None else struck

    def _struck(self, request: Request, path: str, found: Answer, fault: Fault) -> Answer | None:
        """What a fault makes of an answer, None where that is no other answer."""
        head_only = request.method == "HEAD"
        if fault.kind in ("status", "redirect"):
            other = _instead(fault, path, head_only)
        elif fault.kind == "stale":
            older = self.roots.find(path, without=fault.without, older=fault.older)
            other = _found(request, older, path, head_only)
        else:
            return _broken(found, fault)
        return None if _same(found, other) else replace(other, fault=fault)


def plain(status: int, headers: Mapping[str, str], head_only: bool = False) -> Answer:
    """An answer that says nothing but its status."""
    data = f"{status} {_phrase(status)}\n".encode()
    content = Content(len(data), "", 0.0, data=data)
    headers = {**headers, "Content-Type": "text/plain"}
    return Answer(status, headers, content, 0, len(data), len(data), head_only=head_only)


def _phrase(status: int) -> str:
    """The words behind a status; there are more in use than Python has names for."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _path(target: str) -> str:
    # An absolute URL is what a client sends to a proxy (RFC 9112, 3.2.2).
    try:
        return urlsplit(target).path if "://" in target else target.partition("?")[0]
    except ValueError:
        return "/"


def _instead(fault: Fault, path: str, head_only: bool) -> Answer:
    if fault.kind == "redirect":
        below = path.partition("/")[2].partition("/")[2]
        target = urlsplit(fault.target)
        place = target._replace(path=f"{target.path.rstrip('/')}/{below}")
        answer = plain(302, {"Location": urlunsplit(place)}, head_only)
    else:
        wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        answer = plain(fault.code, wait, head_only)
    return answer


def _found(request: Request, content: Content | None, path: str, head_only: bool) -> Answer:
    if content is None:
        return plain(404, {}, head_only)
    tag = f'"{content.tag}"'
    headers = {
        "ETag": tag,
        "Last-Modified": content.last_modified,
        "Cache-Control": "no-cache",
        "Accept-Ranges": "bytes",
    }
    if _is_known(request, content, tag):
        return Answer(304, headers, content, length=None, head_only=True)
    suffix = path[path.rfind(".") :] if "." in path else ""
    headers["Content-Type"] = _TYPES.get(suffix, _BINARY)
    part = _part(request, content, tag)
    if part is None:
        size = content.size
        return Answer(200, headers, content, 0, size, size, head_only=head_only)
    start, stop = part
    if start >= stop:
        return plain(416, {"Content-Range": f"bytes */{content.size}"}, head_only)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    return Answer(206, headers, content, start, stop, stop - start, head_only=head_only)


def _is_known(request: Request, content: Content, tag: str) -> bool:
    if (given := request.headers.get("if-none-match")) is not None:
        tags = [each.strip().removeprefix("W/") for each in given.split(",")]
        return tag in tags or "*" in tags
    since = request.headers.get("if-modified-since")
    try:
        # HTTP's times have whole seconds.
        return since is not None and parsedate_to_datetime(since).timestamp() >= int(
            content.modified
        )
    except (TypeError, ValueError, OverflowError):
        return False


def _part(request: Request, content: Content, tag: str) -> tuple[int, int] | None:
    """First byte, and the one behind the last, that are asked for; None for all of it."""
    if request.method != "GET":  # for which alone ranges are defined (RFC 9110, 14.2)
        return None
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None  # of several parts, all may be sent
    if request.headers.get("if-range", tag) not in (tag, content.last_modified):
        return None
    first, last = match.groups()
    if not first:
        return max(0, content.size - int(last)), content.size
    if last and int(last) < int(first):
        return None
    return int(first), min(content.size, int(last) + 1) if last else content.size


def _same(one: Answer, other: Answer) -> bool:
    """Whether a client cannot tell two answers without faults apart, but for the time of a file."""
    if one.status != other.status or _part_of(one) != _part_of(other):
        return False
    # A file has a tag; what only says a status has all it says in its headers.
    return bool(one.content.tag) or one.headers == other.headers


def _part_of(answer: Answer) -> tuple[str, int, int]:
    return answer.content.tag, answer.start, answer.stop


def _broken(answer: Answer, fault: Fault) -> Answer | None:
    """An answer that a fault breaks, or whose body it alters; None where there is nothing to."""
    if fault.kind in ("reset", "stall") and not fault.amount:
        return replace(answer, fault=fault)
    if answer.status not in (200, 206):
        return None
    size = answer.stop - answer.start
    if fault.kind == "wrong-length":
        assert fault.amount is not None
        announced = max(0, size + fault.amount)
        return None if announced == size else replace(answer, length=announced, fault=fault)
    struck = replace(answer, fault=fault)
    if answer.head_only or not _is_in_body(struck, size):
        return None
    return replace(struck, length=None) if fault.kind == "cut" else struck


def _is_in_body(struck: Answer, size: int) -> bool:
    """Whether a fault comes before the end of a body with so many bytes, of which nobody would
    notice it behind the last.
    """
    if (altered := struck.altered_byte) is not None:
        return struck.start <= altered < struck.stop
    return size > (struck.limit or 0)
