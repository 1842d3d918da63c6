"""Matchers of single values: build strings, digests and times."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pytest_pixipack.matchers.base import Matcher
from pytest_pixipack.matchers.describe import describe

# Characters of a build string, conda's CEP 26.
_BUILD = re.compile(r"[A-Za-z0-9_.+]+")
_HASH = re.compile(r"h([0-9a-f]+)(?=_|$)")
_NUMBER = re.compile(r"(?:^|_)([0-9]+)$")


class IsBuildString(Matcher):
    """A conda build string; without arguments, any that is well formed.

    All criteria that are given have to hold:

    - `pattern`: a glob for the whole string, where `*` is any text (`"py312*_0"`);
    - `prefix`: what it starts with;
    - `regex`: a regular expression for the whole string;
    - `number`: the build number that it ends with, after the last `_`;
    - `hash_length`: how many hexadecimal digits follow the `h` that starts its hash.

    Raises `ValueError` for a regular expression that is none and `TypeError` for a wrong type.

    >>> "py312h4f5a6b7_3" == IsBuildString("py312*", number=3, hash_length=7)
    True
    >>> "h1d2c3b4_0" == IsBuildString(prefix="py")
    False
    """

    def __init__(
        self,
        pattern: str | None = None,
        *,
        prefix: str | None = None,
        regex: str | None = None,
        number: int | None = None,
        hash_length: int | None = None,
    ) -> None:
        _require(str, pattern=pattern, prefix=prefix, regex=regex)
        _require(int, number=number, hash_length=hash_length)
        try:
            re.compile(regex or "")
        except re.error as error:
            raise ValueError(f"{regex!r} is not a regular expression: {error}.") from error
        if number is not None and number < 0:
            raise ValueError(f"IsBuildString(number={number}) matches nothing.")
        if hash_length is not None and hash_length < 1:
            raise ValueError(f"IsBuildString(hash_length={hash_length}) matches nothing.")
        self.pattern, self.prefix, self.regex = pattern, prefix, regex
        self.number, self.hash_length = number, hash_length
        given = {"prefix": prefix, "regex": regex, "number": number, "hash_length": hash_length}
        args = () if pattern is None else (pattern,)
        super().__init__(*args, **{k: v for k, v in given.items() if v is not None})

    def accepts(self, other: Any) -> bool:
        """Whether `other` is a build string for which every criterion holds."""
        return isinstance(other, str) and bool(_BUILD.fullmatch(other)) and not self._broken(other)

    def expectation(self) -> str:
        """The criteria in words."""
        texts = [
            self.pattern,
            None if self.prefix is None else f"{self.prefix}…",
            None if self.regex is None else f"/{self.regex}/",
            None if self.number is None else f"build number {self.number}",
            None if self.hash_length is None else f"a hash of {self.hash_length} digits",
        ]
        return ", ".join(text for text in texts if text is not None) or "a build string"

    def reason(self, other: Any) -> str | None:
        """The criterion that does not hold, where there are several."""
        if not isinstance(other, str):
            return "not a text"
        if not _BUILD.fullmatch(other):
            return "not a well-formed build string"
        broken = self._broken(other)
        return f"not {broken[0]}" if broken and len(self._criteria(other)) > 1 else None

    def _broken(self, build: str) -> list[str]:
        return [text for text, holds in self._criteria(build) if not holds]

    def _criteria(self, build: str) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        if self.pattern is not None:
            found.append((self.pattern, fnmatchcase(build, self.pattern)))
        if self.prefix is not None:
            found.append((f"{self.prefix}…", build.startswith(self.prefix)))
        if self.regex is not None:
            found.append((f"/{self.regex}/", bool(re.fullmatch(self.regex, build))))
        if self.number is not None:
            number = _NUMBER.search(build)
            holds = number is not None and int(number[1]) == self.number
            found.append((f"build number {self.number}", holds))
        if self.hash_length is not None:
            holds = any(len(match[1]) == self.hash_length for match in _HASH.finditer(build))
            found.append((f"a hash of {self.hash_length} digits", holds))
        return found


class _IsDigest(Matcher):
    """A digest in lower-case hexadecimal, as conda's files write them."""

    _digits: ClassVar[int] = 0
    _kind: ClassVar[str] = "digest"

    def __init__(self) -> None:
        super().__init__()

    def accepts(self, other: Any) -> bool:
        """Whether `other` is a text of the right number of lower-case hexadecimal digits."""
        digits = f"[0-9a-f]{{{self._digits}}}"
        return isinstance(other, str) and re.fullmatch(digits, other) is not None

    def expectation(self) -> str:
        """The kind of digest."""
        return f"a {self._kind}"

    def reason(self, other: Any) -> str | None:
        """What is wrong with the digits."""
        if not isinstance(other, str):
            return None
        if len(other) != self._digits:
            return f"{len(other)} characters, not {self._digits}"
        if self.accepts(other.lower()):
            return "upper case"
        return "not hexadecimal"


