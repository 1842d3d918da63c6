"""Secrets in addresses: user, password, conda token and query never reach a person or a report."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# `/t/TOKEN/` is how conda channels carry a token (anaconda.org, Artifactory, Quetz).
_TOKEN = re.compile(r"(?<=/t/)[^/\s]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`]+")


def public_url(url: str) -> str:
    """The URL without user, password, conda token, query and fragment.

    A URL that cannot be taken apart becomes `***`, for nobody can say what is secret in it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # an IPv6 address that is none
        return "***"
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, _TOKEN.sub("***", parts.path), "", ""))


def redact(text: str) -> str:
    """The text with all URLs in it made public; what follows a URL's end stays."""
    return _URL.sub(_replaced, text)


def _replaced(match: re.Match[str]) -> str:
    url = match[0]
    # A full stop or a bracket behind a URL belongs to the sentence.
    plain = url.rstrip(".,;:!?)]}")
    return public_url(plain) + url[len(plain) :]
