"""Differences between two channels on disk: what repodata says, and the package files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.artifacts import compare_artifacts, same_bytes
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.notation import json_notation
from pytest_pixipack.compare.pairing import Named, paired
from pytest_pixipack.compare.records import (
    Where,
    compare_order,
    compare_records,
    without_repeated,
)
from pytest_pixipack.compare.repodata import TABLES, Entries, compare_entries, entries, entry_of
from pytest_pixipack.errors import InvalidInput

REPODATA = "repodata.json"
# They follow from the file, which is compared itself where both sides have it.
_OF_THE_FILE = ("sha256", "md5", "size")


def compare_channels(left: Path, right: Path) -> Comparison:
    """Compares two channels subdir by subdir: records of `repodata.json`, and the files it names.

    Files that repodata does not name are no part of the channel. Raises `InvalidInput` for a
    `repodata.json` that is broken, `OSError` where one cannot be read, and as `read_artifact` does.
    """
    return Comparison.of(_differences(left, right))


def _differences(left: Path, right: Path) -> Iterator[Difference]:
    where: Where = (left.name,)
    old, new = _subdirs(left), _subdirs(right)
    for subdir in sorted({*old, *new}):
        if subdir not in old or subdir not in new:
            sides: tuple[Any, Any] = (subdir, None) if subdir in old else (None, subdir)
            cause = "file-removed" if subdir in old else "file-added"
            yield Difference((*where, subdir), "subdir", "payload", *sides, cause)
            continue
        yield from _subdir(where, subdir, left, right)


def _subdir(where: Where, subdir: str, left: Path, right: Path) -> Iterator[Difference]:
    place = (*where, f"{subdir}/{REPODATA}")
    first, second = _repodata(left / subdir), _repodata(right / subdir)
    found = list(compare_records(place, first, second, ignore=TABLES, kind="metadata"))
    found += _records(where, subdir, entries(first), entries(second), left, right)
    yield from found
    texts = [(each / subdir / REPODATA).read_bytes() for each in (left, right)]
    ordered = not any(each.cause == "member-order" for each in found)
    yield from json_notation(place, *texts, told=bool(found), ordered=ordered)


def _records(
    where: Where, subdir: str, old: Entries, new: Entries, left: Path, right: Path
) -> Iterator[Difference]:
    place = (*where, f"{subdir}/{REPODATA}")
    pairs = paired(_named(old, subdir), _named(new, subdir))
    found = set()
    for table, name in sorted(old):
        other = entry_of(new, table, pairs[name]) if name in pairs else None
        if other is None:
            sides: tuple[Any, Any] = (_dist(old[table, name]), None)
            yield Difference((*place, name), "record", "payload", *sides, "file-removed")
            continue
        found.add(other)
        files = left / subdir / name, right / subdir / other[1]
        inside = list(_files((*where, f"{subdir}/{name}"), *files)) if _both(files) else []
        ignore = _OF_THE_FILE if inside else ()
        said = list(compare_entries(place, (table, name), other, old, new, ignore))
        yield from without_repeated(inside, said)
        yield from inside
        if not inside and not said and name != other[1]:
            names = name, other[1]
            yield Difference((*place, name), "file name", "payload", *names, "unknown")
    for table, name in sorted(set(new) - found):
        sides = (None, _dist(new[table, name]))
        yield Difference((*place, name), "record", "payload", *sides, "file-added")
    for table in TABLES:
        names_of = [[name for key, name in each if key == table] for each in (old, new)]
        if (order := compare_order(place, f"order of {table}", *names_of)) is not None:
            yield order


def _named(records: Entries, subdir: str) -> Iterator[Named]:
    return (Named.of(name, record, subdir) for (_, name), record in records.items())


def _files(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    if not same_bytes(left, right):
        yield from compare_artifacts(left, right, where).differences


def _both(files: tuple[Path, Path]) -> bool:
    return all(path.is_file() for path in files)


def _subdirs(channel: Path) -> set[str]:
    return {each.name for each in channel.iterdir() if (each / REPODATA).is_file()}


def _repodata(directory: Path) -> dict[str, Any]:
    path = directory / REPODATA
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"This is no JSON: {error}.", file=path) from None
    if not isinstance(found, dict) or not all(_is_table(found.get(table)) for table in TABLES):
        raise InvalidInput("This is no repodata: packages have to be mappings.", file=path)
    return found


def _is_table(value: Any) -> bool:
    return not value or (
        isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())
    )


def _dist(record: Mapping[str, Any]) -> str:
    return f"{record.get('name')}-{record.get('version')}-{record.get('build')}"
