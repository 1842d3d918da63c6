"""Which words say that a number is a time: a name that it is given, or words before it."""

from __future__ import annotations

import re

# How far before a number a word is still beside it.
_NEAR = 48
# The words of a name: `build_time`, `build-time`, `buildTime`, `BUILD_TIME`, `HTTPDate`.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAME = r"[A-Za-z_][\w.-]*(?: [A-Za-z_][\w.-]*)*"
# A number that is given a name: `name = 1`, `"name": "1"`, `name := (1`, `<name>1`, `name{1`.
_NAMED = re.compile(
    rf"(?P<name>{_NAME})(?: ?\([\w ]{{0,16}}\))?[\"'`\])]{{0,2}}"
    r"\s*(?::?=|=>|:|>|==)\s*[\"'`({\[]{0,3}[@-]?$"
)
_WORDS = re.compile(r"[A-Za-z_][\w-]*")
_TIMES = frozenset({
    "time", "date", "stamp", "timestamp", "datetime", "epoch", "since", "when", "born", "now",
    "built", "created", "generated", "modified", "compiled", "expires", "started", "finished",
    "updated", "released", "published", "packaged", "installed", "issued", "committed", "changed",
})  # fmt: skip
# Their kinds that are written as one word: of files, and what happened then.
_ONE_WORD = re.compile(
    r"[abcmu]time|(?:build|compile|compilation|creation|created?|install|modif(?:y|ied|ication)|"
    r"change|access|birth|start|end|finish|unix|posix|file|release|commit|update|expiry|expiration|"
    r"last|sys|system|from|str[fp]|gm|local|mk|source|date)(?:time|date|stamp|timestamp|modified)"
)
# A time that something takes, or may take.
_DURATIONS = frozenset({
    "max", "min", "maximum", "minimum", "run", "real", "life", "over", "up", "down", "cpu", "wall",
    "elapsed", "total", "wait", "idle", "half", "dead", "out", "spare", "part", "full",
})  # fmt: skip
_UNITS = frozenset({
    "s", "sec", "secs", "second", "seconds", "ms", "msec", "msecs", "millis", "milliseconds", "us",
    "usec", "micros", "microseconds", "ns", "nsec", "nanos", "nanoseconds",
})  # fmt: skip
# What may stand behind the word in a name.
_BEHIND = frozenset({
    "at", "on", "in", "utc", "gmt", "unix", "posix", "local", "value", "val", "int", "str", "t",
    "is", "was",
})  # fmt: skip
# Before a number without a sign between: what it is instead, in spite of a time further in front.
_SOMETHING_ELSE = frozenset({
    "limit", "id", "number", "no", "size", "count", "mask", "rows", "row", "seed", "key", "offset",
    "port", "crc", "checksum", "hash", "code", "by", "out", "version", "revision", "address",
})  # fmt: skip
_OF = re.compile(r"\b(?:time|date|timestamp|moment) (?:of|when|at which)\b")


def is_told(before: str, hint: str = "") -> bool:
    """Whether the text before a number says that it is a time.

    The name that the number is given decides, where there is one; else words a little before it,
    or `hint`, the name of the file or of the value.
    """
    near = before[-_NEAR:]
    named = _NAMED.search(near)
    if named is not None:
        name = named["name"]
        return names_time(name) or _OF.search(name.lower()) is not None
    if any(names_time(part) for part in hint.split(".")):
        return True
    words = [each[0] for each in _WORDS.finditer(near)]
    if words and _split(words[-1])[-1:] and _split(words[-1])[-1] in _SOMETHING_ELSE:
        return False
    return any(map(names_time, words))


def names_time(name: str) -> bool:
    """Whether a name is one of a moment: `build_time`, `createdAt`, but not `timeout`, `run_time`.

    Its last word counts, without what may stand behind it.
    """
    words = _split(name)
    while len(words) > 1 and words[-1] in _BEHIND:
        words.pop()
    if words and words[-1] in _UNITS and len(words[-1]) > 2:
        words.pop()
        if not words or words[-1] in ("tv", "unix", "posix"):
            return True
    elif len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    if not words:
        return False
    if words[-1] in ("time", "date") and words[-2:-1] and words[-2] in _DURATIONS:
        return False
    return words[-1] in _TIMES or _ONE_WORD.fullmatch(words[-1]) is not None


def _split(name: str) -> list[str]:
    return [each[0].lower() for each in _WORD.finditer(name)]
