"""What `RECORD` of a wheel says.

See PEP 376, and "Recording installed projects" of PyPA's specifications. The order of the files
says nothing.
"""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Collection

from pytest_pixipack.compare.inside.text import Text, carrier_differences
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]


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
