"""Texts with a grammar of their own: URLs, cut-off dates, paths inside a source.

Each function says what is wrong with a text, as the end of a sentence, or None where nothing is.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_WITH_HOST = ("http", "https", "ws", "wss", "ftp")
_NO_HOST = re.compile(r"[\x00-\x20\x7f#/:<>?@\[\\\]^|%]")
_NO_OPAQUE_HOST = re.compile(r"[\x00\t\n\r #/:<>?@\[\\\]^|]")

_DAY = re.compile(r"\s*([+-]?\d{1,4})-(\d{1,2})-(\d{1,2})")
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))"
)
_DIGITS = 19  # that surely fit into 64 bits
_UNITS = (
    "nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|"
    "hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y"
)
_DURATION = re.compile(rf"\s*(?:[0-9][0-9\s]*(?:\.[0-9]+)?(?:{_UNITS})\s*)+|\s*0\s*")


def url_problem(text: str) -> str | None:
    """What keeps a text from being an absolute URL (https://url.spec.whatwg.org)."""
    text = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(0x21)))))
    found = _SCHEME.fullmatch(text)
    if found is None:
        return "it has no scheme such as `https://`"
    scheme, rest = found[1].lower(), found[2]
    if scheme in _WITH_HOST:
        authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
        return _authority_problem(authority, opaque=False)
    if scheme == "file" or not rest.startswith("//"):
        return None
    authority = re.split(r"[/?#]", rest[2:], maxsplit=1)[0]
    return _authority_problem(authority, opaque=True) if authority else None


def _authority_problem(authority: str, *, opaque: bool) -> str | None:
    host_and_port = authority.rpartition("@")[2]
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", host_and_port, re.DOTALL)
    if found is None:
        return "its port is not a number"
    host, port = found[1], found[2] or ""
    if not host:
        return "it names no host"
    if port and not (re.fullmatch(r"[0-9]+", port) and int(port) < 65536):
        return "its port is not a number below 65536"
    return _host_problem(host, opaque=opaque)


def _host_problem(host: str, *, opaque: bool) -> str | None:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return f"`{host}` is not an IPv6 address"
        return None
    if opaque:
        return f"`{host}` cannot be a host" if _NO_OPAQUE_HOST.search(host) else None
    host = unquote(host)
    if _NO_HOST.search(host):
        return f"`{host}` cannot be a host"
    if "xn--" in host.lower().split("."):
        return f"`{host}` cannot be a host"
    last = host.rstrip(".").rpartition(".")[2]
    if re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", last):
        return _ipv4_problem(host)
    return None


def _ipv4_problem(host: str) -> str | None:
    parts = host.removesuffix(".").split(".")
    try:
        numbers = [_ipv4_number(part) for part in parts]
    except ValueError:
        return f"`{host}` is not an IPv4 address"
    fits = len(parts) <= 4 and all(number < 256 for number in numbers[:-1])
    if not fits or numbers[-1] >= 256 ** (5 - len(parts)):
        return f"`{host}` is not an IPv4 address"
    return None


def _ipv4_number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text.startswith("0"):
        return int(text, 8)
    if not text.isdigit():
        raise ValueError(text)
    return int(text)


def cutoff_problem(text: str) -> str | None:
    """What keeps a text from being a value of `exclude-newer`: a day, a time or a duration."""
    if _DURATION.fullmatch(text):
        longest = max(re.findall(r"[0-9]+", re.sub(r"\s", "", text)), key=len)
        return "it is too long" if len(longest) > _DIGITS else None
    if day := _DAY.fullmatch(text):
        return _day_problem(int(day[1]), int(day[2]), int(day[3]))
    time = _TIMESTAMP.fullmatch(text)
    if time is None:
        return "it is neither a date nor a duration"
    year, month, date = (int(part) for part in time[1].split("-"))
    if int(time[2]) > 23 or int(time[3]) > 59 or int(time[4]) > 60:
        return "there is no such time of day"
    if time[5] is not None and (int(time[5]) > 23 or int(time[6]) > 59):
        return "there is no such offset from UTC"
    return _day_problem(year, month, date)


def _day_problem(year: int, month: int, day: int) -> str | None:
    try:
        # Years beyond those of `datetime` only differ in whether they are leap years.
        datetime.date(2000 + year % 400, month, day)
    except ValueError:
        return "there is no such day"
    return None


def subdirectory_problem(text: str) -> str | None:
    """What keeps a text from being a path inside a source (pixi_spec/src/subdirectory.rs)."""
    if text.startswith("/"):
        return "it is absolute"
    depth = 0
    for part in text.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return "it leads out of the source"
    return None
