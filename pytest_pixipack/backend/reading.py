"""Reads the parts of a backend's answer, or says which part is not as the protocol has it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from pytest_pixipack.errors import BackendError
from pytest_pixipack.platforms import SUBDIRS

# rattler_conda_types, package_name.rs; versions and build strings become parts of file names.
_NAME = re.compile(r"[0-9A-Za-z_.\-]+")
_VERSION = re.compile(r"[0-9A-Za-z_.!+\-*]+")
_BUILD = re.compile(r"[0-9A-Za-z_.+!~\-]*")


def bad(where: str, problem: str) -> BackendError:
    """The error for an answer of another shape."""
    return BackendError(
        f"The build backend sent an answer that is not as the protocol has it: {where} {problem}.",
        remedy="Use a backend of pixi-build API version 7.",
    )


def written(
    raw: Mapping[str, Any], known: Mapping[str, Any], *, omitted: Collection[str] = ()
) -> dict[str, Any]:
    """An object as it is written: `raw` as it came, with what is known laid over it.

    What was absent and says nothing (null, empty) stays absent. For an object that did not come
    from JSON (`raw` is empty) every key is written, but for those of `omitted` that are null.
    """
    kept = {
        key: value
        for key, value in known.items()
        if key in raw
        or (raw and value not in (None, [], {}, False))
        or (not raw and (value is not None or key not in omitted))
    }
    return {**raw, **kept}


def table(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object."""
    if isinstance(value, Mapping):
        return value
    raise bad(where, "is missing" if value is None else "has to be an object")


def items(value: object, where: str) -> list[Any]:
    """A JSON array."""
    if isinstance(value, list):
        return value
    raise bad(where, "is missing" if value is None else "has to be a list")


def texts(value: object, where: str) -> tuple[str, ...]:
    """An array of strings."""
    found = items(value, where)
    if all(isinstance(entry, str) for entry in found):
        return tuple(found)
    raise bad(where, "has to be a list of strings")


def text(obj: Mapping[str, Any], key: str, where: str) -> str:
    """A string that has to be there."""
    value = optional_text(obj, key, where)
    if value is None:
        raise bad(f"{where}.{key}", "is missing")
    return value


def optional_text(obj: Mapping[str, Any], key: str, where: str) -> str | None:
    """A string, or null."""
    value = obj.get(key)
    if value is None or isinstance(value, str):
        return value
    raise bad(f"{where}.{key}", "has to be a string")


def number(obj: Mapping[str, Any], key: str, where: str) -> int:
    """A natural number."""
    value = obj.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise bad(f"{where}.{key}", "has to be a natural number")


def name(obj: Mapping[str, Any], key: str, where: str) -> str:
    """A package name, in the lower case that conda compares by."""
    value = text(obj, key, where)
    if not _NAME.fullmatch(value) or value.strip(".") == "":
        raise BackendError(
            f"The build backend named a package {value!r} ({where}.{key}), which is not a valid "
            "package name: it can only contain 0-9, a-z, A-Z, -, _, or .",
            remedy="Rename the package in its manifest.",
        )
    return value.lower()


def version(obj: Mapping[str, Any], key: str, where: str) -> str:
    """A version, by its characters."""
    return _matching(_VERSION, text(obj, key, where), where, key, "version")


def build(obj: Mapping[str, Any], key: str, where: str) -> str:
    """A build string."""
    return _matching(_BUILD, text(obj, key, where), where, key, "build string")


def subdir(obj: Mapping[str, Any], key: str, where: str) -> str:
    """A conda platform, or `noarch`."""
    value = text(obj, key, where)
    if value not in SUBDIRS:
        raise bad(f"{where}.{key}", f"is {value!r}, which is not a platform of conda")
    return value


def _matching(pattern: re.Pattern[str], value: str, where: str, key: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise bad(f"{where}.{key}", f"is {value!r}, which is not a {what}")
    return value
