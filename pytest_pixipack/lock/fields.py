"""Typed access to the mappings of a parsed lock: each helper takes a key out of a mapping.

The helpers remove what they read, so that what is left over is what nobody knows: the `extra` of
the model. A value of the wrong type raises `FieldError`, which the reader turns into `InvalidInput`
with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from pytest_pixipack.facts import VariantValue

_STR = frozenset({str})
# What needs no closer look: a large lock has many of these.
_PLAIN_URL = re.compile(r"[a-z+]+://[A-Za-z0-9.-]*(?:/|\Z)")
_HEX = re.compile(r"[0-9a-fA-F]+")
# The last second of the year 9999: a larger timestamp is in milliseconds (rattler_lock,
# utils/serde/timestamp.rs). Moments are those of the crate jiff, in milliseconds.
_LAST_SECOND = 253_402_300_799
_FIRST_MOMENT = -377_705_023_201_000
_LAST_MOMENT = 253_402_207_200_999
_LAST_U64 = 2**64 - 1


class FieldError(Exception):
    """A field that cannot be used; `key` is its name, the message ends the sentence.

    `written` is the value as it stands in the file, where that helps to find the line.
    """

    def __init__(self, key: str, message: str, *, written: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.written = written
        self.message = message


def as_mapping(value: object, key: str) -> dict[str, Any]:
    """A mapping with text keys, copied. Raises `FieldError` for everything else."""
    if not isinstance(value, dict) or not _STR.issuperset(map(type, value)):
        raise FieldError(key, f"`{key}` has to be a mapping, not {_kind(value)}")
    return cast("dict[str, Any]", dict(value))


def as_list(value: object, key: str) -> list[Any]:
    """A list; None counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(key, f"`{key}` has to be a list, not {_kind(value)}")
    return value


def text(entry: dict[str, Any], key: str) -> str | None:
    """A text or None. A number is refused, because `1.10` would silently become `1.1`."""
    value = entry.pop(key, None)
    if value is None or isinstance(value, str):
        return value
    raise FieldError(key, f"`{key}` has to be a text in quotes, not {_kind(value)}")


def filled_text(entry: dict[str, Any], key: str) -> str | None:
    """A text that is not empty, or None."""
    value = text(entry, key)
    if value == "":
        raise FieldError(key, f"`{key}` is empty")
    return value


def required_text(entry: dict[str, Any], key: str) -> str:
    """A text that has to be there."""
    value = text(entry, key)
    if not value:
        raise FieldError(key, f"`{key}` is missing")
    return value


def check_url(text: str | None, key: str) -> None:
    """Raises `FieldError` for a URL that cannot be taken apart; a path is none."""
    if text is None or "://" not in text or _PLAIN_URL.match(text):
        return
    try:
        _ = urlsplit(text).port
    except ValueError as error:
        raise FieldError(key, f"`{text}` is not a URL: {error}") from None


def choice(entry: dict[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
    """One of the choices, the default where the key is missing."""
    value = entry.pop(key, default)
    if value not in choices:
        known = ", ".join(f"`{known}`" for known in choices)
        raise FieldError(key, f"`{key}` has to be one of {known}")
    return str(value)


def texts(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts, empty where the key is missing."""
    if key not in entry:
        return ()
    value = entry.pop(key)
    if value is None:
        raise FieldError(key, f"`{key}` has to be a list, not nothing")
    return as_texts(value, key)


def as_texts(value: object, key: str) -> tuple[str, ...]:
    """A list of texts, empty for None."""
    if value is None:
        return ()
    items = as_list(value, key)
    if not _STR.issuperset(map(type, items)):
        wrong = next(item for item in items if not isinstance(item, str))
        raise FieldError(key, f"`{key}` has to be a list of texts, not of {_kind(wrong)}")
    return tuple(items)


def text_lists(entry: dict[str, Any], key: str) -> dict[str, tuple[str, ...]]:
    """A mapping of names to lists of texts, empty where the key is missing."""
    if key not in entry:
        return {}
    value = as_mapping(entry.pop(key), key)
    return {name: texts(dict(value), name) for name in value}


def integer(entry: dict[str, Any], key: str) -> int | None:
    """A whole number that is not negative, or None."""
    value = entry.pop(key, None)
    if value is None or (type(value) is int and 0 <= value <= _LAST_U64):
        return value
    raise FieldError(key, f"`{key}` has to be a whole number, not {_kind(value)}")


def timestamp(entry: dict[str, Any], key: str) -> int | None:
    """Milliseconds since the epoch, or None; small numbers are seconds."""
    value = entry.pop(key, None)
    if value is None:
        return None
    if type(value) is not int:
        raise FieldError(key, f"`{key}` has to be a whole number, not {_kind(value)}")
    milliseconds = value if value > _LAST_SECOND else value * 1000
    if not _FIRST_MOMENT <= milliseconds <= _LAST_MOMENT:
        raise FieldError(key, f"`{key}` is not a moment between the years -9999 and 9999: {value}")
    return milliseconds


def digest(entry: dict[str, Any], key: str, length: int) -> str | None:
    """A digest of `length` hexadecimal digits, in lower case, or None."""
    value = text(entry, key)
    if value is None:
        return None
    if len(value) != length or _HEX.fullmatch(value) is None:
        raise FieldError(key, f"`{key}` has to be {length} hexadecimal digits, not `{value}`")
    return value.lower()


def variants(entry: dict[str, Any], key: str) -> dict[str, VariantValue]:
    """A mapping of names to texts, whole numbers or booleans."""
    value = entry.pop(key, None)
    if value is None:
        return {}
    mapping = as_mapping(value, key)
    for name, item in mapping.items():
        if not isinstance(item, str | int | bool) or not _is_i64(item):
            raise FieldError(key, f"the variant `{name}` cannot be {_kind(item)}")
    return cast("dict[str, VariantValue]", mapping)


def mappings(entry: dict[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """A mapping of names to mappings."""
    if key not in entry:
        return {}
    return {name: as_mapping(item, key) for name, item in as_mapping(entry.pop(key), key).items()}


def check_older(entry: dict[str, Any]) -> None:
    """Raises `FieldError` for an entry of an older version with a value of a wrong type."""
    entry = dict(entry)
    for key in ("name", "version", "build", "subdir", "license", "channel", "file_name"):
        text(entry, key)
    for key in ("depends", "constrains", "requires_dist", "track_features"):
        if isinstance(entry.get(key), list):
            texts(entry, key)
    for key in ("size", "build_number", "legacy_bz2_size"):
        integer(entry, key)
    timestamp(entry, "timestamp")
    for key, length in (("sha256", 64), ("md5", 32), ("legacy_bz2_md5", 32)):
        digest(entry, key, length)


def _is_i64(value: str | int) -> bool:
    return isinstance(value, str) or -(2**63) <= value < 2**63


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return f"the number {value}"
    for kind, words in ((str, "a text"), (list, "a list"), (dict, "a mapping")):
        if isinstance(value, kind):
            return words
    return type(value).__name__
