"""Do a named cause and the condition that makes the difference agree? And which says more?

A comparison of two files names the cause that it can see; the experiment knows which condition it
was. A cause in `_FITS` is one that this condition can have. `_SHARPER` replaces causes that say
less than the experiment does: lines in another order, where only the hash seed was changed, are
those of a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_pixipack.compare.causes import CAUSE_TEXTS

# Causes that name what is different, and not why: any condition can be behind them.
VAGUE = frozenset({"content", "unknown", "file-added", "file-removed", None})

_ORDERS = frozenset({"line-order", "member-order"})
_PATHS = frozenset({"embedded-path", "hostname-or-user", "link-target"})

_FITS: Mapping[str, frozenset[str]] = {
    "clock": frozenset({
        "timestamp", "embedded-date", "pyc-header", "gzip-header", "archive-member-header",
        "build-id", "build-string",
    }),
    "timezone": frozenset({"timezone", "embedded-date", "timestamp", "archive-member-header"}),
    "locale": frozenset({"locale-sort", "encoding"}),
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
    "clock": dict.fromkeys(("content", "unknown", "random"), "embedded-date"),
    "timezone": {
        "content": "timezone", "unknown": "timezone", "embedded-date": "timezone",
        "timestamp": "timezone",
    },
    "locale": {"line-order": "locale-sort", "member-order": "locale-sort"},
    "umask": {"content": "mode", "unknown": "mode"},
    "hash-seed": dict.fromkeys(
        ("line-order", "member-order", "json-format", "content", "unknown", "locale-sort",
         "random"),
        "hash-seed",
    ),
    "home": {"content": "hostname-or-user", "unknown": "hostname-or-user"},
    "path": {"content": "embedded-path", "unknown": "embedded-path"},
    "cpu-count": {"content": "cpu-count", "unknown": "cpu-count"},
    "environment": {"content": "environment-variable", "unknown": "environment-variable"},
    "temp": {"content": "embedded-path", "unknown": "embedded-path"},
}  # fmt: skip

# Conditions that a build may write down as the variable that they set.
_BY_VARIABLES = frozenset({
    "clock", "timezone", "locale", "hash-seed", "home", "cpu-count", "temp", "cache",
})  # fmt: skip

# What makes a difference go away that one condition makes, whatever it looks like.
_REMEDIES: Mapping[str, str] = {
    "clock": "write SOURCE_DATE_EPOCH instead of the current time",
    "timezone": "set TZ=UTC for the build",
    "locale": "set LC_ALL=C for the build",
    "umask": "set the umask for the build, and modes with `install -m`",
    "hash-seed": "set PYTHONHASHSEED for the build, or sort what is in sets",
    "home": "leave the home directory and the user's name out of what the build writes",
    "path": "map the path with -ffile-prefix-map, or build in a directory of a fixed name",
    "cpu-count": "build with a fixed number of jobs",
    "directory-order": "sort what is listed before it is used",
    "environment": "unset for the build what it reads of the user's environment",
    "temp": "leave the directory for temporary files out of what the build writes",
    "cache": "build with an empty cache, or make the build independent of it",
    "network": "declare what is downloaded as a source or a dependency",
    "jobs": "build with a fixed number of jobs, and sort what they leave",
}

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
    return any(_agrees(cause, name) for name in variations)


def _agrees(cause: str | None, name: str) -> bool:
    if name not in _FITS:
        return True
    by_variable = cause == "environment-variable" and name in _BY_VARIABLES
    return by_variable or cause in _FITS[name] | set(_SHARPER.get(name, {}))


def sharpened(cause: str | None, variations: Sequence[str]) -> str | None:
    """The cause in the light of the conditions that make the difference.

    What comes whenever a condition changes is not random, whatever it looks like.
    """
    if cause is None or not variations:
        return cause
    if len(variations) > 1:
        return "content" if cause == "random" else cause
    sharper = _SHARPER.get(variations[0], {})
    if cause == "random":
        return sharper.get(cause) or sharper.get("content", "content")
    return sharper.get(cause, cause)


def suspects(causes: Iterable[str | None]) -> frozenset[str]:
    """The conditions that can have one of these causes; none for those that name no reason."""
    named = set(causes) - VAGUE
    return frozenset(
        name for name, fits in _FITS.items() if named & (fits | set(_SHARPER.get(name, {})))
    )


def remedy(cause: str, variations: Sequence[str], *, agrees: bool) -> tuple[str, str]:
    """What to do about a difference, and what that is about: the cause, or the condition.

    Where the cause names no reason, or another one than the experiment found, the condition's.
    """
    if not variations or (agrees and cause not in VAGUE):
        return cause, CAUSE_TEXTS[cause].remedy
    known = [_REMEDIES[name] for name in variations if name in _REMEDIES]
    about = " + ".join(variations)
    return about, "; or ".join(known) or f"look for what of {about} the build depends on"
