"""Downloads: streamed, checked on the way, resumed after an interruption, retried within bounds.

Only faults of the network are tried again: a refused or broken connection, a timeout, a body that
ends early, and the statuses by which a server says that it is busy. A complete body with another
digest is never retried away: it is what the server has.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from pytest_pixipack.cache.made_once import remove
from pytest_pixipack.engine.requests import LeadsAwayError, Requests
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, Unsupported
from pytest_pixipack.redaction import hidden_repr, public_url, redact

if TYPE_CHECKING:
    import httpx

_CHUNK = 1 << 18
# What servers and the proxies before them answer while they are busy or restart (RFC 9110, 6585).
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK, _PARTIAL, _RANGE_REFUSED = 200, 206, 416


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be downloaded: `digest` in hexadecimal (`sha256` or `md5`), `size` in bytes."""

    url: str
    what: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    package: str | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long is tried; times in seconds.

    A server's `Retry-After` is followed up to `longest_pause`.
    """

    attempts: int = 4
    timeout: float = 60.0
    first_pause: float = 0.5
    longest_pause: float = 20.0
    pause: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Patience:
        """What `PIXIPACK_HTTP_TIMEOUT` (seconds that a server may be silent) and
        `PIXIPACK_HTTP_RETRIES` (after the first attempt) of an environment say.

        Raises `InvalidInput` where one of them is no number.
        """
        timeout = _number(environ, "PIXIPACK_HTTP_TIMEOUT", cls().timeout)
        retries = _number(environ, "PIXIPACK_HTTP_RETRIES", cls().attempts - 1)
        timeout = max(timeout, 0.05)
        return cls(int(retries) + 1, timeout, first_pause=min(cls().first_pause, timeout))

    def wait(self, tried: int, asked: float | None = None) -> None:
        """Pauses after the `tried`-th attempt, as long as the server `asked` within bounds."""
        wanted = self.first_pause * 2 ** (tried - 1) if asked is None else asked
        self.pause(min(wanted, self.longest_pause))


def _number(environ: Mapping[str, str], name: str, otherwise: float) -> float:
    text = environ.get(name)
    if not text:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400:
        raise InvalidInput(
            f"{name} is `{text}`, which is no number from 0 to 86400.",
            remedy="Correct the environment variable, or unset it.",
        )
    return value


class _Again(Exception):
    """A fault of the network; `after` is how long the server asked to wait, in seconds."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


