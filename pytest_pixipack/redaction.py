"""Secrets in addresses: user, password, conda token and query never reach a person or a report.

Secrets have all sorts of characters in them: RFC 3986 allows `'` and its like in user, password and
path, and people write the others as well. So where a URL in a sentence ends is a question of what
may be lost: rather a bracket of the sentence than the end of a secret.

Imports next to nothing: all errors, and with them every start, come by here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# Not after one of its own characters: a long word without `://` is looked at once.
_SCHEME = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z0-9+.-]+://")
_SPACES = " \t\n\r\f\v"
_SPACE = re.compile(f"[{_SPACES}]")
# How far a URL goes at most, where it has no query: another one can follow without a space.
_STOP = re.compile(f"[{_SPACES}]|{_SCHEME.pattern}")
# The quote that a URL is in, as a `repr` or JSON has it, or one of them in another.
_OPENING = re.compile(r"""(?<!\\)(\\*["'`])\Z""")
# Where JSON without spaces ends it, and another value follows. A secret has no such quote as it is.
_CLOSING = re.compile(r"""(?<!\\)(\\*")(?=[\]}]*[,:](?:[\\"{\[]|-?\d|true|false|null))""")
# The same behind a `?`: what is told of a query stays, so that it may well end earlier.
_CLOSING_QUERY = re.compile(r"""(?<!\\)(\\*["'`])(?=[,:;)\]}>])""")
_CLOSING_SPACE = re.compile(rf"""(?<!\\)(\\*["'`])[,:;.)\]}}>]*[{_SPACES}]""")
# What stands behind a URL and belongs to the sentence, or to what encloses it.
_BEHIND = "\"'`>)].,;:!?}\\"
# A password with spaces. What looks like a port, or like the end of a URL, is none.
_SPACED = re.compile(
    rf"""[^{_SPACES}/?#@:"'`]{{1,256}}:(?!<[^<>]*>)(?!\d*(?:\\[nrt]|[\W_]*[{_SPACES}]))"""
    r"[^\r\n/?#@]{1,256}@(?=[\w\[])",
    re.ASCII,
)
# A marker such as `<port>` can stand in the place of what changes.
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(?:\d*|<[^<>]*>))?")
_MORE = re.compile(r"[?#]")
# `/t/TOKEN/` is how conda channels carry a token (anaconda.org, Artifactory, Quetz).
_TOKEN = re.compile(r"(?<=/t/)[^/]+")
# What a query or fragment may say of a source (pixi, PEP 610); everything else may be a secret.
_TOLD = frozenset({
    "branch", "egg", "md5", "path", "rev", "sha256", "subdir", "subdirectory", "tag", "version",
})  # fmt: skip


def public_url(url: str) -> str:
    """The URL without user, password, conda token, query and fragment.

    A URL that cannot be taken apart becomes `***`, for nobody can say what is secret in it.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _TOKEN.sub("***", _MORE.split(url, maxsplit=1)[0])
    place, path, _ = _parts(rest[_after_user(rest) :])
    if _is_broken(place):
        return "***"
    path = _TOKEN.sub("***", redact(path))
    return f"{scheme.lower()}{separator}{place}{path}"


def redact(text: str) -> str:
    """The text with all URLs in it made public; what follows a URL's end stays."""
    return _replaced(text, public_url)


def hide(text: str) -> str:
    """The text without the secrets in its URLs, which otherwise stay as they are.

    Gone are user and password (of ssh only the password), conda tokens, and what a query says
    beyond the place of a source. For what is reported of a manifest or a lock, where `redact` would
    also take away what is to be compared.
    """
    return _replaced(text, _hidden)


