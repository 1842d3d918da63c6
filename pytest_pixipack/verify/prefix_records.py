"""A conda-meta record against itself: its file's name, what it lists, and how it was installed."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pytest_pixipack.facts import FileFacts
from pytest_pixipack.platforms import SUBDIRS, arch_and_platform
from pytest_pixipack.prefix import Prefix
from pytest_pixipack.verify.specs import spec_name

# What rattler and conda write into a record for every package that they install, whatever it is.
_ALWAYS = (
    "fn", "url", "channel", "extracted_package_dir", "requested_specs", "link", "files",
    "paths_data",
)  # fmt: skip
# All keys that installers are known to write (rattler_conda_types, `PrefixRecord` and
# `PackageRecord`; conda, conda/models/records.py).
_KEYS = frozenset({
    *_ALWAYS, "arch", "attestations_sha256", "auth", "build", "build_number", "constrains", "date",
    "depends", "extra_depends", "features", "flags", "indexed_timestamp", "install_time",
    "legacy_bz2_md5", "legacy_bz2_size", "license", "license_family", "md5", "metadata", "name",
    "noarch", "package_tarball_full_path", "package_type", "platform", "preferred_env", "purls",
    "python_site_packages_path", "requested_spec", "run_exports", "schannel", "sha256", "size",
    "subdir", "timestamp", "track_features", "version",
})  # fmt: skip
_INNER_KEYS = {
    "link": frozenset({"source", "type"}),
    "paths_data": frozenset({"paths", "paths_version"}),
}
_ENTRY_KEYS = frozenset({
    "_path", "path_type", "sha256", "sha256_in_prefix", "size_in_bytes", "file_mode",
    "prefix_placeholder", "no_link", "original_path", "inode_paths",
})  # fmt: skip
PATH_TYPES = (
    "hardlink", "softlink", "directory", "pyc_file", "unix_python_entry_point",
    "windows_python_entry_point_script", "windows_python_entry_point_exe", "linked_package_record",
    "unix_python_entry_point_script", None,
)  # fmt: skip
_ENTRY_POINTS = tuple(kind for kind in PATH_TYPES if kind and "entry_point" in kind)
# `true` is that of old packages (conda, conda/models/enums.py, `NoarchType.coerce`).
_NOARCH = (None, "", "python", "generic", True, False)
_NUMBER = re.compile(r"(?:^|_)(\d{1,9})$")
_HISTORY = re.compile(r"\s*|//.*|#.*|==>.*<==|[+-]\S.*")
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


def unlike_file_name(stem: str, record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where the name of a record's file says otherwise than the
    record, and where the record does not say what every installer writes.

    `stem` is the name of the file without `.json`. Where the package's file name (`fn`) is that of
    the record's file, the record was edited; where it is that of the record, the file was renamed.
    """
    parts = stem.rsplit("-", 2)
    wanted = dict(zip(("name", "version", "build"), parts, strict=True)) if len(parts) == 3 else {}
    said = {field: record.get(field) for field in ("name", "version", "build")}
    own = "-".join(map(str, said.values()))
    if not wanted or (stem != own and _stem_of(record) == own):
        yield "file", f"{own}.json", f"{stem}.json"
        return
    for field in ("version", "build"):
        if said[field] != wanted[field]:
            yield field, wanted[field], said[field]
    # Files before conda 4.4 have no subdir.
    if not isinstance(record.get("build_number"), int) and "paths_data" in record:
        yield "build_number", "a number", record.get("build_number")
    if not isinstance(record.get("depends"), list):
        yield "depends", [], record.get("depends")
    yield from _subdir(record)


