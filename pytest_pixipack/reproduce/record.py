"""Provenance: what a workspace's layers were made from and by, with a digest of each layer.

A record is a small JSON document with the same bytes for the same facts: no times, no paths, no
names of machines or users. `docs/records.md` describes its fields.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError, Unsupported
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.digests import (
    KIND as KIND,
)
from pytest_pixipack.reproduce.digests import (
    artifact_digest,
    digest_of,
    sources_digest,
)

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import Lock, LockedPackage
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack

SCHEMA = 1
_LIBRARIES = ("pytest-pixipack", "py-rattler", "py-rattler-build")
_SYSTEM_TOOLS = ("pixi", "pixi-pack", "pixi-unpack")
_MOST_BYTES = 64 * 1024 * 1024

Json = dict[str, Any]


def new_record(workspaces: Iterable[Json], tools: Mapping[str, str]) -> Json:
    """A whole record of these workspaces (`workspace_record`), made with these tools."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "platform": current_platform(),
        "tools": dict(sorted(tools.items())),
        "workspaces": sorted(workspaces, key=lambda each: str(each["name"])),
    }


def workspace_record(
    name: str, engine: str, lock: Mapping[str, Any], parts: Iterable[Json]
) -> Json:
    """What was made of one workspace: `parts` are of `package_record`, `pack_record` and
    `prefix_record`, `lock` of `lock_digests`.
    """
    every = list(parts)

    def of(kind: str) -> list[Json]:
        found = {json.dumps(each, sort_keys=True): each for each in every if each["kind"] == kind}
        stripped = [{k: v for k, v in found[key].items() if k != "kind"} for key in sorted(found)]
        return sorted(stripped, key=entry_label)

    return {
        "name": name,
        "engine": engine,
        "lock": dict(lock),
        "packages": of("package"),
        "packs": of("pack"),
        "prefixes": of("prefix"),
    }


def package_record(
    artifact: Artifact,
    locked: LockedPackage,
    lock: Lock,
    manifest: Manifest,
    options: EngineOptions,
) -> Json:
    """One package that was built: its digests, and what it was built from and with."""
    facts = artifact.facts
    directory = _directory(locked, manifest)
    return {
        "kind": "package",
        "name": facts.name,
        "version": facts.version,
        "build": facts.build,
        "subdir": facts.subdir,
        "variants": {k: v for k, v in sorted(locked.variants.items()) if k != "target_platform"},
        "sha256": facts.sha256,
        "normalised": artifact_digest(artifact),
        "sources": sources_digest(directory) if directory is not None else locked.location,
        "backend": backend_record(directory, manifest, options),
        "build_packages": _members(locked.build_packages, lock),
        "host_packages": _members(locked.host_packages, lock),
    }


def package_records(
    artifacts: Iterable[Artifact], lock: Lock, manifest: Manifest, options: EngineOptions
) -> list[Json]:
    """The records of packages that were built from this lock."""
    found = []
    for artifact in artifacts:
        locked = _locked_as(artifact, lock)
        if locked is not None:
            found.append(package_record(artifact, locked, lock, manifest, options))
    return found


def _locked_as(artifact: Artifact, lock: Lock) -> LockedPackage | None:
    """The entry of the lock that a package was built for: the one that fits best."""
    facts = artifact.facts
    named = [each for each in lock.packages if each.is_source and each.name == facts.name]
    exact = [each for each in named if (each.build, each.subdir) == (facts.build, facts.subdir)]
    return next(iter([*exact, *named]), None)


def pack_record(pack: Pack, environment: str, built: Sequence[Artifact]) -> Json:
    """One pack: its digests, and the packages in it that were not built here."""
    from pytest_pixipack.artifact import file_digests

    own = {each.path.name: artifact_digest(each) for each in built}
    members = []
    for facts in pack.records:
        digest = own.get(facts.file_name or "") or facts.sha256
        members.append(f"{facts.subdir} {facts.dist} {digest}")
    return {
        "kind": "pack",
        "environment": environment,
        "platform": pack.platform,
        "sha256": file_digests(pack.path).sha256 if pack.path.is_file() else None,
        "normalised": digest_of([pack.platform, *sorted(members), *sorted(pack.wheels)]),
        "tool": pack.tool_version,
        "packages": sorted(each.dist for each in pack.records if each.file_name not in own),
    }


def prefix_record(digest: str, environment: str, platform: str) -> Json:
    """One installed environment; `digest` is `Prefix.normalised_digest()`."""
    return {
        "kind": "prefix",
        "environment": environment,
        "platform": platform,
        "normalised": digest,
    }


