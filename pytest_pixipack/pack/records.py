"""Repodata records as pixi-pack writes them.

The fields and what is left out are those of `PackageRecord` in rattler_conda_types
(src/repo_data/mod.rs); a locked package carries what rattler_lock makes of its entry, a built or
injected one what rattler_index reads from the archive (src/lib.rs).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import RUN_EXPORT_KINDS, PackageFacts, RunExports
from pytest_pixipack.platforms import SUBDIRS, arch_and_platform

RECORD_FIELDS = (
    "arch", "build", "build_number", "constrains", "depends", "extra_depends", "features", "flags",
    "legacy_bz2_md5", "legacy_bz2_size", "license", "license_family", "md5", "name", "noarch",
    "platform", "purls", "python_site_packages_path", "run_exports", "sha256", "size", "subdir",
    "timestamp", "track_features", "version",
)  # fmt: skip

_OMITTED_WHEN_EMPTY = ("constrains", "extra_depends", "flags", "track_features")
_ARCHIVES = (".conda", ".tar.bz2")


def artifact_record(
    index: Mapping[str, Any],
    *,
    sha256: str,
    md5: str,
    size: int,
    run_exports: RunExports | Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a built or injected package, from its `info/index.json` and digests.

    `run_exports` is its `info/run_exports.json`, None where the archive has none (and always for
    `.tar.bz2`, where rattler_index does not look for it). `size` is in bytes.
    """
    given = run_exports.to_json() if isinstance(run_exports, RunExports) else run_exports
    return _record(
        {
            **{key: index.get(key) for key in RECORD_FIELDS},
            "subdir": index.get("subdir", "unknown"),
            "sha256": sha256,
            "md5": md5,
            "size": size,
            "run_exports": given,
            "legacy_bz2_md5": None,
            "legacy_bz2_size": None,
        }
    )


def locked_record(
    facts: PackageFacts, *, file_name: str | None = None, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The record of a locked binary package, from its lock entry.

    What the lock leaves out because the file name says it (name, version, build, build number,
    noarch) is filled in; `arch` and `platform` come from the subdir. `extra` adds record fields
    that facts do not have, such as `legacy_bz2_md5`. Raises `InvalidInput` where the subdir is
    unknown or the file name is no package's.
    """
    name = file_name or facts.file_name or f"{facts.dist}.conda"
    derived_name, derived_version, derived_build = split_file_name(name)
    if facts.subdir is None:
        raise InvalidInput(f"The locked package {name} has no subdir.", package=facts.name)
    subdir = facts.subdir
    build = facts.build if facts.build is not None else derived_build
    arch, platform = arch_and_platform(subdir) if subdir in SUBDIRS else (None, None)
    number = facts.build_number
    return _record(
        {
            "arch": arch,
            "build": build,
            "build_number": number if number is not None else _trailing_number(build),
            "constrains": facts.constrains,
            "depends": facts.depends,
            "extra_depends": facts.extra_depends,
            "features": facts.features,
            "flags": facts.flags,
            "license": facts.license,
            "license_family": facts.license_family,
            "md5": facts.md5,
            "name": facts.name or derived_name,
            "noarch": facts.noarch or _derived_noarch(subdir, derived_build),
            "platform": platform,
            "purls": facts.purls,
            "python_site_packages_path": facts.python_site_packages_path,
            "run_exports": None if facts.run_exports is None else facts.run_exports.to_json(),
            "sha256": facts.sha256,
            "size": facts.size,
            "subdir": subdir,
            "timestamp": facts.timestamp,
            "track_features": facts.track_features,
            "version": facts.version if facts.version is not None else derived_version,
            **(extra or {}),
        }
    )


def split_file_name(file_name: str) -> tuple[str, str, str]:
    """Name, version and build string of `name-version-build.conda` (or `.tar.bz2`).

    Raises `InvalidInput` for any other name.
    """
    for suffix in _ARCHIVES:
        if file_name.endswith(suffix):
            parts = file_name.removesuffix(suffix).rsplit("-", 2)
            if len(parts) == 3:
                return parts[0], parts[1], parts[2]
    raise InvalidInput(
        f"{file_name!r} is not the file name of a conda package.",
        remedy="Name it <name>-<version>-<build>.conda (or .tar.bz2).",
    )


def entry_order(file_name: str) -> tuple[str, str, str, int]:
    """The order of the entries of repodata.json: name, version text, build text, then `.conda`.

    See `DistArchiveIdentifier` in rattler_conda_types (src/package/archive_identifier.rs).
    """
    return (*split_file_name(file_name), int(file_name.endswith(".tar.bz2")))


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key in RECORD_FIELDS:
        value = _field(key, values.get(key))
        if value is None or (key in _OMITTED_WHEN_EMPTY and not value and value != ""):
            continue
        record[key] = value
    return record


def _field(key: str, value: Any) -> Any:
    if key == "depends":
        return list(value or ())
    if value is None:
        return None
    if key == "noarch":
        return value or None
    if key == "track_features":
        return _track_features(value)
    if key == "purls":
        return sorted(value)
    if key == "extra_depends":
        return {group: list(value[group]) for group in sorted(value)}
    if key == "run_exports":
        return _run_exports(value)
    return list(value) if key in ("constrains", "flags") else value


def _track_features(value: str | Sequence[str]) -> str | None:
    # As `Features` in rattler_conda_types (src/utils/serde.rs): text is split at every comma and
    # blank, and an empty text is one empty feature, which is written back.
    if isinstance(value, str):
        return " ".join(part.strip() for part in re.split("[, ]", value))
    return " ".join(part.strip() for part in value) if value else None


def _run_exports(value: Mapping[str, Any] | Sequence[str]) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        value = {"weak": value}
    return {kind: list(value[kind]) for kind in RUN_EXPORT_KINDS if value.get(kind)}


def _trailing_number(build: str) -> int:
    # derive_build_number_from_build in rattler_lock (src/utils/derived_fields.rs)
    match = re.search(r"[0-9]+\Z", build)
    return int(match.group()) if match else 0


def _derived_noarch(subdir: str, build: str) -> str | None:
    # derive_noarch_type in rattler_lock (src/utils/derived_fields.rs)
    if subdir != "noarch":
        return None
    return "python" if "py" in build else "generic"
