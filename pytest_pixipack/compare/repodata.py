"""The records of `repodata.json`: `packages` are the `.tar.bz2` files, `packages.conda` the others.

See `conda_index/index/__init__.py` of conda-index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_records

TABLES = ("packages", "packages.conda")
# The table and the name of a file.
Key: TypeAlias = tuple[str, str]
Entries: TypeAlias = Mapping[Key, Mapping[str, Any]]


def entries(repodata: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    """All records by table and file name, in their order."""
    return {
        (table, name): record
        for table in TABLES
        for name, record in (repodata.get(table) or {}).items()
    }


def entry_of(found: Entries, table: str, file_name: str) -> Key | None:
    """Where the record of a file is: in this table, or else in the other one."""
    places = ((name, file_name) for name in (table, *TABLES))
    return next((place for place in places if place in found), None)


def compare_entries(
    where: Where, key: Key, other: Key, left: Entries, right: Entries, ignore: Collection[str]
) -> Iterator[Difference]:
    """What two records differ in, and their tables where their files have one name."""
    place = (*where, key[1])
    if key[0] != other[0] and key[1] == other[1]:
        yield Difference(place, "table", "metadata", key[0], other[0], "unknown")
    yield from compare_records(place, left[key], right[other], ignore=ignore)
