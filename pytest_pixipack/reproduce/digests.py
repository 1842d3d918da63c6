"""Digests of what layers mean, whatever they are wrapped in, and of what packages are made from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import Infrastructure

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.lock import Lock, LockedPackage

KIND = "pixipack-record"  # how a record says what it is
# Fields of index.json that say when or how a package was made, and not what it is.
_OF_MAKING = frozenset({"timestamp"})
_UNORDERED = ("depends", "constrains")
_CHUNK = 1 << 20


def artifact_digest(artifact: Artifact) -> str:
    """The sha256 of what a package installs and says of itself; not of how it is archived."""
    return digest_of(artifact_parts(artifact).values())


def artifact_parts(artifact: Artifact) -> dict[str, str]:
    """What `artifact_digest` is made of, a text for each file by its path."""
    index = {k: v for k, v in artifact.index.items() if k not in _OF_MAKING}
    for name in _UNORDERED:
        if isinstance(index.get(name), list):
            index[name] = sorted(map(str, index[name]))
    exports = artifact.facts.run_exports
    parts = {
        "info/index.json": json.dumps(index, sort_keys=True),
        "info/run_exports.json": json.dumps(exports.to_json() if exports else {}, sort_keys=True),
    }
    for path in sorted(artifact.payload):
        file = artifact.payload[path]
        mode = "x" if file.executable else "-"
        parts[path] = f"{file.kind} {mode} {path} {file.target or file.sha256}"
    return parts


def lock_digests(lock: Lock) -> dict[str, Any]:
    """The digest of the lock's bytes, and of what it locks, environments of builds included."""
    known = {each.identifier: each for each in lock.packages}
    lines = []
    for name in sorted(lock.environments):
        for platform, packages in sorted(lock.environments[name].packages.items()):
            lines += [f"{name} {platform} {_locked_text(each, known)}" for each in packages]
    content = Path(lock.file).read_bytes() if lock.file and Path(lock.file).is_file() else None
    return {
        "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
        "normalised": digest_of(sorted(lines)),
    }


def members(identifiers: Iterable[str], lock: Lock) -> list[str]:
    """`name version build digest` of packages, sorted; `?` for what a lock does not know.

    The digest is the beginning of the file's sha256.
    """
    known = {each.identifier: each for each in lock.packages}
    return sorted(_member(known.get(each) or lock.package(each)) for each in identifiers)


def _member(package: LockedPackage) -> str:
    known = (package.name, package.version, package.build, (package.sha256 or "")[:10])
    return " ".join(each or "?" for each in known)


def sources_digest(directory: Path) -> str:
    """The sha256 of a package's files, by path, with their executable bits where there are such.

    Left out are records, what tools leave behind, and directories of other packages.
    """
    from pytest_pixipack.workspace.copying import left_behind

    lines = []
    try:
        for folder, directories, names in os.walk(directory):
            out = left_behind(folder, [*directories, *names])
            links = [name for name in directories if Path(folder, name).is_symlink()]
            directories[:] = [
                name for name in directories if name not in out and not _is_another(folder, name)
            ]
            for name in (each for each in [*names, *links] if each not in out):
                path = Path(folder, name)
                # A record that lies beside the sources is not made from itself.
                if name != "pixi.lock" and not (path.suffix == ".json" and is_record(path)):
                    lines.append(_source_text(path, path.relative_to(directory).as_posix()))
    except OSError as error:
        raise Infrastructure(
            f"The sources cannot be read: {error.strerror or error}.", file=directory
        ) from error
    return digest_of(sorted(lines))


def _source_text(path: Path, place: str) -> str:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return f"link {place} {os.readlink(path)}"  # noqa: PTH115
    if not stat.S_ISREG(facts.st_mode):
        return f"special {place}"  # reading a pipe would take for ever
    executable = sys.platform != "win32" and facts.st_mode & stat.S_IXUSR
    return f"{'executable' if executable else 'file'} {place} {_file_digest(path)}"


def _file_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def is_record(path: Path) -> bool:
    """Whether a file says that it is a record."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return f'"{KIND}"'.encode() in stream.read(400)
    except OSError:
        return False


def _is_another(folder: str, name: str) -> bool:
    return Path(folder, name, "pixi.toml").is_file()


def _locked_text(package: LockedPackage, known: Mapping[str, LockedPackage]) -> str:
    """One package, a source package with what it is built from, as what, and with what."""
    facts: list[Any] = [
        package.kind,
        package.dist,
        package.subdir,
        package.sha256,
        sorted(package.depends),
    ]
    if package.is_source:
        tools = [
            sorted(_member(known[each]) if each in known else each for each in identifiers)
            for identifiers in (package.build_packages, package.host_packages)
        ]
        variants = {key: str(value) for key, value in package.variants.items()}
        facts += [package.location, variants, *tools]
    return json.dumps(facts, sort_keys=True)


def digest_of(lines: Iterable[str]) -> str:
    """The sha256 of lines, in hexadecimal."""
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return hasher.hexdigest()
