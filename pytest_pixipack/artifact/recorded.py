"""What the info directory of a package says, checked and turned into facts.

Formats: conda-build's `index.json`, `paths.json`, `run_exports.json`, and in old packages `files`
and `has_prefix` in place of `paths.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pytest_pixipack.artifact.safety import refuse, unsafe
from pytest_pixipack.facts import RUN_EXPORT_KINDS, FileFacts, FileKind, RunExports

_KINDS: dict[str, FileKind] = {"hardlink": "file", "softlink": "link", "directory": "directory"}
_LISTS = ("depends", "constrains", "flags", "purls")
# What old packages without a named placeholder were built in.
_OLD_PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"
_HAS_PREFIX = re.compile(r"^(?P<a>\"[^\"]+\"|\S+)\s+(?P<mode>text|binary)\s+(?P<f>\".+\"|.+)$")


def parse_json(content: bytes, member: str, path: Path) -> Any:
    """A JSON file of the info directory. Raises `InvalidInput`."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        refuse(path, member, f"is not valid JSON ({error})")


def parse_object(content: bytes, member: str, path: Path) -> dict[str, Any]:
    """The same, where it has to be an object."""
    value = parse_json(content, member, path)
    if not isinstance(value, dict):
        refuse(path, member, "is not a JSON object")
    return value


def parse_index(content: bytes, path: Path) -> dict[str, Any]:
    """`info/index.json` with the types that everything else relies on. Raises `InvalidInput`."""
    member = "info/index.json"
    index = parse_object(content, member, path)
    for key in ("name", "version", "build"):
        if not isinstance(index.get(key), str) or not index[key]:
            refuse(path, member, f"has no text for `{key}`")
    number = index.get("build_number", 0)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        refuse(path, member, "has a `build_number` that is no whole number")
    timestamp = index.get("timestamp")
    if timestamp is not None and (isinstance(timestamp, bool) or not isinstance(timestamp, int)):
        refuse(path, member, "has a `timestamp` that is no whole number")
    for key in _LISTS:
        _check_list(index.get(key), f"`{key}`", member, path)
    features = index.get("track_features")
    if not isinstance(features, str):
        _check_list(features, "`track_features`", member, path)
    _check_table(index.get("extra_depends"), "`extra_depends`", member, path)
    if not isinstance(index.get("subdir"), (str, type(None))):
        refuse(path, member, "has a `subdir` that is no text")
    return index


def parse_run_exports(content: bytes, path: Path) -> RunExports:
    """`info/run_exports.json`; a list means `weak`. Raises `InvalidInput`."""
    member = "info/run_exports.json"
    value = parse_json(content, member, path)
    value = {"weak": value} if isinstance(value, list) else value
    _check_table(value, "its content", member, path)
    return RunExports.from_json({kind: (value or {}).get(kind) for kind in RUN_EXPORT_KINDS})


def parse_paths(content: bytes, path: Path) -> dict[str, FileFacts]:
    """`info/paths.json`. Raises `InvalidInput`, also for an unsafe or repeated path."""
    member = "info/paths.json"
    entries = parse_object(content, member, path).get("paths")
    if not isinstance(entries, list):
        refuse(path, member, "has no list `paths`")
    files: dict[str, FileFacts] = {}
    for entry in entries:
        facts = _path_entry(entry, member, path)
        if facts.path in files:
            refuse(path, member, f"lists `{facts.path}` twice")
        files[facts.path] = facts
    return files


def _path_entry(entry: Any, member: str, path: Path) -> FileFacts:
    name = entry.get("_path") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        refuse(path, member, "has an entry without a path")
    if problem := unsafe(name):
        refuse(path, member, f"lists `{name}`, which {problem}")
    kind = entry.get("path_type", "hardlink")
    if kind not in _KINDS:
        refuse(path, member, f"has an unknown type for `{name}`: {kind}")
    sha256, size = entry.get("sha256"), entry.get("size_in_bytes")
    if not isinstance(sha256, (str, type(None))) or not isinstance(size, (int, type(None))):
        refuse(path, member, f"has an unusable digest or size for `{name}`")
    placeholder = entry.get("prefix_placeholder")
    mode = entry.get("file_mode")
    if not isinstance(placeholder, (str, type(None))) or mode not in ("text", "binary", None):
        refuse(path, member, f"has an unusable prefix placeholder for `{name}`")
    return FileFacts(
        path=name,
        kind=_KINDS[kind],
        sha256=sha256,
        size=size,
        placeholder=placeholder,
        placeholder_mode=mode if placeholder is not None else None,
    )


def parse_old_files(files: bytes, has_prefix: bytes | None, path: Path) -> dict[str, FileFacts]:
    """`info/files` and `info/has_prefix` of a package without `paths.json`."""
    placeholders = _placeholders(has_prefix or b"")
    facts: dict[str, FileFacts] = {}
    for name in files.decode("utf-8", "surrogateescape").splitlines():
        if not name.strip():
            continue
        if problem := unsafe(name):
            refuse(path, "info/files", f"lists `{name}`, which {problem}")
        placeholder, mode = placeholders.get(name, (None, None))
        facts[name] = FileFacts(path=name, placeholder=placeholder, placeholder_mode=mode)
    return facts


def _placeholders(content: bytes) -> dict[str, tuple[str, Literal["text", "binary"]]]:
    found: dict[str, tuple[str, Literal["text", "binary"]]] = {}
    for line in content.decode("utf-8", "surrogateescape").splitlines():
        if matched := _HAS_PREFIX.match(line.strip()):
            mode: Literal["text", "binary"] = "binary" if matched["mode"] == "binary" else "text"
            found[matched["f"].strip('"')] = (matched["a"].strip('"'), mode)
        elif line.strip():
            found[line.strip().strip('"')] = (_OLD_PLACEHOLDER, "text")
    return found


def _check_list(value: Any, what: str, member: str, path: Path) -> None:
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        refuse(path, member, f"has something other than a list of texts for {what}")


def _check_table(value: Any, what: str, member: str, path: Path) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping):
        refuse(path, member, f"has something other than a table for {what}")
    for key, items in value.items():
        _check_list(items, f"`{key}`", member, path)