def tool_versions(engine: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The versions of what makes the layers: ours, and for the system engine pixi's tools."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            from pytest_pixipack import __version__

            if name == "pytest-pixipack":
                found[name] = __version__
    if engine == "system":
        from pytest_pixipack.engine.system.tools import find_tools

        tools = find_tools(environ)
        for name in _SYSTEM_TOOLS:
            tool = tools.get(name)
            if tool is not None:
                found[name] = str(tool.version)
    return found


# --- backends -----------------------------------------------------------------------------------
def backend_record(directory: Path | None, manifest: Manifest, options: EngineOptions) -> Json:
    """The backend of a package: its name, and the digest or version of what ran in its place."""
    from pytest_pixipack.manifest import load_package

    if directory is None:
        return {"name": None, "runs": None, "version": None}
    package = manifest if directory == manifest.root else load_package(directory, manifest)
    name = package.need_package().build.backend.name
    runs, told = _what_runs(name, manifest, options)
    return {"name": name, "runs": runs, "version": told}


def _what_runs(name: str, manifest: Manifest, options: EngineOptions) -> tuple[str, str | None]:
    import shutil

    from pytest_pixipack.backend.overrides import backend_override
    from pytest_pixipack.backend.stand_in import stand_in

    text = options.backends.get(name) or backend_override(name, options.environ)
    text = text or shutil.which(name, path=options.environ.get("PATH", ""))
    if text is None:
        return "unknown", None
    try:
        chosen = stand_in(text, root=manifest.root, environ=options.environ, name=name)
    except PixipackError:
        return "unknown", None
    if chosen.kind == "stub":
        return "stub", tool_versions("embedded").get("pytest-pixipack")
    hasher = hashlib.sha256()
    for path in chosen.files:
        hasher.update(path.read_bytes())
    return chosen.kind, f"sha256:{hasher.hexdigest()[:16]}" if chosen.files else None


# --- files ----------------------------------------------------------------------------------------
def record_text(record: Mapping[str, Any]) -> str:
    """A record as it is written."""
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Writes a record. Raises `Infrastructure` where that is not possible."""
    from pytest_pixipack.whole_files import write_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, record_text(record).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise Infrastructure(
            f"The record cannot be written: {error.strerror or error}.", file=path
        ) from error


def read_record(path: Path) -> Json:
    """Reads a record.

    Raises `InvalidInput` for what is none, `Unsupported` for one of a later schema.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput("This file is too large for a record.", file=path)
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidInput("There is no such record.", file=path) from None
    except OSError as error:
        raise Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"This is no record: {error}.", file=path) from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InvalidInput(
            "This is no record.", file=path, remedy="Write one with --pixipack-record FILE."
        )
    if found.get("schema") != SCHEMA:
        raise Unsupported(
            f"The record has schema {found.get('schema')!r}; schema {SCHEMA} is supported.",
            file=path,
            remedy="Read it with the version of pytest-pixipack that wrote it, or write it again.",
        )
    _check(found, path)
    return found


def _check(record: Json, path: Path) -> None:
    """Raises `InvalidInput` where a part has another shape."""

    def need(holds: bool, what: str) -> None:
        if not holds:
            raise InvalidInput(f"The record is broken: {what}.", file=path)

    need(isinstance(record.get("tools"), dict), "`tools` is not a table")
    workspaces = record.get("workspaces")
    need(isinstance(workspaces, list), "`workspaces` is not a list")
    for each in workspaces or ():
        need(
            isinstance(each, dict) and isinstance(each.get("name"), str), "a workspace lacks a name"
        )
        need(isinstance(each.get("lock"), dict), "a workspace lacks its `lock`")
        for key in ("packages", "packs", "prefixes"):
            entries = each.get(key)
            good = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
            need(good, f"`{key}` is not a list of tables")
        for package in each["packages"]:
            good = isinstance(package.get("name"), str) and all(
                isinstance(package.get(key, []), list)
                for key in ("build_packages", "host_packages")
            )
            need(good, "a package has no name, or no lists of packages")
            need(isinstance(package.get("backend"), dict), "a package lacks its `backend`")


# --- helpers --------------------------------------------------------------------------------------
def _directory(locked: LockedPackage, manifest: Manifest) -> Path | None:
    if "://" in locked.location:
        return None
    return Path(os.path.normpath(manifest.root / locked.location))


def _members(identifiers: Iterable[str], lock: Lock) -> list[str]:
    """`name version build digest` of packages, sorted; `?` for what a lock does not know.

    The digest is the beginning of the file's sha256.
    """
    found = []
    for identifier in identifiers:
        package = lock.package(identifier)
        known = (package.name, package.version, package.build, (package.sha256 or "")[:10])
        found.append(" ".join(each or "?" for each in known))
    return sorted(found)


def entry_label(entry: Mapping[str, Any]) -> str:
    """By what packages, packs and prefixes are sorted in a record."""
    keys = ("name", "environment", "subdir", "platform", "version", "build")
    return " ".join(str(entry.get(key)) for key in keys)