def download(
    wanted: Wanted,
    target: Path,
    *,
    patience: Patience | None = None,
    network: bool = False,
    trust_environment: bool = True,
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Writes what `wanted` names to `target`, which appears only when it is complete and right.

    What has arrived is kept beside the target as `.part` and continued by the next attempt or the
    next process; the digest decides whether it was worth keeping, so without a digest nothing is
    continued. `progress` is told of the bytes so far and in all. Without `network`, only this
    machine is asked, wherever it sends us. With `trust_environment`, proxies and certificates of
    the environment are used for other hosts. Only one process or thread may call this for one
    target at a time.

    Raises `InvalidInput` where the content is not what is wanted, `Offline` where it is on another
    host and the network is off, `Infrastructure` where the network or the disk fails, and
    `Unsupported` where httpx is not installed.
    """
    _httpx(wanted)
    patience = patience or Patience.of(os.environ)
    tried = 0
    with Requests(
        patience.timeout, network=network, trust_environment=trust_environment
    ) as requests:
        while True:
            tried += 1
            try:
                part = _Part(target, wanted)
                _attempt(requests, wanted, part, progress)
                part.finish(target)
                return
            except _Again as fault:
                if tried == patience.attempts:
                    _give_up(wanted, str(fault), tried)
                patience.wait(tried, fault.after)
            except OSError as error:
                raise Infrastructure(
                    f"{wanted.what} cannot be written: {error.strerror or error}.",
                    file=target,
                    package=wanted.package,
                    remedy="Check free space and permissions.",
                ) from None


class _Part:
    """What has arrived of a file, and its digest so far."""

    def __init__(self, target: Path, wanted: Wanted) -> None:
        self._wanted = wanted
        kind = "sha256" if wanted.sha256 else "md5" if wanted.md5 else None
        self._expected = wanted.sha256 or wanted.md5
        self._kind = kind or "sha256"
        # Without a digest two downloads of one name may be different files.
        name = f".{self._expected}" if self._expected else f".{secrets.token_hex(8)}"
        self.path = target.with_name(f"{name}.part")
        self._hasher = hashlib.new(self._kind, usedforsecurity=False)
        self.length = self._read_what_is_there()

    def _read_what_is_there(self) -> int:
        if self.path.is_symlink() or self.path.is_dir():  # it was not made here
            remove(self.path)
        length = 0
        try:
            with self.path.open("rb") as stream:
                while piece := stream.read(_CHUNK):
                    self._hasher.update(piece)
                    length += len(piece)
        except FileNotFoundError:
            return 0
        return length

    def start_over(self) -> None:
        """Forgets what is there."""
        self.path.unlink(missing_ok=True)
        self._hasher = hashlib.new(self._kind, usedforsecurity=False)
        self.length = 0

    def open(self) -> BinaryIO:
        """For appending."""
        return self.path.open("ab")

    def add(self, stream: BinaryIO, piece: bytes) -> None:
        """Appends a piece."""
        stream.write(piece)
        self._hasher.update(piece)
        self.length += len(piece)

    @property
    def is_too_long(self) -> bool:
        """Whether more has arrived than the file has."""
        return self._wanted.size is not None and self.length > self._wanted.size

    def finish(self, target: Path) -> None:
        """Moves the part to its place. Raises `InvalidInput` where it is another file."""
        if self.is_too_long:
            self._refuse(f"it has more than the {self._wanted.size} bytes that are expected")
        if self._expected is not None and (found := self._hasher.hexdigest()) != self._expected:
            self._refuse(f"its {self._kind} is {found}, expected was {self._expected}")
        self.path.replace(target)

    @property
    def is_complete(self) -> bool:
        """Whether what is there is what is wanted."""
        return self._expected is not None and self._hasher.hexdigest() == self._expected

    def _refuse(self, reason: str) -> NoReturn:
        self.path.unlink(missing_ok=True)
        raise InvalidInput(
            f"{self._wanted.what} from {public_url(self._wanted.url)} is not the file that was"
            f" locked: {reason}.",
            package=self._wanted.package,
            remedy="Lock again against this channel, or ask its owner which file is right.",
        )


def _attempt(
    requests: Requests,
    wanted: Wanted,
    part: _Part,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    import httpx

    if part.is_complete:
        return
    resumed = part.length
    # Without compression: the bytes that are counted are those of the file.
    headers = {"Accept-Encoding": "identity"}
    if resumed:
        headers["Range"] = f"bytes={resumed}-"
    try:
        with requests.get(wanted.url, headers) as response:
            if not _take_status(response, wanted, part):
                raise _Again("an earlier download could not be continued", after=0)
            total = _total(response, part)
            with part.open() as stream:
                # As they come: pieces of a fixed size would lose the last one when it breaks off.
                for piece in response.iter_raw():
                    part.add(stream, piece)
                    if part.is_too_long:
                        break
                    if progress is not None:
                        progress(part.length, total)
    except LeadsAwayError as error:
        raise Offline(
            f"{wanted.what} from {public_url(wanted.url)} leads to {error.address}, and the network"
            " is off.",
            package=wanted.package,
            remedy="Allow the network (--pixipack-network), or put a stub channel in the channel's "
            "place.",
        ) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as error:
        _give_up(wanted, redact(str(error)), 1)
    except httpx.HTTPError as error:
        raise _Again(_reason(error)) from None
    if _ended_early(response, wanted, part):
        raise _Again(f"the connection ended after {part.length} of {wanted.size} bytes")
    if resumed and not part.is_complete:
        # The server has another file now, or what was there was wrong: from the beginning, once.
        part.start_over()
        _attempt(requests, wanted, part, progress)


def _take_status(response: httpx.Response, wanted: Wanted, part: _Part) -> bool:
    """Whether the body can be appended. False: the part was dropped, ask again."""
    status = response.status_code
    if status == _PARTIAL and part.length:
        begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if begins == str(part.length):
            return True
        part.start_over()
        return False
    if status == _OK:
        part.start_over()
        return True
    if status == _RANGE_REFUSED and part.length:
        part.start_over()
        return False
    words = f"the server answered {status} {response.reason_phrase}".rstrip()
    if status in _BUSY:
        raise _Again(words, _retry_after(response.headers.get("Retry-After")))
    return _give_up(wanted, words, 1)


def _ended_early(response: httpx.Response, wanted: Wanted, part: _Part) -> bool:
    """Whether a body whose end only the end of the connection tells is too short."""
    framed = {"content-length", "transfer-encoding"} & response.headers.keys()
    return not framed and wanted.size is not None and part.length < wanted.size


def _total(response: httpx.Response, part: _Part) -> int | None:
    length = response.headers.get("Content-Length", "")
    return part.length + int(length) if length.isdigit() else None


def _retry_after(value: str | None) -> float | None:
    """Seconds; a date (RFC 9110, 10.2.3) is not followed, for clocks differ."""
    return float(value) if value is not None and value.isdigit() and len(value) < 7 else None


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "the server did not answer in time"
    return redact(str(error)) or type(error).__name__


def _give_up(wanted: Wanted, reason: str, tried: int) -> NoReturn:
    times = f" ({tried} attempts)" if tried > 1 else ""
    raise Infrastructure(
        f"{wanted.what} cannot be downloaded from {public_url(wanted.url)}: {reason}{times}.",
        package=wanted.package,
        remedy="Try again; check the network and the channel.",
    )


def _httpx(wanted: Wanted) -> Any:
    try:
        import httpx
    except ImportError:
        raise Unsupported(
            f"{wanted.what} has to be downloaded, which needs httpx.",
            package=wanted.package,
            remedy="Install pytest-pixipack[http].",
        ) from None
    return httpx