class IsSha256(_IsDigest):
    """A SHA-256 digest: 64 lower-case hexadecimal digits.

    >>> "ab" * 32 == IsSha256, "AB" * 32 == IsSha256(), "ab" * 16 == IsSha256()
    (True, False, False)
    """

    _digits = 64
    _kind = "sha256"


class IsMd5(_IsDigest):
    """An MD5 digest: 32 lower-case hexadecimal digits.

    >>> "ab" * 16 == IsMd5(), "ab" * 32 == IsMd5()
    (True, False)
    """

    _digits = 32
    _kind = "md5"


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The greatest time in seconds that conda knows (the end of the year 9999). A number up to here is
# one in seconds; in milliseconds it would be in 1978 or before, when there were no packages.
_LAST_SECOND = 253_402_300_799


class IsTimestamp(Matcher):
    """A time in milliseconds since the epoch, as the `timestamp` of a conda package.

    Seconds and microseconds do not match. The clock is not asked, so that a time in the future does
    match; `after` and `before` (milliseconds, or a `datetime` with a time zone) bound the time,
    both included. Raises `ValueError` for a `datetime` without a time zone, and where `after` is
    later than `before`; `TypeError` for another type.

    >>> 1_789_000_000_000 == IsTimestamp(), 1_789_000_000 == IsTimestamp()
    (True, False)
    """

    def __init__(
        self, *, after: int | datetime | None = None, before: int | datetime | None = None
    ) -> None:
        self.after = None if after is None else _milliseconds("after", after)
        self.before = None if before is None else _milliseconds("before", before)
        if self.after is not None and self.before is not None and self.after > self.before:
            raise ValueError("IsTimestamp() matches nothing: after is later than before.")
        given = {"after": after, "before": before}
        super().__init__(**{name: value for name, value in given.items() if value is not None})

    def accepts(self, other: Any) -> bool:
        """Whether `other` is an int of milliseconds, within the bounds."""
        if not isinstance(other, int) or not _is_plausible(other):
            return False
        if self.after is not None and other < self.after:
            return False
        return self.before is None or other <= self.before

    def expectation(self) -> str:
        """A time, and its bounds."""
        bounds = [
            "" if self.after is None else f" from {self.after}",
            "" if self.before is None else f" until {self.before}",
        ]
        return f"a time in ms{''.join(bounds)}"

    def contrast(self, other: Any) -> tuple[str, str]:
        """The number, and the time that it means."""
        found = describe(other)
        if isinstance(other, int) and _is_plausible(other):
            time = _EPOCH + timedelta(milliseconds=other)
            found = f"{found} ({time.isoformat(timespec='seconds')})"
        return self.expectation(), found

    def reason(self, other: Any) -> str | None:
        """The unit that it seems to be in."""
        if isinstance(other, bool) or not isinstance(other, int):
            return "not a whole number"
        if 0 < other <= _LAST_SECOND:
            return "in seconds"
        if other > _LAST_SECOND * 1000 + 999:
            return "in microseconds or nanoseconds"
        return None


def _is_plausible(milliseconds: int) -> bool:
    in_range = _LAST_SECOND < milliseconds <= _LAST_SECOND * 1000 + 999
    return in_range and not isinstance(milliseconds, bool)


def _milliseconds(name: str, value: int | datetime) -> int:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"IsTimestamp({name}=...) needs a datetime with a time zone.")
        return (value - _EPOCH) // timedelta(milliseconds=1)
    _require(int, **{name: value})
    return value


def _require(kind: type, **given: object) -> None:
    word = {str: "text", int: "a whole number"}[kind]
    for name, value in given.items():
        if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
            continue
        raise TypeError(f"{name} has to be {word}, not {value!r}.")
