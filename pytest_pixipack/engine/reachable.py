"""The source packages that a workspace's manifests lead to, without a lock or a backend."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import PixipackError

if TYPE_CHECKING:
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.manifest.model import Package
    from pytest_pixipack.manifest.spec import Spec


@dataclass(frozen=True, slots=True)
class Reached:
    """A source package: its directory (absolute), and its backend's name where it has a manifest
    that can be read."""

    directory: Path
    backend: str | None = None


def reachable_packages(manifest: Manifest) -> tuple[Reached, ...]:
    """Every package that path dependencies lead to, the workspace's own among them, sorted.

    Conditions and platforms are not looked at. A directory that is not there is left out; one whose
    manifest cannot be read has no backend: whoever needs it will say so.
    """
    found: dict[Path, Reached] = {}
    waiting = [*_own(manifest, found), *_of_workspace(manifest)]
    while waiting:
        place = waiting.pop()
        directory = place if place.is_dir() else place.parent
        if directory in found or not place.exists():
            continue
        found[directory] = Reached(directory)
        from pytest_pixipack.manifest import load_manifest

        try:
            inner = load_manifest(place)
        except PixipackError:
            continue
        waiting += _own(inner, found)
    return tuple(found[path] for path in sorted(found))


def _own(manifest: Manifest, found: dict[Path, Reached]) -> list[Path]:
    package = manifest.package
    if package is None:
        return []
    found[manifest.root] = Reached(manifest.root, package.build.backend.name)
    return list(_of_package(package))


def _of_workspace(manifest: Manifest) -> Iterator[Path]:
    for feature in manifest.need_workspace().features.values():
        for target in feature.targets.values():
            tables = (
                target.dependencies, target.host_dependencies, target.build_dependencies, target.dev
            )  # fmt: skip
            for table in tables:
                yield from _paths(table.values(), manifest.root)
            for package in target.inline_packages.values():
                yield from _of_package(package)


def _of_package(package: Package) -> Iterator[Path]:
    source = package.build.source
    if source is not None and source.kind == "path":
        yield Path(os.path.normpath(package.root / source.location))
    for tables in package.tables.values():
        every = (tables.build, tables.host, tables.run, *tables.extra.values())
        for table in every:
            yield from _paths(table.values(), package.root)


def _paths(specs: Iterable[Spec], root: Path) -> Iterator[Path]:
    for spec in specs:
        if spec.kind == "path" and spec.path is not None:
            yield Path(os.path.normpath(root / Path(spec.path).expanduser()))
