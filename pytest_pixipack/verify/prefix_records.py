"""A conda-meta record against itself: its file's name, what it lists, and how it was installed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.prefix import Prefix
from pytest_pixipack.verify.specs import spec_name

# Hard link, symbolic link, copy, directory (conda's LinkType; rattler writes these, too).
_LINK_TYPES = (1, 2, 3, 4, None)


def misnamed(prefix: Prefix) -> Mapping[str, str]:
    """Names of records whose file is called by another name, with that name.

    Records are kept in `NAME-VERSION-BUILD.json`. Where version or build differ from the file's
    name, they are what is wrong; only a name that differs while both fit is wrong itself.
    """
    found = {}
    for name, facts in prefix.packages.items():
        stem = prefix.record_files.get(name, "").removesuffix(".json")
        end = f"-{facts.version}-{facts.build}"
        if stem.endswith(end) and (called := stem[: -len(end)]) not in ("", name):
            found[name] = called
    return found


def odd_fields(name: str, stem: str, record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record contradicts itself or its file's name.

    `stem` is the name of its file without `.json`.
    """
    file_name = record.get("fn")
    if not isinstance(file_name, str) or _stem(file_name) not in (stem, None):
        yield "fn", f"{stem}.conda", file_name
    else:
        url = record.get("url")
        if not isinstance(url, str) or posixpath.basename(url) != file_name:
            yield "url", f".../{file_name}", url
    if not isinstance(record.get("channel"), str | None):
        yield "channel", None, record.get("channel")
    for field, value in _places(record):
        if value is not None and (not isinstance(value, str) or _last(value) != stem):
            yield field, f".../{stem}", value
    link = record.get("link")
    if link is not None and (not isinstance(link, dict) or link.get("type") not in _LINK_TYPES):
        yield "link", {"type": 1}, link
    wanted = record.get("requested_specs")
    named = isinstance(wanted, list | None) and all(_names(each, name) for each in wanted or ())
    if not named:
        yield "requested_specs", [], wanted
    yield from _lists(record)


def _places(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "extracted_package_dir", record.get("extracted_package_dir")
    link = record.get("link")
    if isinstance(link, dict):
        yield "link", link.get("source")


def _lists(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """`files` and `paths_data` list the same paths; old installers wrote only `files`."""
    files, data = record.get("files"), record.get("paths_data")
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files):
        yield "files", [], files
    elif not isinstance(data, dict):
        yield "paths_data", {"paths": files}, data
    else:
        paths = {entry.get("_path") for entry in data.get("paths") or () if isinstance(entry, dict)}
        if paths != set(files):
            yield "files", sorted(map(str, paths - set(files))), sorted(set(files) - paths)


def _names(spec: Any, name: str) -> bool:
    return isinstance(spec, str) and spec_name(spec) == name


def _stem(file_name: str) -> str | None:
    for suffix in (".conda", ".tar.bz2"):
        if file_name.endswith(suffix):
            return file_name.removesuffix(suffix)
    return file_name


def _last(path: str) -> str:
    return posixpath.basename(path.replace("\\", "/").rstrip("/"))
