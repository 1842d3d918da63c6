"""Extracts package files, and refuses those whose files would land outside the prefix."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Infrastructure, InvalidInput

# What names, versions and build strings are made of; above all, no slash.
_PART = re.compile(r"[A-Za-z0-9_.!+~*-]+")
_SYSTEM_ERRORS = (
    "No space left", "Permission denied", "Read-only file system", "Disk quota exceeded",
    "Too many open files", "Access is denied", "not enough space", "no eligible writable",
)  # fmt: skip


def extract_packages(
    packages: Sequence[tuple[Path, Mapping[str, Any]]], cache: Path
) -> tuple[Path, ...]:
    """Extracts package files to where rattler's cache has them, one after the other.

    Left to itself, rattler extracts in threads of its own, which go on writing after one failed.
    Raises `InvalidInput` naming a package that is broken or hostile.
    """
    from rattler.package_streaming import extract

    done = []
    for path, record in packages:
        target = cache / _directory(path, record)
        with rattler_errors(f"The package {path.name} cannot be extracted", path):
            extract(path, target)
        done.append(target)
    _refuse_hostile([(path, target) for (path, _), target in zip(packages, done, strict=True)])
    return tuple(done)


@contextmanager
def rattler_errors(what: str, file: Path | None) -> Iterator[None]:
    """Turns what rattler raises into an error of ours; `what` starts its sentence."""
    try:
        yield
    except BaseException as error:
        # A panic of the library is a BaseException.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _failure(what, error, file) from None


def _failure(
    what: str, error: BaseException, file: Path | None = None
) -> InvalidInput | Infrastructure:
    lines = [line.removeprefix("Caused by: ").strip(" .") for line in str(error).splitlines()]
    causes = list(dict.fromkeys(line for line in lines if line)) or [type(error).__name__]
    message = f"{what}: {'; '.join(causes)}."
    system = isinstance(error, OSError) and error.errno is not None
    if system or any(sign in message for sign in _SYSTEM_ERRORS):
        return Infrastructure(message, file=file, remedy="Check free space and permissions.")
    return InvalidInput(message, file=file, remedy="Get or build the package again.")


def _directory(path: Path, record: Mapping[str, Any]) -> str:
    parts = [str(record.get(key)) for key in ("name", "version", "build")]
    for part in parts:
        if not _PART.fullmatch(part):
            raise InvalidInput(
                f"The record of {path.name} cannot be used: {part!r} is no name, version or build.",
                file=path,
            )
    return "-".join([parts[0].lower(), *parts[1:]])


def _refuse_hostile(packages: Sequence[tuple[Path, Path]]) -> None:
    escaping: dict[str, Path] = {}
    paths: list[tuple[str, Path]] = []
    for file, folder in packages:
        for path in _paths(file, folder):
            # Names with a backslash occur in packages for Unix (units of systemd).
            elsewhere = ":" in path.split("/")[0] or ("\\" in path and os.name == "nt")
            if elsewhere or _leaves(path):
                raise InvalidInput(
                    f"The package {file.name} is refused: its file {path!r} is outside the prefix.",
                    file=file,
                    remedy="Nothing was installed. Do not use this package.",
                )
            paths.append((path, file))
            source = folder / path
            if source.is_symlink() and _leaves(
                posixpath.join(posixpath.dirname(path), source.readlink().as_posix())
            ):
                escaping[posixpath.normpath(path)] = file
    for path, file in paths:
        if link := next((parent for parent in _parents(path) if parent in escaping), None):
            raise InvalidInput(
                f"The package {file.name} is refused: its file {path!r} would be written through"
                f" the link {link!r} of {escaping[link].name}, which leads outside the prefix.",
                file=file,
                remedy="Nothing was installed. Do not use these packages.",
            )


def _paths(file: Path, folder: Path) -> Iterator[str]:
    listed = folder / "info/paths.json"
    try:
        if listed.is_file():
            for entry in json.loads(listed.read_bytes())["paths"]:
                yield str(entry["_path"])
        elif (old := folder / "info/files").is_file():
            yield from filter(None, old.read_text(encoding="utf-8").splitlines())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"The list of files in the package {file.name} is broken: {error}.", file=file
        ) from None


def _leaves(path: str) -> bool:
    return path.startswith("/") or posixpath.normpath(path).split("/")[0] == ".."


def _parents(path: str) -> Iterator[str]:
    parent = posixpath.dirname(posixpath.normpath(path))
    while parent:
        yield parent
        parent = posixpath.dirname(parent)
