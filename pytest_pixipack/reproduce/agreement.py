"""Do a named cause and the condition that makes the difference agree? And which says more?

A comparison of two files names the cause that it can see; the experiment knows which condition it
was. A cause in `_FITS` is one that this condition can have. `_SHARPER` replaces causes that say
less than the experiment does: lines in another order, where only the hash seed was changed, are
those of a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Causes that name what is different, and not why: any condition can be behind them.
VAGUE = frozenset({"content", "unknown", "file-added", "file-removed", "random", None})

_ORDERS = frozenset({"line-order", "member-order"})
_PATHS = frozenset({"embedded-path", "hostname-or-user", "link-target"})

_FITS: Mapping[str, frozenset[str]] = {
    "clock": frozenset({
        "timestamp", "embedded-date", "pyc-header", "gzip-header", "archive-member-header",
        "build-id", "build-string",
    }),
    "timezone": frozenset({"timezone", "embedded-date", "timestamp", "archive-member-header"}),
    "locale": frozenset({"locale-sort", "encoding", "embedded-date"}),
    "umask": frozenset({"mode", "archive-member-header"}),
    "hash-seed": frozenset({"hash-seed", "pyc-header"}),
    "home": _PATHS,
    "path": _PATHS | {"build-id", "pyc-header"},
    "cpu-count": _ORDERS | {"cpu-count"},
    "directory-order": _ORDERS,
    "environment": frozenset({"environment-variable", "hostname-or-user"}),
    "temp": _PATHS,
    "cache": frozenset({"timestamp"}),
    "network": frozenset({"environment-variable"}),
    "jobs": _ORDERS | {"environment-variable", "cpu-count"},
}  # fmt: skip

_SHARPER: Mapping[str, Mapping[str, str]] = {
    "clock": {"content": "embedded-date", "unknown": "embedded-date"},
    "timezone": {
        "content": "timezone", "unknown": "timezone", "embedded-date": "timezone",
        "timestamp": "timezone",
    },
    "locale": {"line-order": "locale-sort", "member-order": "locale-sort"},
    "umask": {"content": "mode", "unknown": "mode"},
    "hash-seed": dict.fromkeys(
        ("line-order", "member-order", "json-format", "content", "unknown", "locale-sort"),
        "hash-seed",
    ),
    "home": {"content": "hostname-or-user", "unknown": "hostname-or-user"},
    "path": {"content": "embedded-path", "unknown": "embedded-path"},
    "cpu-count": {"content": "cpu-count", "unknown": "cpu-count"},
    "environment": {"content": "environment-variable", "unknown": "environment-variable"},
    "temp": {"content": "embedded-path", "unknown": "embedded-path"},
}  # fmt: skip

# Of a difference between two builds under the same conditions: time has passed between them.
OF_PASSING_TIME = frozenset({
    "timestamp", "embedded-date", "pyc-header", "gzip-header", "archive-member-header",
})  # fmt: skip


def agree(cause: str | None, variations: Sequence[str]) -> bool:
    """Whether a cause that a comparison names can come from these conditions.

    Conditions that are not ours are taken at their word; so is a cause that names no reason.
    """
    if cause in VAGUE:
        return True
    return any(cause in _FITS[name] | set(_SHARPER.get(name, {})) if name in _FITS else True
               for name in variations)  # fmt: skip


def sharpened(cause: str | None, variations: Sequence[str]) -> str | None:
    """The cause in the light of the condition that makes the difference."""
    if len(variations) != 1 or cause is None:
        return cause
    return _SHARPER.get(variations[0], {}).get(cause, cause)