def _subdir(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """A package is at `CHANNEL/SUBDIR/FILE`, unless it was installed from a directory of files."""
    subdir, url = record.get("subdir"), record.get("url")
    if not isinstance(subdir, str):
        if "paths_data" in record:
            yield "subdir", "a subdir", subdir
        return
    directory = posixpath.basename(posixpath.dirname(url)) if isinstance(url, str) else ""
    if directory in SUBDIRS and directory != subdir:
        if _fits(subdir, record):
            yield "url", f".../{subdir}/{posixpath.basename(str(url))}", url
        else:
            yield "subdir", directory, subdir


def _fits(subdir: str, record: Mapping[str, Any]) -> bool:
    """Whether a package whose record says this of its architecture can be of a subdir."""
    if subdir == "noarch" or record.get("noarch") is not None:
        return subdir == "noarch" and record.get("noarch") is not None
    return arch_and_platform(subdir) == (record.get("arch"), record.get("platform"))


def unusual_number(record: Mapping[str, Any]) -> int | None:
    """The number at the end of the build string, where the build number is another one.

    It is what conda-build and rattler-build put there, and rattler_lock relies on it; a recipe may
    name another build string.
    """
    found = _NUMBER.search(str(record.get("build")))
    number = record.get("build_number")
    if found is None or not isinstance(number, int) or int(found[1]) == number:
        return None
    return int(found[1])


def is_history(text: str) -> bool:
    """Whether a text is what installers write into `conda-meta/history`.

    pixi and pixi-unpack write a comment, conda and micromamba what they did (conda, history.py).
    """
    return all(_HISTORY.fullmatch(line) for line in text.splitlines())


def odd_places(name: str, stem: str, record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The same where what a record says of its package's places contradicts its file's name."""
    file_name = record.get("fn")
    if not isinstance(file_name, str) or _stem(file_name) != stem:
        yield "fn", f"{stem}.conda", file_name
    else:
        url = record.get("url")
        if not isinstance(url, str) or posixpath.basename(url) != file_name:
            yield "url", f".../{file_name}", url
    if not _is_of(record.get("channel"), record.get("url")):
        yield "channel", record.get("url"), record.get("channel")
    for field, value in _places(record):
        if value is not None and (not isinstance(value, str) or _last(value) != stem):
            yield field, f".../{stem}", value
    link = record.get("link")
    if link is not None and (not isinstance(link, dict) or link.get("type") not in _LINK_TYPES):
        yield "link", {"type": 1}, link
    elif link is not None and not {"source", "type"} <= set(link):
        yield "link", {"source": f".../{stem}", "type": 1}, link
    wanted = record.get("requested_specs")
    named = isinstance(wanted, list | None) and all(_names(each, name) for each in wanted or ())
    if not named:
        yield "requested_specs", [], wanted


def _places(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "extracted_package_dir", record.get("extracted_package_dir")
    link = record.get("link")
    if isinstance(link, dict):
        yield "link", link.get("source")


def odd_lists(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """`files` and `paths_data` list the same paths; old installers wrote only `files`."""
    files, data = record.get("files"), record.get("paths_data")
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files):
        yield "files", [], files
    elif not isinstance(data, dict):
        yield "paths_data", {"paths": files}, data
    else:
        entries = [entry for entry in data.get("paths") or () if isinstance(entry, dict)]
        paths = {entry.get("_path") for entry in entries}
        if paths != set(files):
            yield "files", sorted(map(str, paths - set(files))), sorted(set(files) - paths)
        if data.get("paths_version") != 1:
            yield "paths_data", 1, data.get("paths_version")
        counts = Counter(str(entry.get("_path")) for entry in entries)
        if twice := sorted(p for p, n in counts.items() if n > 1 and not p.endswith(".pyc")):
            yield "paths_data", "each path once", twice
        for entry in entries:
            if entry.get("path_type") not in PATH_TYPES:
                yield "paths_data", "hardlink", f"{entry.get('_path')} {entry.get('path_type')}"


def unknown_keys(record: Mapping[str, Any]) -> Iterator[str]:
    """What no known installer writes: a key, or the way to one that lies deeper."""
    yield from sorted(set(record) - _KEYS)
    for outer, known in _INNER_KEYS.items():
        inner = record.get(outer)
        if isinstance(inner, dict):
            yield from (f"{outer}.{key}" for key in sorted(set(inner) - known))
    for entry in entries_of(record):
        yield from (f"{entry.get('_path')}.{key}" for key in sorted(set(entry) - _ENTRY_KEYS))


def unlike_others(prefix: Prefix) -> Mapping[str, Any]:
    """Link types by package, where it is another one than that of all other packages.

    An installer links or copies all of them, for they go from one place to another.
    """
    types = {
        name: link.get("type")
        for name, record in prefix.records.items()
        if isinstance(link := record.get("link"), dict) and isinstance(link.get("type"), int)
    }
    counts = Counter(types.values())
    if len(types) < 3 or len(counts) != 2 or min(counts.values()) != 1:
        return {}
    (usual, _), (odd, _) = counts.most_common()
    return {name: usual for name, own in types.items() if own == odd}


def listed_files(record: Mapping[str, Any]) -> frozenset[str] | None:
    """The list `files` of a record, None where it has none."""
    files = record.get("files")
    return frozenset(map(str, files)) if isinstance(files, list) else None


def lost_keys(prefix: Prefix) -> Mapping[str, Sequence[str]]:
    """Keys that one record lacks and all others have, by the record's package.

    Which keys a record has depends on the installer, and an environment usually has one.
    """
    found: dict[str, list[str]] = {}
    for key in _ALWAYS:
        lacking = [name for name, record in prefix.records.items() if key not in record]
        if len(lacking) == 1 and len(prefix.records) > 2:
            found.setdefault(lacking[0], []).append(key)
    return found


def unlike_entries(
    record: Mapping[str, Any],
    files: Mapping[str, FileFacts],
    is_packed: Callable[[str], bool],
) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record says of a file another thing than `files`,
    which are those of the package's paths.json.

    `is_packed` says whether the file itself is that of the package: where it is another one, that
    is what has to be reported.
    """
    for entry in entries_of(record):
        path = entry.get("_path")
        known = files.get(str(path))
        if known is None:
            continue
        said = {
            "sha256": known.sha256,
            "size_in_bytes": None if known.placeholder else known.size,
            "prefix_placeholder": known.placeholder,
            "file_mode": known.placeholder_mode,
        }
        for key, wanted in said.items():
            if key in ("sha256", "size_in_bytes") and not is_packed(str(path)):
                continue
            found = entry.get(key)
            silent = wanted is None and (known.placeholder or key in ("sha256", "size_in_bytes"))
            if found != wanted and not silent:
                yield f"{path} {key}", wanted, found
        kind = {"link": "softlink", "file": "hardlink"}.get(known.kind, entry.get("path_type"))
        if entry.get("path_type") != kind and entry.get("path_type") in PATH_TYPES:
            yield f"{path} path_type", kind, entry.get("path_type")


def unlike_real(
    record: Mapping[str, Any], real: Mapping[str, FileFacts]
) -> Iterator[tuple[str, Any, Any]]:
    """The same for what the files themselves tell, whose digest is the recorded one."""
    for entry in entries_of(record):
        path = str(entry.get("_path"))
        kind, size = entry.get("path_type"), entry.get("size_in_bytes")
        if path not in real or kind not in ("hardlink", "directory", *_ENTRY_POINTS):
            continue
        found = real[path]
        same = not entry.get("prefix_placeholder") and entry.get("sha256") == found.sha256
        if kind == "directory":
            yield f"{path} path_type", "hardlink", "directory"
        elif same and size not in (None, found.size):
            yield f"{path} size_in_bytes", found.size, size
        elif kind in _ENTRY_POINTS and size is not None and not _digests(entry):
            # rattler writes both of what it made, conda neither.
            yield f"{path} sha256", found.sha256, None


def _digests(entry: Mapping[str, Any]) -> list[Any]:
    return [entry[key] for key in ("sha256", "sha256_in_prefix") if entry.get(key)]


def unlike_placed(
    record: Mapping[str, Any], right: Mapping[str, FileFacts], files: Mapping[str, FileFacts]
) -> Iterator[tuple[str, Any, Any]]:
    """The same for files whose placeholder was replaced, as they are rightly in the prefix, by
    path; `files` are those of the package.

    rattler writes the size that a file has now, conda that of the file in the package.
    """
    for entry in entries_of(record):
        path, found = str(entry.get("_path")), entry.get("sha256_in_prefix")
        if path not in right:
            continue
        real, size = right[path], entry.get("size_in_bytes")
        if found != real.sha256:
            yield f"{path} sha256_in_prefix", real.sha256, found
        if size not in (None, real.size, files[path].size):
            yield f"{path} size_in_bytes", real.size, size


def odd_types(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The same for values of a type that no installer writes, which say nothing."""
    for field in ("license", "license_family", "arch", "platform"):
        value = record.get(field)
        if not isinstance(value, str | None):
            yield field, "text", value
    if record.get("noarch") not in _NOARCH:
        yield "noarch", ["python", "generic"], record["noarch"]
    features = record.get("track_features")
    listed = isinstance(features, list) and all(isinstance(each, str) for each in features)
    if not listed and not isinstance(features, str | None):
        yield "track_features", "text", features


def entries_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a record says of the files that it installed; nothing where it does not."""
    data = record.get("paths_data")
    paths = data.get("paths") if isinstance(data, dict) else None
    return [each for each in paths if isinstance(each, dict)] if isinstance(paths, list) else []


def _is_of(channel: Any, url: Any) -> bool:
    """Whether a package at this URL can be of this channel: a URL, or a channel's name."""
    if channel is None or not isinstance(url, str):
        return channel is None or isinstance(channel, str)
    if not isinstance(channel, str) or not channel:
        return False
    if "://" in channel:
        return url.startswith(f"{channel.rstrip('/')}/")
    return f"/{channel.strip('/')}/" in url


def _names(spec: Any, name: str) -> bool:
    return isinstance(spec, str) and spec_name(spec) == name


def _stem_of(record: Mapping[str, Any]) -> str | None:
    file_name = record.get("fn")
    return _stem(file_name) if isinstance(file_name, str) else None


def _stem(file_name: str) -> str:
    for suffix in (".conda", ".tar.bz2"):
        if file_name.endswith(suffix):
            return file_name.removesuffix(suffix)
    return file_name


def _last(path: str) -> str:
    return posixpath.basename(path.replace("\\", "/").rstrip("/"))
