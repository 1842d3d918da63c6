"""Asking backends what source packages offer, for checks that solve nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.backend.build_params import outputs_params
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.locking import source_directory
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.sessions import Sessions
from pytest_pixipack.errors import Unsupported
from pytest_pixipack.lock import Lock
from pytest_pixipack.manifest import Manifest, Platform

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output


def source_metadata(
    manifest: Manifest, lock: Lock, options: EngineOptions
) -> Mapping[tuple[Path, str], tuple[Output, ...]]:
    """What the backends of the locked path sources offer, by directory and subdir.

    A package whose backend cannot be run here, or whose source is not a path, is left out; channel
    stand-ins are not built. Raises `BackendError` for a backend that fails and `InvalidInput` for
    a package that is not there.
    """
    scratch = Path(tempfile.mkdtemp(prefix="pixipack-"))
    table = ChannelTable(manifest.root, {})
    found: dict[tuple[Path, str], tuple[Output, ...]] = {}
    try:
        with Sessions(manifest, options, scratch) as sessions:
            for directory, environment, platform in sorted(
                _places(manifest, lock), key=lambda place: (place[0], place[2].name)
            ):
                if (directory, platform.subdir) in found or not directory.is_dir():
                    continue
                params = outputs_params(
                    channels=[table.resolve(n).url for n in manifest.channels(environment)],
                    host_platform=platform.subdir,
                    work_directory=scratch / "work",
                    variants=manifest.build_variants(platform),
                    variant_files=manifest.need_workspace().build_variant_files,
                )
                try:
                    package = sessions.package(directory)
                except Unsupported:
                    continue
                offered = package.outputs(params, platform.subdir)
                found[directory, platform.subdir] = offered
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return found


def _places(manifest: Manifest, lock: Lock) -> Iterable[tuple[Path, str, Platform]]:
    """Directory, environment and platform of every source package that is locked for one."""
    for name in manifest.environment_names():
        if name not in lock.environments:
            continue
        by_lock_name = {
            manifest.lock_platform_names()[each.name]: each for each in manifest.platforms(name)
        }
        for lock_name, packages in lock.environments[name].packages.items():
            for package in packages:
                if lock_name in by_lock_name and package.is_source:
                    try:
                        directory = source_directory(manifest.root, package)
                    except Unsupported:
                        continue
                    yield directory, name, by_lock_name[lock_name]
