"""Files of `.dist-info`: what `RECORD`, `WHEEL` and `METADATA` say.

See PEP 376, and "Recording installed projects", "Binary distribution format" and "Core metadata"
of PyPA's specifications. The order of the files in `RECORD` says nothing.
"""

from __future__ import annotations

import csv
import posixpath
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from pytest_pixipack.compare.inside.text import Text, carrier_differences, text_differences
from pytest_pixipack.compare.model import Difference, Kind

Where = tuple[str, ...]
# Fields of which another value has a cause of its own, by the names of the files they are in.
_DEPENDENCIES = ("Requires-Dist", "Requires-Python", "Requires-External", "Provides-Extra")
_FIELDS: Mapping[str, Mapping[str, tuple[Kind, str]]] = {
    "WHEEL": {"Generator": ("metadata", "tool-version")},
    "METADATA": dict.fromkeys(_DEPENDENCIES, ("payload", "dependency-change")),
}


def is_record(name: str) -> bool:
    """Whether this is the path of a `RECORD`."""
    parts = name.split("/")
    return parts[-1] == "RECORD" and len(parts) > 1 and parts[-2].endswith(".dist-info")


def record_differences(
    where: Where, name: str, left: Text, right: Text, changed: Collection[str]
) -> list[Difference] | None:
    """The entries that differ without following from `changed`, the files that differ themselves.

    None where one is no such list; nothing where all follows.
    """
    try:
        old, new = _entries(left), _entries(right)
    except csv.Error:
        return None
    root = posixpath.dirname(posixpath.dirname(name))
    found = list(carrier_differences(where, left, right))
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path) and posixpath.normpath(f"{root}/{path}").lstrip(
            "/"
        ) not in {each.lstrip("/") for each in changed}:
            cause = "content" if path in old and path in new else _presence(path in old)
            found.append(Difference(where, path, "payload", old.get(path), new.get(path), cause))
    first, second = ([key for key in each if key in old and key in new] for each in (old, new))
    if first != second:
        found.append(
            Difference(where, "order of entries", "order-only", first, second, "member-order")
        )
    if not found and old == new and left.plain != right.plain:
        sides = (len(left.text), len(right.text))
        found.append(Difference(where, "notation", "metadata", *sides, "json-format"))
    return found


def _entries(text: Text) -> dict[str, list[str]]:
    rows = [row for row in csv.reader(text.plain.splitlines()) if row]
    return {row[0]: row[1:] for row in rows}


def _presence(gone: bool) -> str:
    return "file-removed" if gone else "file-added"


def has_fields(name: str) -> bool:
    """Whether this is the path of a file of fields whose values have causes of their own."""
    parts = name.split("/")
    return parts[-1] in _FIELDS and len(parts) > 1 and parts[-2].endswith(".dist-info")


def field_differences(where: Where, name: str, left: Text, right: Text) -> list[Difference]:
    """What two `WHEEL` or `METADATA` differ in: such fields, and the rest as text."""
    known = _FIELDS[name.rpartition("/")[2]]
    old, new = _split(left, known), _split(right, known)
    found = []
    for field, (kind, cause) in known.items():
        # The same values in another order are lines in another order.
        if Counter(old[1][field]) != Counter(new[1][field]):
            gone = list((Counter(old[1][field]) - Counter(new[1][field])).elements())
            come = list((Counter(new[1][field]) - Counter(old[1][field])).elements())
            found.append(Difference(where, field, kind, gone, come, cause))
    if not found:
        return text_differences(where, left, right)
    rest = old[0].plain != new[0].plain or left.encoding != right.encoding
    return [*found, *(text_differences(where, old[0], new[0]) if rest else ())]


def _split(text: Text, known: Collection[str]) -> tuple[Text, Mapping[str, list[str]]]:
    """A text without its known fields, and the values of these."""
    values: dict[str, list[str]] = {field: [] for field in known}
    head, blank, body = text.plain.partition("\n\n")
    rest = []
    for line in head.split("\n"):
        field, colon, value = line.partition(":")
        if colon and field in values:
            values[field].append(value.strip())
        else:
            rest.append(line)
    return replace(text, text="\n".join(rest) + blank + body), values
