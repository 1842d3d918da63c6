"""What is known of a locked package besides the lock: a path source has its version elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.locations import source_directory
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.subject import Place, Subject

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output
    from pytest_pixipack.manifest import Manifest, Package


def resolved_facts(subject: Subject, place: Place, package: LockedPackage) -> PackageFacts:
    """The facts of a locked package; those of a path source are what backend or manifest say."""
    if not package.is_partial and directory_of(subject, package) is None:
        return package.facts
    output = matching_output(subject, place, package)
    if output is not None:
        return replace(
            package.facts,
            version=output.version,
            build=output.build,
            build_number=output.build_number,
            subdir=output.subdir,
            license=output.license,
            license_family=output.license_family,
            flags=output.flags,
            track_features=output.track_features,
        )
    manifest = source_manifest(subject, package)
    if isinstance(manifest, Exception) or manifest is None or manifest.package is None:
        return package.facts
    return replace(package.facts, version=manifest.package.version or package.version)


def expected_facts(subject: Subject, locked: LockedPackage) -> PackageFacts:
    """What lock and manifest say of a package; of a path source the lock knows little."""
    for place in places(subject):
        if place.environment == subject.environment:
            return resolved_facts(subject, place, locked)
    return locked.facts


def outputs_of(subject: Subject, place: Place, package: LockedPackage) -> tuple[Output, ...] | None:
    """What the backend of a locked source package offers, None where it was not asked."""
    directory = directory_of(subject, package)
    return None if directory is None else outputs_in(subject, place, directory)


def outputs_in(subject: Subject, place: Place, directory: Path) -> tuple[Output, ...] | None:
    """What the backend of the package in a directory offers, None where it was not asked."""
    for known, subdir in subject.metadata:
        if subdir == place.platform.subdir and _same(known, directory):
            return subject.metadata[known, subdir]
    return None


def inline_package(subject: Subject, place: Place, name: str) -> Package | None:
    """The definition of a package that stands in the workspace's manifest, if there is one."""
    if subject.manifest is None:
        return None
    from pytest_pixipack.manifest import queries

    manifest = subject.manifest
    workspace = manifest.need_workspace()
    features = queries.solved_features(workspace, manifest.environment(place.environment))
    for feature in features:
        if not queries.supports(workspace, feature, place.platform):
            continue
        for target in reversed(queries.matching_targets(feature, place.platform)):
            if name in target.inline_packages:
                return target.inline_packages[name]
    return None


def matching_output(subject: Subject, place: Place, package: LockedPackage) -> Output | None:
    """The backend's output that a locked source package stands for."""
    for output in outputs_of(subject, place, package) or ():
        if output.name == package.name and _variant(output.variant) == _variant(package.variants):
            return output
    return None


def _variant(values: object) -> dict[str, str]:
    # `target_platform` is left out or added at will (pixi, variants_equivalent).
    assert hasattr(values, "items")
    return {key: str(value) for key, value in values.items() if key != "target_platform"}


def directory_of(subject: Subject, package: LockedPackage) -> Path | None:
    """The directory of a locked path source, None for any other package."""
    if subject.manifest is None or not package.is_source:
        return None
    return source_directory(subject.manifest.root, package.location)


def source_manifest(subject: Subject, package: LockedPackage) -> Manifest | InvalidInput | None:
    """The manifest of a path source, or why it cannot be read.

    None for other sources, and for a manifest that is not pixi's (`recipe.yaml`, `package.xml`).
    """
    directory = directory_of(subject, package)
    if directory is None or subject.manifest is None:
        return None
    workspace = subject.manifest

    def load() -> Manifest | InvalidInput | None:
        from pytest_pixipack.manifest import load_package

        if workspace.package is not None and _same(directory, workspace.root):
            return workspace
        try:
            return load_package(directory, workspace)
        except InvalidInput as error:
            return error
        except Unsupported:
            return None

    return subject.once(f"manifest of {directory}", load)


def _same(one: Path, other: Path) -> bool:
    import os

    return os.path.normpath(one) == os.path.normpath(other)
