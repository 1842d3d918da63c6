"""Differences between two records of one package: `index.json`, repodata, conda-meta."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pytest_pixipack.compare.model import Difference, Kind

Where = tuple[str, ...]

# Lists whose order carries no meaning, and the cause where their content differs.
UNORDERED: Mapping[str, str] = {
    "depends": "dependency-change",
    "constrains": "dependency-change",
    "track_features": "unknown",
    "flags": "unknown",
    "purls": "unknown",
    "files": "content",
}
# Mappings from names to such lists.
_TABLES = ("extra_depends", "run_exports")
# What is installed means the same, whatever these say.
METADATA: Mapping[str, str] = {
    "timestamp": "timestamp",
    "license": "unknown",
    "license_family": "unknown",
    "purls": "unknown",
    "size": "unknown",
    "channel": "unknown",
    "url": "unknown",
    "legacy_bz2_md5": "unknown",
    "legacy_bz2_size": "unknown",
    "arch": "unknown",
    "platform": "unknown",
}
_CAUSES: Mapping[str, str] = {
    "version": "version-change",
    "build": "build-string",
    "build_number": "build-string",
    "sha256": "content",
    "md5": "content",
}


def compare_records(
    where: Where,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    *,
    ignore: Collection[str] = (),
    kind: Kind | None = None,
) -> Iterator[Difference]:
    """The differences field by field; `kind` overrides what the fields' names say."""
    for key in sorted({*left, *right} - set(ignore)):
        first, second = left.get(key), right.get(key)
        if first == second and (key in left) == (key in right):
            continue
        if _is_empty(first) and _is_empty(second):
            yield Difference(where, key, "metadata", first, second, "json-format")
        else:
            yield from _field(where, key, first, second, kind)


def compare_lists(
    where: Where,
    field: str,
    left: Sequence[Any] | None,
    right: Sequence[Any] | None,
    *,
    kind: Kind = "payload",
    cause: str = "unknown",
) -> Iterator[Difference]:
    """The difference between lists whose order carries no meaning."""
    first, second = list(left or ()), list(right or ())
    if first == second:
        return
    if _counted(first) == _counted(second):
        yield Difference(where, field, "order-only", first, second, "member-order")
    else:
        yield Difference(where, field, kind, first, second, cause)


def compare_order(
    where: Where, field: str, left: Sequence[str], right: Sequence[str]
) -> Difference | None:
    """The difference in order between the entries that both sides have."""
    common = set(left) & set(right)
    first = [each for each in left if each in common]
    second = [each for each in right if each in common]
    if first == second:
        return None
    return Difference(where, field, "order-only", first, second, "member-order")


def without_repeated(
    packages: Sequence[Difference], repodata: Sequence[Difference]
) -> list[Difference]:
    """The differences of repodata, without those that differing packages say themselves."""
    said = {_said(each) for each in packages if each.where[-1:] == ("info/index.json",)}
    return [each for each in repodata if _said(each) not in said]


def _said(difference: Difference) -> tuple[str, str, str, str]:
    file = next((part for part in difference.where if part.endswith((".conda", ".tar.bz2"))), "")
    sides = json.dumps(difference.left, default=str), json.dumps(difference.right, default=str)
    return (file.rpartition("/")[2], difference.field, *sides)


def _counted(values: Sequence[Any]) -> Counter[str]:
    return Counter(json.dumps(each, sort_keys=True, default=str) for each in values)


def _field(
    where: Where, key: str, left: Any, right: Any, kind: Kind | None
) -> Iterator[Difference]:
    if key == "track_features":
        left, right = _words(left), _words(right)
    usual: Kind = "metadata" if key in METADATA else "payload"
    if key in UNORDERED and _is_list(left) and _is_list(right):
        yield from compare_lists(where, key, left, right, kind=kind or usual, cause=UNORDERED[key])
    elif key in _TABLES and _is_table(left) and _is_table(right):
        for name in sorted({*(left or {}), *(right or {})}):
            yield from compare_lists(
                where,
                f"{key}.{name}",
                (left or {}).get(name),
                (right or {}).get(name),
                kind=kind or usual,
                cause="dependency-change",
            )
    else:
        cause = _CAUSES.get(key) or METADATA.get(key) or "unknown"
        for each in _shown(key, left, right) if cause == "unknown" else (cause,):
            yield Difference(where, key, kind or usual, left, right, each)


def _shown(key: str, left: Any, right: Any) -> tuple[str, ...]:
    """The causes that two values show; `unknown` where they show none."""
    from pytest_pixipack.compare.inside.structured import value_differences

    if key.endswith("_version"):
        return ("tool-version",)
    found = dict.fromkeys(each.cause for each in value_differences((), {key: left}, {key: right}))
    return tuple(each for each in found if each and each != "content") or ("unknown",)


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {}, "")


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list | tuple)


def _is_table(value: Any) -> bool:
    return value is None or (
        isinstance(value, Mapping) and all(_is_list(each) for each in value.values())
    )


def compare_record_texts(
    where: Where,
    name: str,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    left_text: str,
    right_text: str,
) -> list[Difference]:
    """Two parsed records of a package (or two `repodata.json`), and the texts they come from."""
    from pytest_pixipack.compare.inside.structured import notation_differences

    if name == "repodata.json":
        tables = ("packages", "packages.conda")
        found = list(compare_records(where, left, right, ignore=tables, kind="metadata"))
        for table in tables:
            old, new = left.get(table) or {}, right.get(table) or {}
            if not isinstance(old, Mapping) or not isinstance(new, Mapping):
                continue
            for file in sorted({*old, *new}):
                first, second = old.get(file), new.get(file)
                if isinstance(first, Mapping) and isinstance(second, Mapping):
                    found += compare_records((*where, file), first, second)
                elif first != second:
                    cause = "file-added" if first is None else "file-removed"
                    sides: tuple[Any, Any] = (first and table, second and table)
                    found.append(Difference((*where, file), "record", "payload", *sides, cause))
    else:
        found = list(compare_records(where, left, right))
    found += notation_differences(where, left, right, left_text, right_text)
    return found
