"""Faults of a channel server: which requests they strike, and how they are written."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote

from pytest_pixipack.errors import InvalidInput

Kind = Literal[
    "status",
    "truncate",
    "cut",
    "reset",
    "stall",
    "drip",
    "wrong-length",
    "corrupt",
    "stale",
    "redirect",
]
_KINDS = get_args(Kind)
_NUMBERS = {"truncate", "cut", "reset", "stall", "drip", "wrong-length", "corrupt"}
_WITHOUT_A_NUMBER = {"reset": 0, "stall": 0, "wrong-length": 1, "corrupt": None}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, and when.

    `amount` is in bytes of the body: after how many of them it breaks off (`truncate`, `cut`,
    `reset`, `stall`), how many more are announced than there are (`wrong-length`, may be negative),
    which one is altered (`corrupt`; None: the one in the middle of the file), or how many are sent
    per second (`drip`). `reset` and `stall` with 0 come before the first byte of the answer.
    Where a body has no more bytes than that, nothing breaks. `cut` is a truncation that nobody can
    tell from HTTP: the answer says no length. `code` and `retry_after` (seconds) belong to
    `status`, `target` (a URL) to `redirect`. A `stale` channel answers with repodata that lack the
    packages whose file names match `without`, or with those of the directory `older`.

    It strikes requests whose path below the server's root, without percent-encoding, matches `path`
    (as in a shell; `*` matches `/` too), from the `nth` of them (counted from 1), `count` times
    (None: always); `flapping` leaves out every second one. It strikes only where it makes a
    difference: what leaves status, bytes and pace of an answer as they are (no body to break off,
    another part of the file, repodata that have none of the packages) is not counted as a time.
    """

    kind: Kind
    amount: int | None = None
    code: int = 503
    retry_after: int | None = None
    target: str = ""
    without: str = ""
    older: Path | None = None
    path: str = "*"
    nth: int = 1
    count: int | None = None
    flapping: bool = False

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise InvalidInput(
                f"There is no fault `{self.kind}`.", remedy=f"There are: {', '.join(_KINDS)}."
            )
        if self.kind in _WITHOUT_A_NUMBER and self.amount is None:
            object.__setattr__(self, "amount", _WITHOUT_A_NUMBER[self.kind])
        problem = self._problem()
        if problem:
            raise InvalidInput(f"The fault `{self.kind}` {problem}.")

    def _problem(self) -> str | None:
        if self.nth < 1 or (self.count is not None and self.count < 1):
            return "counts requests from 1"
        if self.retry_after is not None and self.retry_after < 0:
            return "cannot be tried again in the past"
        if self.kind == "status" and not 400 <= self.code <= 599:
            return f"has a status from 400 to 599, not {self.code}"
        if self.kind in _NUMBERS and self.kind not in _WITHOUT_A_NUMBER and self.amount is None:
            return "needs a number of bytes"
        if self.amount is not None and self.amount < 0 and self.kind != "wrong-length":
            return "has a number of bytes that is not negative"
        if self.kind == "drip" and self.amount == 0:
            return "needs at least one byte per second; `stall` sends none"
        if self.kind == "wrong-length" and self.amount == 0:
            return "announces another number of bytes than there are"
        if self.kind == "redirect" and "://" not in self.target:
            return "needs the URL that it leads to"
        if self.kind == "stale" and not self.without and self.older is None:
            return "needs the packages that are missing, or an older channel"
        return None

    def is_due(self, number: int, struck: int) -> bool:
        """Whether it strikes the `number`-th request that matches its path, counted from 1, after
        it struck `struck` times.
        """
        past = number - self.nth
        if past < 0 or (self.flapping and past % 2):
            return False
        return self.count is None or struck < self.count

    def __str__(self) -> str:
        """As it is written on a command line."""
        value = {"status": str(self.code), "redirect": self.target}.get(self.kind)
        words = [value] if self.kind == "status" and value else [self._head(value)]
        if self.retry_after is not None:
            words.append(f"retry-after={self.retry_after}")
        for name in ("path", "nth", "count"):
            given = getattr(self, name)
            if given != _DEFAULTS[name]:
                words.append(f"{name}={given}")
        return ",".join([*words, *(["flapping"] if self.flapping else [])])

    def _head(self, value: str | None) -> str:
        if self.kind == "stale":
            value = self.without or (self.older.name if self.older else "")
        elif self.amount not in (None, _WITHOUT_A_NUMBER.get(self.kind)):
            value = str(self.amount)
        return f"{self.kind}={value}" if value else self.kind