def hide_all(value: Any) -> Any:
    """The value with `hide` applied to all texts in its lists, tuples and dictionaries."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, (list, tuple)):
        found = [hide_all(each) for each in value]
        return tuple(found) if isinstance(value, tuple) else found
    if isinstance(value, dict):
        return {hide_all(key): hide_all(each) for key, each in value.items()}
    return value


def hidden_repr(value: Any) -> str:
    """The `repr` of an instance of a dataclass, without the secrets in its URLs.

    What a test shows of a lock or a manifest where it fails goes into terminals and reports.
    """
    shown = ", ".join(
        f"{name}={getattr(value, name)!r}"
        for name, field in value.__dataclass_fields__.items()
        if field.repr
    )
    return hide(f"{type(value).__name__}({shown})")


def _replaced(text: str, shown: Callable[[str], str]) -> str:
    """The text with each URL in it as `shown`; each character is looked at a few times at most."""
    if "://" not in text:
        return text
    pieces: list[str] = []
    done = 0
    while (scheme := _SCHEME.search(text, done)) is not None:
        end = _end(text, scheme)
        pieces += text[done : scheme.start()], shown(text[scheme.start() : end])
        done = end
    return "".join([*pieces, text[done:]])


def _end(text: str, scheme: re.Match[str]) -> int:
    """Where the URL that begins with this scheme ends."""
    start = scheme.end()
    opening = _OPENING.search(text, max(0, scheme.start() - 64), scheme.start())
    quote = opening[1] if opening is not None else None
    end = _found_or_end(_STOP, text, start)
    if not _after_user(text[start:end]) and (spaced := _spaced(text, start, quote)):
        end = _found_or_end(_STOP, text, spaced)
    end = _closed(_CLOSING, text, start, end, quote)
    path = start + _after_user(text[start:end])
    if (query := _MORE.search(text, path, end)) is not None:
        if _SCHEME.match(text, end):  # the query has a URL in it
            end = _found_or_end(_SPACE, text, end)
        end = _closed(_CLOSING_QUERY, text, query.start(), end, quote)
    last = start + len(text[start:end].rstrip(_BEHIND))
    if text.startswith("[", path):  # an address of IPv6
        last = max(last, text.find("]", path, end) + 1)
    return max(path, last)


def _found_or_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.search(text, start)
    return found.start() if found is not None else len(text)


def _spaced(text: str, start: int, quote: str | None) -> int | None:
    """Where the host begins behind a password with spaces; None where there is none."""
    found = _SPACED.match(text, start)
    if found is None or _closed(_CLOSING_SPACE, text, start, found.end(), quote) < found.end():
        return None
    return found.end()


def _closed(closing: re.Pattern[str], text: str, start: int, end: int, quote: str | None) -> int:
    """Where the quote that a URL is in is closed; `end` where it is not."""
    if quote is None:
        return end
    found = (each.start() for each in closing.finditer(text, start, end) if each[1] == quote)
    return next(found, end)


def _after_user(rest: str) -> int:
    """Where the host begins in what follows `://`."""
    place = _parts(rest)[0]
    at = place.rfind("@")
    if at < 0 and ":" in place and _HOST.fullmatch(place) is None:
        at = rest.rfind("@")  # what looks like a port is none: `/`, `?` or `#` in a password
    return at + 1


def _parts(rest: str) -> tuple[str, str, str]:
    """Host, path, and query with fragment, of what follows a URL's `@`."""
    more = _MORE.search(rest)
    length = more.start() if more is not None else len(rest)
    place, slash, path = rest[:length].partition("/")
    return place, slash + path, rest[length:]


def _is_broken(place: str) -> bool:
    """Whether a host is an IPv6 address that is none."""
    return place.startswith("[") and "]" not in place


def _hidden(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    after = _after_user(rest)
    user, (place, path, more) = rest[: max(0, after - 1)], _parts(rest[after:])
    if after and _is_broken(place):
        return "***"
    if after and "ssh" in scheme and ":" not in user:
        place = f"{user}@{place}"
    query, mark, fragment = more.partition("#")
    told = (query[:1] + _told(query[1:])) + mark + _told(fragment)
    return f"{scheme}{separator}{place}{_TOKEN.sub('***', path)}{told}"


def _told(query: str) -> str:
    """A query or fragment, with the values of unknown keys hidden; a word alone stays."""
    return "&".join(map(_told_pair, query.split("&")))


def _told_pair(pair: str) -> str:
    key, equals, value = pair.partition("=")
    if equals and (key.lower() not in _TOLD or "://" in value):
        return f"{key}=***"
    return pair if "://" not in pair else "***"
