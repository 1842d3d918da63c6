"""Secrets in addresses: user, password, conda token and query never reach a person or a report.

Imports next to nothing: all errors, and with them every start, come by here.
"""

from __future__ import annotations

import re
from typing import Any

# `/t/TOKEN/` is how conda channels carry a token (anaconda.org, Artifactory, Quetz).
_TOKEN = re.compile(r"(?<=/t/)[^/\s]+")
# What a query or fragment may say of a source (pixi, PEP 610); everything else may be a secret.
_TOLD = frozenset({
    "branch", "egg", "md5", "path", "rev", "sha256", "subdir", "subdirectory", "tag", "version",
})  # fmt: skip
# A quotation mark ends a URL; but `'` may stand in a password, where nothing has to escape it.
_START = r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/?#@\"<>`]*@)?"
_URL = re.compile(_START + r"[^\s'\"<>`]+")
# The same where a marker such as `<port>` stands in the place of what changes.
_MARKED_URL = re.compile(_START + r"(?:[^\s'\"<>`]|<[^\s<>/@]+>)+")


def public_url(url: str) -> str:
    """The URL without user, password, conda token, query and fragment.

    A URL that cannot be taken apart becomes `***`, for nobody can say what is secret in it.
    """
    from urllib.parse import urlsplit, urlunsplit

    try:
        parts = urlsplit(url)
    except ValueError:  # an IPv6 address that is none
        return "***"
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, _TOKEN.sub("***", parts.path), "", ""))


def redact(text: str) -> str:
    """The text with all URLs in it made public; what follows a URL's end stays."""
    return _URL.sub(_replaced, text)


def hide(text: str) -> str:
    """The text without the secrets in its URLs, which otherwise stay as they are.

    Gone are user and password (of ssh only the password), conda tokens, and what a query says
    beyond the place of a source. For what is reported of a manifest or a lock, where `redact` would
    also take away what is to be compared.
    """
    return _MARKED_URL.sub(_hidden, text) if "://" in text else text


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


def _hidden(match: re.Match[str]) -> str:
    from urllib.parse import urlsplit

    url = match[0]
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***" if "@" in url else url
    user, at, place = parts.netloc.rpartition("@")
    path = _TOKEN.sub("***", parts.path)
    query, fragment = _told(parts.query), _told(parts.fragment)
    if at and "ssh" in parts.scheme and ":" not in user:
        place = f"{user}@{place}"
    if (place, path, query, fragment) == (parts.netloc, parts.path, parts.query, parts.fragment):
        return url
    return (
        f"{parts.scheme}://{place}{path}"
        + (f"?{query}" if query else "")
        + (f"#{fragment}" if fragment else "")
    )


def _told(query: str) -> str:
    """A query or fragment, with the values of unknown keys hidden; a word alone stays."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        f"{key}=***" if equals and key.lower() not in _TOLD else f"{key}{equals}{value}"
        for key, equals, value in pairs
    )


def _replaced(match: re.Match[str]) -> str:
    url = match[0]
    # A full stop or a bracket behind a URL belongs to the sentence.
    plain = url.rstrip(".,;:!?)]}")
    return public_url(plain) + url[len(plain) :]
