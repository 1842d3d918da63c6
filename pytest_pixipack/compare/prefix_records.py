"""Two records of `conda-meta` for one package: what they say, without what only follows from it.

A record repeats `index.json`, lists the files with their digests, and names the package file
(`PrefixRecord` of rattler_conda_types).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_lists, compare_order, compare_records
from pytest_pixipack.prefix.placed import Place

Record: TypeAlias = Mapping[str, Any]
Places: TypeAlias = tuple[Place, Place]

# Where the package was unpacked before it was put here is no property of the prefix.
_CACHES = ("extracted_package_dir", "package_tarball_full_path", "link")
# Where the package came from, and why it was installed.
_ORIGIN = ("url", "channel", "fn", "requested_spec", "requested_specs")
_FILES = ("files", "paths_data")
# They follow from where the prefix is, for its path is written into files.
_PLACED = ("sha256_in_prefix", "size_in_bytes")
# Of the file that a package came in: what was in it is there to be compared.
_CARRIER = ("sha256", "md5", "size")
_LOCAL = "file:"


def record_differences(
    where: Where, left: Record, right: Record, places: Places, changed: Collection[str]
) -> list[Difference]:
    """What two records differ in. `changed` are the files that differ in the prefixes themselves.

    That the package came in another file follows from any other difference in what was in it, and
    the digests of files from the files.
    """
    ignored = (*_CACHES, *_ORIGIN, *_FILES, *_CARRIER)
    found = list(compare_records(where, left, right, ignore=ignored))
    found += _files(where, left, right, changed)
    explained = bool(found) or any(path in changed for each in (left, right) for path in _own(each))
    found += _carrier(where, left, right, explained=explained)
    found += _origin(where, left, right, places)
    kinds = _link(left), _link(right)
    if kinds[0] != kinds[1]:
        found.append(Difference(where, "link.type", "metadata", *kinds, "unknown"))
    return found


def _files(
    where: Where, left: Record, right: Record, changed: Collection[str]
) -> Iterator[Difference]:
    """What is said of files beside what the files themselves show."""
    old, new = _paths(left), _paths(right)
    lists = _listed(left), _listed(right)
    alone = {path for path in {*lists[0]} ^ {*lists[1]} if path in changed}
    sides = ([path for path in each if path not in alone] for each in lists)
    yield from compare_lists(where, "files", *sides, kind="metadata", cause="content")
    for path in sorted(set(old) & set(new)):
        ignore = set(_PLACED)
        if path in changed:
            ignore |= {"sha256", "path_type"}
        elif old[path].get("prefix_placeholder") != new[path].get("prefix_placeholder"):
            ignore.add("sha256")  # the placeholder is in the file
        pair = old[path], new[path]
        yield from compare_records((*where, path), *pair, ignore=ignore, kind="metadata")
    for path in sorted({*old} ^ {*new}):
        if path not in changed:
            told: tuple[Any, Any] = ("recorded", None) if path in old else (None, "recorded")
            cause = "file-removed" if path in old else "file-added"
            yield Difference((*where, path), "record", "metadata", *told, cause)
    if (order := compare_order(where, "paths", list(old), list(new))) is not None:
        yield order


def _carrier(where: Where, left: Record, right: Record, *, explained: bool) -> Iterator[Difference]:
    for each in compare_records(where, left, right, ignore={*left, *right} - {*_CARRIER}):
        # Digests that are absent do not follow from anything.
        if None in (each.left, each.right) or not explained:
            yield replace(each, kind="metadata", cause="content")


def _origin(where: Where, left: Record, right: Record, places: Places) -> Iterator[Difference]:
    """Another place from which the same package came, and other requests for it."""
    names = left.get("fn"), right.get("fn")
    if names[0] != names[1] and _dist(left) == _dist(right) and not _absent(*names):
        form = all(isinstance(each, str) and each.endswith((".conda", ".tar.bz2"))
                   and each.startswith(f"{_dist(left)}.") for each in names)  # fmt: skip
        yield Difference(where, "fn", "metadata", *names, "archive-format" if form else "unknown")
    for field in ("url", "channel"):
        sides = left.get(field), right.get(field)
        pairs = zip((left, right), sides, places, strict=True)
        origins = [_place(field, record, value, place) for record, value, place in pairs]
        if origins[0] != origins[1] and not _absent(*sides):
            yield Difference(where, field, "metadata", *sides, "unknown")
            break  # the channel follows from the URL
    for field in ("requested_specs", "requested_spec"):
        sides = left.get(field), right.get(field)
        if sides[0] != sides[1] and not _absent(*sides):
            yield Difference(where, field, "metadata", *sides, "unknown")
            break


def _place(field: str, record: Record, value: Any, place: Place) -> Any:
    """Where a package came from: without its file name, and all places of this machine as one."""
    if not isinstance(value, str):
        # A channel on this machine is often not named at all.
        return _LOCAL if field == "channel" and value is None else value
    name = record.get("fn")
    if field == "url" and isinstance(name, str):
        value = value.removesuffix(name)
    value = place.text(value).rstrip("/")
    local = value.startswith((_LOCAL, "/", "<")) or value[1:2] == ":"
    return _LOCAL if local else value


def _absent(left: Any, right: Any) -> bool:
    """Whether neither side says anything."""
    return not left and not right


def _own(record: Record) -> Iterator[str]:
    """The files of a package."""
    yield from _listed(record)
    yield from _paths(record)


def _listed(record: Record) -> list[str]:
    files = record.get("files")
    return [each for each in files if isinstance(each, str)] if isinstance(files, list) else []


def _paths(record: Record) -> dict[str, dict[str, Any]]:
    listed = (record.get("paths_data") or {}).get("paths") or ()
    return {
        entry["_path"]: {key: value for key, value in entry.items() if key != "_path"}
        for entry in listed
    }


def _link(record: Record) -> Any:
    link = record.get("link")
    return link.get("type") if isinstance(link, Mapping) else None


def _dist(record: Record) -> str:
    return f"{record.get('name')}-{record.get('version')}-{record.get('build')}"
