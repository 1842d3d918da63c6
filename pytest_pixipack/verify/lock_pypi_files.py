"""What pixi takes on trust: digests, and what a wheel in the workspace says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.lock_pypi_local import changes, read_wheel
from pytest_pixipack.verify.lock_pypi_match import file_name_of, is_url, locked_directory
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Place, Subject

_AGAIN = "Run `pixi update {name}`"


def file_problems(subject: Subject) -> Iterator[tuple[str, Problem]]:
    """Warnings about locked packages, each at the first place that has it."""
    assert subject.lock is not None
    assert subject.manifest is not None
    seen: set[str] = set()
    for place in places(subject):
        if place.locked is None:
            continue
        packages = subject.lock.environments[place.environment].packages
        for package in packages.get(place.locked.name, ()):
            if package.kind != "pypi" or package.identifier in seen:
                continue
            seen.add(package.identifier)
            for rule, message, more in (
                *_named(package),
                *_at_url(package),
                *_on_disk(subject.manifest.root, package),
            ):
                yield rule, _problem(subject, place, package, message, more)


def _problem(
    subject: Subject, place: Place, package: LockedPackage, message: str, more: dict[str, Any]
) -> Problem:
    return Problem(
        message=message,
        environment=place.environment,
        platform=place.platform.name,
        package=package.name,
        version=package.version,
        file=subject.lock_file,
        line=subject.line_of(package),
        severity="warning",
        remedy=_AGAIN.format(name=package.name),
        **more,
    )


_Found = tuple[str, str, dict[str, Any]]


def _named(package: LockedPackage) -> Iterator[_Found]:
    """The version in a wheel's name."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version

    try:
        version = parse_wheel_filename(file_name_of(package.location))[1]
        if package.version is None or Version(package.version) == version:
            return
    except (InvalidWheelFilename, InvalidVersion):
        return
    yield (
        "lock-pypi-version",
        f"{package.name} {package.version} is locked, but its file has the version {version}.",
        {"field": "version", "expected": str(version), "actual": package.version,
         "cause": "version-change"},
    )  # fmt: skip


def _at_url(package: LockedPackage) -> Iterator[_Found]:
    """The digest that stands in a URL."""
    if not package.location.startswith("direct+"):
        return
    for kind, digest in parse_qsl(urlsplit(package.location).fragment):
        locked = {"sha256": package.sha256, "md5": package.md5}.get(kind)
        if locked is not None and locked != digest.lower():
            yield (
                "lock-pypi-hash",
                f"The URL of {package.name} has another {kind} than the lock.",
                {"field": kind, "expected": digest.lower(), "actual": locked, "cause": "content"},
            )


def _on_disk(root: Path, package: LockedPackage) -> Iterator[_Found]:
    if is_url(package.location):
        return
    path = locked_directory(root, package.location)
    if path.is_dir():
        return
    if not path.is_file():
        yield (
            "lock-pypi-path",
            f"{package.name} is locked from {package.location}, which is not there.",
            {"field": "path", "expected": package.location, "cause": "file-removed"},
        )
        return
    for kind, locked in (("sha256", package.sha256), ("md5", package.md5)):
        found = _digest(path, kind) if locked is not None else None
        if locked is not None and found != locked:
            yield (
                "lock-pypi-hash",
                f"{package.location} has another {kind} than the lock says.",
                {"field": kind, "expected": locked, "actual": found, "cause": "content"},
            )
    metadata = read_wheel(path)
    for change in changes(package, metadata, root) if metadata is not None else ():
        yield (
            "lock-pypi-requirement",
            f"{package.location} has other {change.field} than the lock says.",
            {"field": change.field, "expected": list(change.added), "actual": list(change.removed),
             "cause": "dependency-change"},
        )  # fmt: skip


def _digest(path: Path, kind: str) -> str | None:
    digest = hashlib.new(kind, usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
