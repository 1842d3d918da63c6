"""Digests of what layers mean, whatever they are wrapped in, and of what packages are made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
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
    """The digest of the lock's bytes, and of what it locks."""
    lines = []
    for name in sorted(lock.environments):
        for platform, packages in sorted(lock.environments[name].packages.items()):
            lines += [f"{name} {platform} {_locked_text(each)}" for each in packages]
    content = Path(lock.file).read_bytes() if lock.file and Path(lock.file).is_file() else None
    return {
        "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
        "normalised": digest_of(sorted(lines)),
    }


def sources_digest(directory: Path) -> str:
    """The sha256 of a package's files, by path.

    Left out are records, what tools leave behind, and directories of other packages.
    """
    from pytest_pixipack.workspace.copying import left_behind

    lines = []
    try:
        for folder, directories, names in os.walk(directory):
            out = left_behind(folder, [*directories, *names])
            directories[:] = [
                name for name in directories if name not in out and not _is_another(folder, name)
            ]
            for name in (each for each in names if each not in out and each != "pixi.lock"):
                path = Path(folder, name)
                if path.suffix == ".json" and is_record(path):
                    continue  # one that lies beside the sources is not made from itself
                place = path.relative_to(directory).as_posix()
                if path.is_symlink():
                    lines.append(f"link {place} {os.readlink(path)}")  # noqa: PTH115
                else:
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    lines.append(f"file {place} {digest}")
    except OSError as error:
        raise Infrastructure(
            f"The sources cannot be read: {error.strerror or error}.", file=directory
        ) from error
    return digest_of(sorted(lines))


def is_record(path: Path) -> bool:
    """Whether a file says that it is a record."""
    try:
        with path.open("rb") as stream:
            return f'"{KIND}"'.encode() in stream.read(400)
    except OSError:
        return False


def _is_another(folder: str, name: str) -> bool:
    return Path(folder, name, "pixi.toml").is_file()


def _locked_text(package: LockedPackage) -> str:
    said = package.sha256 or json.dumps(sorted(package.depends))
    return f"{package.kind} {package.dist} {package.subdir} {said}"


def digest_of(lines: Iterable[str]) -> str:
    """The sha256 of lines, in hexadecimal."""
    hasher = hashlib.sha256()
    for line in lines:
        hasher.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return hasher.hexdigest()
