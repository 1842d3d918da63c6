"""Asks the backends of locked source packages what they offer now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import BackendError, InvalidInput, Unsupported
from pytest_pixipack.lock import Lock
from pytest_pixipack.manifest import Manifest
from pytest_pixipack.verify.locations import source_directory
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.subject import Metadata, Place, Subject

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output
    from pytest_pixipack.engine.options import EngineOptions


def backend_metadata(manifest: Manifest, lock: Lock, options: EngineOptions) -> Metadata:
    """What `check_lock` takes as `metadata`: the outputs of every locked path source.

    Only backends that the options name or `PIXI_BUILD_BACKEND_OVERRIDE` names are asked: a stand-in
    of the manifest's `[tool.pixipack]` may say something else than the real backend, with which the
    lock may have been made. Nothing is solved and no channel is read. Left out are packages whose
    directory or manifest is missing or broken, and those whose backend is not named (they are
    checked statically).
    Raises `BackendError` for a backend that fails.
    """
    from pytest_pixipack.backend.build_params import outputs_params
    from pytest_pixipack.engine.channels import ChannelTable
    from pytest_pixipack.engine.sessions import Sessions
    from pytest_pixipack.engine.targets import target_for

    found: dict[tuple[Path, str], tuple[Output, ...]] = {}
    table = ChannelTable(manifest.root, {})  # only the channels' URLs are told
    with (
        scratch_directory() as scratch,
        Sessions(manifest, options, Path(scratch)) as sessions,
    ):
        for place, directory in _wanted(Subject(manifest=manifest, lock=lock)):
            key = directory, place.platform.subdir
            if key in found:
                continue
            try:
                package = sessions.package(directory)
            except BackendError:
                raise
            except (InvalidInput, Unsupported):
                continue
            target = target_for(manifest, place.environment, place.platform, table)
            params = outputs_params(
                channels=target.channel_urls,
                host_platform=target.subdir,
                build_platform=target.build_subdir,
                work_directory=Path(scratch) / "work",
                variants=target.variants,
                variant_files=target.variant_files,
            )
            found[key] = package.outputs(params, f"{target.subdir} {place.environment}")
    return found


def _wanted(subject: Subject) -> Iterator[tuple[Place, Path]]:
    assert subject.manifest is not None
    assert subject.lock is not None
    from pytest_pixipack.verify.dev import dev_directories

    for place in places(subject):
        for _, developed in dev_directories(subject, place):
            if developed.is_dir():
                yield place, developed
        packages = subject.lock.environments[place.environment].packages
        if place.locked is None:
            continue
        for package in packages.get(place.locked.name, ()):
            # Of what packages are built with, the lock says all that is compared.
            directory = source_directory(subject.manifest.root, package.location)
            if package.is_source and directory is not None and directory.is_dir():
                yield place, directory
