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

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.digests import (
    KIND,
    artifact_digest,
    digest_of,
    members,
    sources_digest,
)
from pytest_pixipack.reproduce.record_file import SCHEMA, read_record, record_text, write_record

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import Lock, LockedPackage
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack

__all__ = [
    "KIND", "SCHEMA", "entry_label", "new_record", "pack_record", "package_records",
    "prefix_record", "read_record", "record_text", "tool_versions", "workspace_record",
    "write_record",
]  # fmt: skip

_LIBRARIES = ("pytest-pixipack", "py-rattler", "py-rattler-build")
_SYSTEM_TOOLS = ("pixi", "pixi-pack", "pixi-unpack")

Json = dict[str, Any]


def new_record(
    workspaces: Iterable[Json], tools: Mapping[str, str], shard: tuple[int, int] | None = None
) -> Json:
    """A whole record of these workspaces (`workspace_record`), made with these tools.

    `shard` is which of how many machines has made it, where each has made a part.
    """
    return {
        "schema": SCHEMA,
        "kind": KIND,
        **({"shard": "{}/{}".format(*shard)} if shard is not None else {}),
        "platform": current_platform(),
        "tools": dict(sorted(tools.items())),
        "workspaces": sorted(workspaces, key=lambda each: str(each["name"])),
    }


def workspace_record(
    name: str,
    engine: str,
    lock: Mapping[str, Any],
    parts: Iterable[Json],
    *,
    scope: Mapping[str, Any],
    missing: Iterable[str] = (),
    unnamed: bool = False,
) -> Json:
    """What was made of one workspace: `parts` are of `package_record`, `pack_record` and
    `prefix_record`, `lock` of `lock_digests`, `scope` of `scope_record`, `missing` what of that was
    not made. `unnamed` is whether the name is that of a directory, as its manifest has none.
    """
    every = list(parts)

    def of(kind: str) -> list[Json]:
        found = {json.dumps(each, sort_keys=True): each for each in every if each["kind"] == kind}
        stripped = [{k: v for k, v in found[key].items() if k != "kind"} for key in sorted(found)]
        return sorted(stripped, key=entry_label)

    return {
        "name": name,
        **({"unnamed": True} if unnamed else {}),
        "engine": engine,
        "scope": dict(scope),
        "missing": sorted(missing),
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
    engine: str = "embedded",
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
        "backend": backend_record(directory, manifest, options, engine),
        "build_packages": members(locked.build_packages, lock),
        "host_packages": members(locked.host_packages, lock),
    }


def package_records(
    artifacts: Iterable[Artifact],
    lock: Lock,
    manifest: Manifest,
    options: EngineOptions,
    engine: str = "embedded",
) -> list[Json]:
    """The records of packages that were built from this lock."""
    found = []
    for artifact in artifacts:
        locked = _locked_as(artifact, lock)
        if locked is not None:
            found.append(package_record(artifact, locked, lock, manifest, options, engine))
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
    found = []
    for facts in pack.records:
        digest = own.get(facts.file_name or "") or facts.sha256
        found.append(f"{facts.subdir} {facts.dist} {digest}")
    return {
        "kind": "pack",
        "environment": environment,
        "platform": pack.platform,
        "sha256": file_digests(pack.path).sha256 if pack.path.is_file() else None,
        "normalised": digest_of([pack.platform, *sorted(found), *sorted(pack.wheels)]),
        "tool": pack.tool_version,
        "packages": sorted(each.dist for each in pack.records if each.file_name not in own),
        "built": sorted({each.name for each in pack.records if each.file_name in own}),
    }


def prefix_record(digest: str, environment: str, platform: str, built: Sequence[Artifact]) -> Json:
    """One installed environment; `digest` is `Prefix.normalised_digest()`."""
    return {
        "kind": "prefix",
        "environment": environment,
        "platform": platform,
        "normalised": digest,
        "built": sorted({each.facts.name for each in built}),
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
def backend_record(
    directory: Path | None, manifest: Manifest, options: EngineOptions, engine: str
) -> Json:
    """The backend of a package: its name, and the digest or version of what ran in its place."""
    from pytest_pixipack.manifest import load_package

    if directory is None:
        return {"name": None, "runs": None, "version": None}
    package = manifest if directory == manifest.root else load_package(directory, manifest)
    runs, told = _what_runs(package, manifest, options, engine)
    return {"name": package.need_package().build.backend.name, "runs": runs, "version": told}


def _what_runs(
    package: Manifest, workspace: Manifest, options: EngineOptions, engine: str
) -> tuple[str, str | None]:
    """What pixi itself takes from a channel is not known: no lock says it."""
    from pytest_pixipack.engine.backends_finding import BackendFinder
    from pytest_pixipack.engine.repodata import Repodata
    from pytest_pixipack.engine.sessions import backend_environments

    embedded = engine == "embedded"
    with Repodata(options.cache_dir / "repodata", network=options.network) as repodata:
        environments = backend_environments(workspace, options, repodata) if embedded else None
        try:
            found = BackendFinder(workspace, options, environments).find(package, workspace)
        except PixipackError:
            return "unknown", None
    if found.prefix is not None:
        # The directory is named by the content of all packages in it.
        return "channel", f"{found.version} {found.prefix.parent.name[-16:]}"
    chosen = found.stand_in
    if chosen.kind == "stub":
        return "stub", tool_versions("embedded").get("pytest-pixipack")
    hasher = hashlib.sha256()
    for path in chosen.files:
        hasher.update(path.read_bytes())
    return chosen.kind, f"sha256:{hasher.hexdigest()[:16]}" if chosen.files else None


# --- helpers --------------------------------------------------------------------------------------
def _directory(locked: LockedPackage, manifest: Manifest) -> Path | None:
    if "://" in locked.location:
        return None
    return Path(os.path.normpath(manifest.root / locked.location))


def entry_label(entry: Mapping[str, Any]) -> str:
    """By what packages, packs and prefixes are sorted in a record."""
    keys = ("name", "environment", "subdir", "platform", "version", "build")
    return " ".join(str(entry.get(key)) for key in keys)
