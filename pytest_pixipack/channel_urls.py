"""URLs of channels as rattler has them: one spelling for one place, no password where it is shown.

A solver's records name their channels and files in these spellings, and locks hold them.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What the URL standard (https://url.spec.whatwg.org) leaves as it is, for sure: the name of a host,
# or this machine, and a path of plain segments.
_NORMAL = re.compile(
    r"(?:https?://(?:[a-z][a-z0-9.-]*|127\.0\.0\.1:[1-9][0-9]{3,4})|file://)"
    r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/"
)
_AUTHORITY = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^/?#@:]*):[^/?#@]*(?=@)")
_TOKEN = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^/?#]*/t/)[^/?#]+")
# rattler_redaction, `DEFAULT_REDACTION_STR`.
_HIDDEN = "********"


def normal_url(url: str) -> str:
    """The URL of a channel as rattler and pixi write it, its path with one final `/`.

    Scheme and host in lower case, no `..`, no usual port, escaped what has to be. What they do not
    take as a URL stays as it is, but for that.
    """
    if _NORMAL.fullmatch(url):
        return url
    parsed = _parsed(url)
    path = without_query(parsed)
    return re.sub(r"(?<![/:])/*\Z", "/", path) + parsed[len(path) :]


def same_channel_key(name: str) -> str:
    """What is equal for two names of channels that pixi takes for one where they are listed.

    A URL in two spellings is listed once, but not with and without a slash at its end, nor a path
    or a name in two forms (`NamedChannelOrUrl` in rattler_conda_types).
    """
    if "://" not in name:
        return name
    path = re.split(r"[?#]", name, maxsplit=1)[0]
    has_slash = path.endswith(("/", "\\", "/.", "/..")) or path.count("/") == 2
    return f"{normal_url(name)}{'' if has_slash else ' without'}"


def without_query(url: str) -> str:
    """The normal URL of a channel without query and fragment, below which its files are."""
    return re.split(r"[?#]", url, maxsplit=1)[0]


def shown_url(url: str) -> str:
    """The normal URL of a channel as a record names it: without its password and conda token.

    As `redact_known_secrets_from_url` in rattler_redaction, which keeps user and query.
    """
    return _TOKEN.sub(rf"\g<before>{_HIDDEN}", _AUTHORITY.sub(rf"\g<before>:{_HIDDEN}", url))


@lru_cache(maxsize=256)
def _parsed(url: str) -> str:
    import rattler
    from rattler.exceptions import InvalidChannelError

    try:
        return str(rattler.Channel(url).base_url)
    except InvalidChannelError:
        return url.rstrip("/") + "/"
