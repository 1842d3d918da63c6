"""`METADATA` and `WHEEL` of a wheel: headers that say what it needs and what made it.

See the "Core metadata" and "Binary distribution format" specifications of PyPA.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_pixipack.compare.inside.excerpts import Line, excerpt_differences
from pytest_pixipack.compare.inside.text import Text, carrier_differences
from pytest_pixipack.compare.model import Difference, Kind

Where = tuple[str, ...]
_File = Literal["METADATA", "WHEEL"]
_NEEDS = ("requires-dist", "requires-python", "requires-external", "provides-extra")
# Of the fields that are understood: the kind of a difference, and its cause.
_FIELDS: dict[_File, dict[str, tuple[Kind, str]]] = {
    "METADATA": {
        "version": ("payload", "version-change"),
        **dict.fromkeys(_NEEDS, ("payload", "dependency-change")),
    },
    # Which tool made a wheel is no property of what gets installed.
    "WHEEL": {"generator": ("metadata", "tool-version")},
}


@dataclass(frozen=True, slots=True)
class _Headers:
    """The understood fields with their values in order, and all other lines."""

    names: dict[str, str]
    values: dict[str, list[str]]
    rest: list[Line]


def header_file(name: str) -> _File | None:
    """Which of the two files this is the path of."""
    parts = name.split("/")
    if parts[-1] == "PKG-INFO":
        return "METADATA"  # the same in a source distribution
    if len(parts) < 2 or not parts[-2].endswith(".dist-info"):
        return None
    return "METADATA" if parts[-1] == "METADATA" else "WHEEL" if parts[-1] == "WHEEL" else None


def header_differences(
    where: Where, file: _File, left: Text, right: Text
) -> list[Difference] | None:
    """What two such files differ in; None where nothing is understood of it."""
    fields = _FIELDS[file]
    old, new = (_headers(text.plain, fields) for text in (left, right))
    found = list(_of_fields(where, fields, old, new))
    if not found:
        return None
    carried = carrier_differences(where, left, right)
    return [*carried, *found, *excerpt_differences(where, old.rest, new.rest)]


def _of_fields(
    where: Where, fields: dict[str, tuple[Kind, str]], left: _Headers, right: _Headers
) -> Iterator[Difference]:
    for key, (kind, cause) in fields.items():
        old, new = left.values.get(key, []), right.values.get(key, [])
        if old == new:
            continue
        name = left.names.get(key) or right.names[key]
        if Counter(old) == Counter(new):
            yield Difference(where, name, "order-only", old, new, "member-order")
        else:
            yield Difference(where, name, kind, _one(old), _one(new), cause)


def _one(values: Sequence[str]) -> str | list[str] | None:
    """A value that stands alone, as most fields have it."""
    return list(values) if len(values) > 1 else next(iter(values), None)


def _headers(text: str, fields: dict[str, tuple[Kind, str]]) -> _Headers:
    """The lines in front of the first empty one are `Name: value`; deeper ones go on with it."""
    found = _Headers({}, {}, [])
    in_headers, current = True, None
    for number, line in enumerate(text.split("\n"), 1):
        in_headers = in_headers and bool(line)
        name, colon, value = line.partition(":")
        if in_headers and line[0] in " \t" and current is not None:
            current[-1] = f"{current[-1]} {line.strip()}"
            continue
        key = name.strip().lower()
        current = None
        if in_headers and colon and key in fields:
            found.names.setdefault(key, name)
            current = found.values.setdefault(key, [])
            current.append(value.strip())
        else:
            found.rest.append((number, line))
    return found
