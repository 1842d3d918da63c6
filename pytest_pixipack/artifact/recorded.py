"""What the info directory of a package says, checked and turned into facts.

Formats: conda-build's `index.json`, `paths.json`, `run_exports.json`, and in old packages `files`
and `has_prefix` in place of `paths.json`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pytest_pixipack.artifact.safety import is_record, refuse, unsafe
from pytest_pixipack.facts import RUN_EXPORT_KINDS, FileFacts, FileKind, RunExports
from pytest_pixipack.safe_names import shown, unsafe_name
from pytest_pixipack.small_json import BadJson, load_json

_KINDS: dict[str, FileKind] = {"hardlink": "file", "softlink": "link", "directory": "directory"}
_LISTS = ("depends", "constrains", "flags", "purls")
# What old packages without a named placeholder were built in.
_OLD_PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"
_ENTRY_POINT = re.compile(r"[^=]+=\s*{0}\s*:\s*{0}".format(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"))
_HAS_PREFIX = re.compile(r"^(?P<a>\"[^\"]+\"|\S+)\s+(?P<mode>text|binary)\s+(?P<f>\".+\"|.+)$")


def parse_json(
    content: bytes,
    member: str,
    path: Path,
    each_object: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """A JSON file of the info directory; see `load_json`. Raises `InvalidInput`."""
    try:
        return load_json(content, each_object=each_object)
    except BadJson as error:
        where = "" if error.line is None else f", line {error.line}"
        refuse(path, member, f"is not valid JSON ({error}{where})")


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

    def compact(value: dict[str, Any]) -> dict[str, Any] | FileFacts:
        # At once, for all entries as they stand take many times the memory.
        return _path_entry(value, member, path) if "_path" in value else value

    document = parse_json(content, member, path, compact)
    entries = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        refuse(path, member, "has no list `paths`")
    files: dict[str, FileFacts] = {}
    for facts in entries:
        if not isinstance(facts, FileFacts):
            refuse(path, member, "has an entry without a path")
        if facts.path in files:
            refuse(path, member, f"lists `{shown(facts.path)}` twice")
        files[facts.path] = facts
    return files


def _path_entry(entry: dict[str, Any], member: str, path: Path) -> FileFacts:
    name = entry["_path"]
    if not isinstance(name, str):
        refuse(path, member, "has an entry without a path")
    _check_listed(name, member, path)
    kind = entry.get("path_type", "hardlink")
    if not isinstance(kind, str) or kind not in _KINDS:
        refuse(path, member, f"has an unknown type for `{shown(name)}`: {shown(str(kind))}")
    sha256, size = entry.get("sha256"), entry.get("size_in_bytes")
    if not isinstance(sha256, (str, type(None))) or not isinstance(size, (int, type(None))):
        refuse(path, member, f"has an unusable digest or size for `{shown(name)}`")
    placeholder = entry.get("prefix_placeholder")
    mode = entry.get("file_mode")
    if not isinstance(placeholder, (str, type(None))) or mode not in ("text", "binary", None):
        refuse(path, member, f"has an unusable prefix placeholder for `{shown(name)}`")
    return FileFacts(
        path=name,
        kind=_KINDS[kind],
        sha256=sha256,
        size=size,
        placeholder=placeholder,
        placeholder_mode=mode if placeholder is not None else None,
    )


def parse_old_files(
    files: bytes, has_prefix: bytes | None, payload: Mapping[str, FileFacts], path: Path
) -> dict[str, FileFacts]:
    """`info/files` and `info/has_prefix` of a package without `paths.json`.

    They do not say which files are links: those of the archive are, as installers take it
    (rattler_conda_types, src/package/paths.rs, `from_deprecated_package_directory`).
    """
    placeholders = _placeholders(has_prefix or b"")
    facts: dict[str, FileFacts] = {}
    for name in files.decode("utf-8", "surrogateescape").splitlines():
        if not name.strip():
            continue
        _check_listed(name, "info/files", path)
        placeholder, mode = placeholders.get(name, (None, None))
        kind = payload[name].kind if name in payload else "file"
        facts[name] = FileFacts(name, kind, placeholder=placeholder, placeholder_mode=mode)
    return facts


def _check_listed(name: str, member: str, path: Path) -> None:
    if problem := unsafe(name):
        refuse(path, member, f"lists `{shown(name)}`, which {problem}")
    if is_record(name):
        problem = f"lists `{shown(name)}`, which lies where only installers write"
        refuse(path, member, problem)
    if name.startswith("info/"):
        refuse(path, member, f"lists `{shown(name)}`, which is not for the prefix")


def parse_link(content: bytes, path: Path, *, is_python: bool = False) -> dict[str, Any]:
    """`info/link.json`: the entry points of a noarch Python package, and how it is linked.

    Raises `InvalidInput`, also for an entry point whose program would lie somewhere else, and where
    it `is_python`, a noarch Python package, for what rattler cannot read (rattler_conda_types,
    src/package/link.rs and entry_point.rs); it reads no other package's.
    """
    member = "info/link.json"
    link = parse_object(content, member, path)
    noarch = link.get("noarch")
    points = noarch.get("entry_points") if isinstance(noarch, Mapping) else None
    _check_list(points, "`entry_points`", member, path)
    for point in points or ():
        name = point.partition("=")[0].strip()
        reason = "it has a slash" if "/" in name else unsafe_name(name)
        if reason is not None:
            refuse(path, member, f"has the entry point `{shown(point)}`, which is unsafe: {reason}")
    if is_python:
        _check_link(link, member, path)
    return link


def _check_link(link: Mapping[str, Any], member: str, path: Path) -> None:
    noarch, version = link.get("noarch"), link.get("package_metadata_version")
    kind = noarch.get("type") if isinstance(noarch, Mapping) else None
    if not isinstance(noarch, Mapping) or kind not in ("python", "generic"):
        refuse(path, member, "says of no known kind that the package is (`noarch.type`)")
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        refuse(path, member, "has a `package_metadata_version` that is no whole number")
    if kind != "python":
        return
    points = noarch.get("entry_points", ())
    if points is None:
        refuse(path, member, "has something other than a list of texts for `entry_points`")
    for point in points:
        if _ENTRY_POINT.fullmatch(point.strip()) is None:
            problem = "which no installer can read: it is not `NAME = MODULE:FUNCTION`"
            refuse(path, member, f"has the entry point `{shown(point)}`, {problem}")


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