_DEFAULTS = {each.name: each.default for each in fields(Fault)}


def parse_fault(text: str) -> Fault:
    """Reads a fault as it is written on a command line: `KIND[=VALUE][,WORD[=VALUE]]...`.

    `503,retry-after=2,count=1`, `truncate=1000,path=*.conda`, `reset,flapping`,
    `redirect=http://127.0.0.1:8000/other`, `stale=libz-1.3-*`. Raises `InvalidInput`.
    """
    head, *rest = [word.strip() for word in text.split(",")]
    fault = _first(head, text)
    names = [word.partition("=")[0] for word in rest]
    for word in rest:
        name, _, value = word.partition("=")
        if names.count(name) > 1:
            raise InvalidInput(f"`{name}` is there twice in the fault `{text}`.")
        if name == "path" and value:
            fault = replace(fault, path=value)
        elif name == "flapping" and not value:
            fault = replace(fault, flapping=True)
        elif name == "nth":
            fault = replace(fault, nth=_number(value, text))
        elif name == "count":
            fault = replace(fault, count=_number(value, text))
        elif name == "retry-after" and fault.kind == "status":
            fault = replace(fault, retry_after=_number(value, text))
        else:
            raise InvalidInput(
                f"`{word}` is not understood in the fault `{text}`.",
                remedy="After the fault come path=PATTERN, nth=N, count=N and flapping; after a "
                "status also retry-after=SECONDS.",
            )
    return fault


def _first(head: str, text: str) -> Fault:
    kind, _, value = head.partition("=")
    if kind.isascii() and kind.isdigit() and not value:
        return Fault("status", code=int(kind))
    if kind == "status" or kind not in _KINDS:
        raise InvalidInput(
            f"There is no fault `{kind}` (in `{text}`).",
            remedy=f"There are: a status such as 503, {', '.join(_KINDS[1:])}.",
        )
    if kind == "redirect":
        return Fault("redirect", target=value)
    if kind == "stale":
        return Fault("stale", without=value)
    known: Kind = kind  # type: ignore[assignment]  # one of them, as was looked up
    return Fault(known, amount=_number(value, text) if value else None)


def _number(value: str, text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,15}", value):
        return int(value)
    raise InvalidInput(
        f"`{value}` is not a number (in the fault `{text}`).",
        remedy="Write it as truncate=1000,nth=2.",
    )


@dataclass(slots=True)
class _Counted:
    fault: Fault
    seen: int = 0
    struck: int = 0


@dataclass(slots=True)
class FaultPlan:
    """Says for each request which fault strikes it; may be asked by several threads."""

    _known: list[_Counted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, faults: Iterable[Fault | str]) -> FaultPlan:
        """The plan of some faults, each given as such or as `parse_fault` reads it."""
        plan = cls()
        plan.replace(faults)
        return plan

    def replace(self, faults: Iterable[Fault | str]) -> None:
        """Forgets what was planned and counted; from now on these strike."""
        known = [_Counted(_fault(each)) for each in faults]
        with self._lock:
            self._known = known

    @property
    def faults(self) -> Sequence[Fault]:
        """What is planned, in the order in which it is asked."""
        return tuple(each.fault for each in self._known)

    def next(self, path: str, applies: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """The fault that strikes this request; every fault counts it whose path matches.

        `path` may be percent-encoded. `applies` says whether a fault can strike the answer.
        """
        struck = None
        plain = unquote(path)
        with self._lock:
            for each in self._known:
                if not fnmatchcase(plain, each.fault.path):
                    continue
                each.seen += 1
                due = struck is None and each.fault.is_due(each.seen, each.struck)
                if due and applies(each.fault):
                    each.struck += 1
                    struck = each.fault
        return struck


def _fault(given: Fault | str) -> Fault:
    if isinstance(given, Fault):
        return given
    if isinstance(given, str):
        return parse_fault(given)
    raise InvalidInput(
        f"{given!r} is no fault.", remedy='Write a text such as "503,count=1", or a `Fault`.'
    )
