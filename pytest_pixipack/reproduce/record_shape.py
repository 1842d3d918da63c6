"""Whether a document has the shape of a record (`docs/records.md`), and else which field has not.

A record is written by one machine and read by another, months later: nothing is believed of it that
is not looked at here. Keys that are not known are nobody's concern.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Says what a value has to be where it is not that, and where: None where all is well.
Shape = Callable[[Any, str], "str | None"]
_LONGEST = 40


def shape_problem(record: Mapping[str, Any]) -> str | None:
    """What is wrong, as a phrase that names the field; None where nothing is."""
    return _RECORD(record, "")


def _is_not(value: Any, where: str, what: str) -> str:
    shown = json.dumps(value, ensure_ascii=True)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
    return f"`{where}` is {shown}, which is not {what}"


def _text(value: Any, where: str) -> str | None:
    return None if isinstance(value, str) and value else _is_not(value, where, "a text")


def _text_or_null(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return None
    return _is_not(value, where, "a text or null")


def _scalar(value: Any, where: str) -> str | None:
    if isinstance(value, (str, int, float)):
        return None
    return _is_not(value, where, "a text, a number, true or false")


def _words(number: int, separator: str, form: str) -> Shape:
    """A text of so many words or more, with `form` as an example."""

    def problem(value: Any, where: str) -> str | None:
        if isinstance(value, str) and len(value.split(separator)) >= number and value.strip():
            return None
        return _is_not(value, where, f"of the form `{form}`")

    return problem


def _listed(shape: Shape) -> Shape:
    def problem(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return _is_not(value, where, "a list")
        found = (shape(each, f"{where}[{number}]") for number, each in enumerate(value))
        return next(filter(None, found), None)

    return problem


def _by_name(shape: Shape) -> Shape:
    """A table with any keys."""

    def problem(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return _is_not(value, where, "a table")
        found = (shape(each, f"{where}.{key}") for key, each in value.items())
        return next(filter(None, found), None)

    return problem


def _table(needed: Mapping[str, Shape], optional: Mapping[str, Shape]) -> Shape:
    """A table with these keys; others are not looked at."""

    def problem(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return _is_not(value, where, "a table")
        start = f"{where}." if where else ""
        for key, shape in {**needed, **optional}.items():
            if key in value:
                if found := shape(value[key], start + key):
                    return found
            elif key in needed:
                return f"`{start}{key}` is missing"
        return None

    return problem


def _optional(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, _text_or_null)


def _needed(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, _text)


_MEMBERS = _listed(_words(4, " ", "name version build digest"))
_DISTS = _listed(_words(3, "-", "name-version-build"))
_TEXTS = _listed(_text)
_PACKAGE = _table(
    _needed("name", "sha256", "normalised"),
    {
        **_optional("version", "build", "subdir", "sources"),
        "variants": _by_name(_scalar),
        "backend": _table({}, _optional("name", "runs", "version")),
        "build_packages": _MEMBERS,
        "host_packages": _MEMBERS,
    },
)
_PLACE = _needed("environment", "platform", "normalised")
_PACK = _table(_PLACE, {**_optional("sha256", "tool"), "packages": _DISTS, "built": _TEXTS})
_PREFIX = _table(_PLACE, {"built": _TEXTS})
SCOPE_KEYS: Sequence[str] = ("checks", "environments", "platforms", "packages")
_WORKSPACE = _table(
    {
        **_needed("name"),
        "lock": _table({}, _optional("sha256", "normalised")),
        "packages": _listed(_PACKAGE),
        "packs": _listed(_PACK),
        "prefixes": _listed(_PREFIX),
    },
    {
        **_optional("engine"),
        "unnamed": _scalar,
        "scope": _table(dict.fromkeys(SCOPE_KEYS, _TEXTS), {}),
        "missing": _TEXTS,
    },
)
_RECORD = _table(
    {"tools": _by_name(_text_or_null), "workspaces": _listed(_WORKSPACE)},
    {**_optional("platform"), "shard": _text, "parts": _TEXTS},
)
