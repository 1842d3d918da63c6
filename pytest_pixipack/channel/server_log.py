"""The log of a channel server: what was asked, and what was answered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import overload


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request: `path` is below the server's root, without token and query; `range` is the
    header as it came. `status` is None where nothing was answered. `sent` counts the bytes of the
    body that were handed to the connection. `fault` is the fault that struck, as it is written on
    a command line. `done` says whether the server has ended with it.
    """

    number: int
    method: str
    path: str
    range: str | None
    status: int | None
    fault: str | None
    sent: int
    done: bool

    def __str__(self) -> str:
        words = [self.method, self.path, str(self.status or "-"), f"{self.sent} bytes"]
        if self.range:
            words.append(self.range)
        return "  ".join([*words, *([f"fault {self.fault}"] if self.fault else [])])


@dataclass(slots=True)
class Entry:
    """The same while it happens; written by the server alone."""

    number: int
    method: str
    path: str
    range: str | None
    status: int | None = None
    fault: str | None = None
    sent: int = 0
    done: bool = False

    def frozen(self) -> LoggedRequest:
        """What is known by now."""
        return LoggedRequest(
            self.number, self.method, self.path, self.range,
            self.status, self.fault, self.sent, self.done,
        )  # fmt: skip


@dataclass(slots=True)
class Journal:
    """Takes the entries in the order of their requests; of many, the last `keep` where given.

    An entry is there before the first byte of its answer is sent: whoever has got an answer finds
    its request here.
    """

    keep: int | None = None
    _entries: deque[Entry] = field(init=False)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._entries = deque(maxlen=self.keep)

    def begin(self, method: str, path: str, asked_range: str | None) -> Entry:
        """A new entry, numbered from 1."""
        with self._lock:
            self._count += 1
            entry = Entry(self._count, method, path, asked_range)
            self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forgets all entries; numbers go on."""
        with self._lock:
            self._entries.clear()

    def snapshot(self) -> RequestLog:
        """What has been asked until now."""
        with self._lock:
            return RequestLog(tuple(entry.frozen() for entry in self._entries))


@dataclass(frozen=True, slots=True)
class RequestLog(Sequence[LoggedRequest]):
    """Requests in the order in which they came."""

    requests: tuple[LoggedRequest, ...]

    def matching(self, path: str, *, method: str | None = None) -> RequestLog:
        """Those whose path matches (as in a shell, `*` matches `/` too)."""
        return RequestLog(
            tuple(
                each
                for each in self.requests
                if fnmatchcase(each.path, path) and method in (None, each.method)
            )
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each."""
        return tuple(each.path for each in self.requests)

    @property
    def faults(self) -> RequestLog:
        """Those that a fault struck."""
        return RequestLog(tuple(each for each in self.requests if each.fault))

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | Sequence[LoggedRequest]:
        return self.requests[index]

    def __len__(self) -> int:
        return len(self.requests)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self.requests)

    def __str__(self) -> str:
        return "\n".join(map(str, self.requests))
