"""Differences between two channels on disk: what repodata says, and the package files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.artifacts import compare_artifacts, same_bytes
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.notation import json_notation
from pytest_pixipack.compare.records import (
    Where,
    compare_order,
    compare_records,
    without_repeated,
)
from pytest_pixipack.errors import InvalidInput

REPODATA = "repodata.json"
_TABLES = ("packages", "packages.conda")
# They follow from the file, which is compared itself where both sides have it.
_OF_THE_FILE = ("sha256", "md5", "size", "timestamp")


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
    found = list(compare_records(place, first, second, ignore=_TABLES, kind="metadata"))
    for table in _TABLES:
        tables = (_table(first, table), _table(second, table))
        found += _table_differences(where, subdir, *tables, left, right)
    yield from found
    texts = [(each / subdir / REPODATA).read_bytes() for each in (left, right)]
    ordered = not any(each.cause == "member-order" for each in found)
    yield from json_notation(place, *texts, told=bool(found), ordered=ordered)


def _table_differences(
    where: Where,
    subdir: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    left: Path,
    right: Path,
) -> Iterator[Difference]:
    place = (*where, f"{subdir}/{REPODATA}")
    for name in sorted({*old, *new}):
        if name not in old or name not in new:
            sides: tuple[Any, Any] = (_dist(old.get(name)), _dist(new.get(name)))
            cause = "file-removed" if name in old else "file-added"
            yield Difference((*place, name), "record", "payload", *sides, cause)
            continue
        files = left / subdir / name, right / subdir / name
        inside = list(_files((*where, f"{subdir}/{name}"), *files)) if _both(files) else []
        ignore = _OF_THE_FILE if inside else ()
        said = list(compare_records((*place, name), old[name], new[name], ignore=ignore))
        yield from without_repeated(inside, said)
        yield from inside
    if (order := compare_order(place, "order of records", list(old), list(new))) is not None:
        yield order


def _files(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    if not same_bytes(left, right):
        for each in compare_artifacts(left, right).differences:
            yield replace(each, where=(*where, *each.where[1:]))


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
    if not isinstance(found, dict) or not all(
        isinstance(record, dict) for table in _TABLES for record in _table(found, table).values()
    ):
        raise InvalidInput("This is no repodata: packages have to be mappings.", file=path)
    return found


def _table(repodata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = repodata.get(name) or {}
    return found if isinstance(found, dict) else {"": found}


def _dist(record: Mapping[str, Any] | None) -> str | None:
    if record is None:
        return None
    return f"{record.get('name')}-{record.get('version')}-{record.get('build')}"
