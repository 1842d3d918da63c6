"""What holds for all PyPI packages of an environment: indexes, wheel tags, `no-build`.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/environment.rs. pixi looks
only where PyPI dependencies stand outside target tables; elsewhere the same is a warning here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_pixipack.lock import Lock, LockedPackage, LockEnvironment
from pytest_pixipack.manifest import Manifest, Platform, PypiSpec, queries
from pytest_pixipack.verify.findings import Severity
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.lock_pypi_match import (
    distribution_extension,
    file_name_of,
    is_url,
    locked_directory,
)
from pytest_pixipack.verify.lock_pypi_options import PypiOptions, differing_indexes, options_of
from pytest_pixipack.verify.lock_pypi_python import Tags, tags_of
from pytest_pixipack.verify.places import aligned_names, environments
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_Packages = list[tuple[str, Platform | None, tuple[LockedPackage, ...]]]


def check_indexes(subject: Subject) -> Iterator[Problem]:
    """Environments with PyPI packages were locked with the manifest's indexes."""
    manifest, lock = subject.manifest, subject.lock
    assert manifest is not None
    assert lock is not None
    for name in environments(subject):
        locked = lock.environments.get(name)
        if locked is None or not _asks(manifest, name):
            continue
        there = any(p.kind == "pypi" for each in locked.packages.values() for p in each)
        if locked.indexes is None and not (there and lock.version >= 5):
            continue
        for key, (wanted, found) in differing_indexes(options_of(manifest, name), locked).items():
            yield Problem(
                message=f"The environment {name} was locked with other PyPI {key}.",
                environment=name,
                field=key,
                expected=wanted,
                actual=found,
                file=subject.lock_file,
                severity=None if everywhere(manifest, name) else "warning",
                remedy=f"Run `pixi lock`, or write the locked {key} into [pypi-options]",
            )


def environment_problems(subject: Subject) -> Iterator[tuple[str, Problem]]:
    """Wheels that the locked Python cannot install, and sources where `no-build` forbids them."""
    manifest, lock = subject.manifest, subject.lock
    assert manifest is not None
    assert lock is not None
    for name in environments(subject):
        locked = lock.environments.get(name)
        if locked is None or not _asks(manifest, name):
            continue
        specs = everywhere(manifest, name)
        severity: Severity | None = None if specs else "warning"
        listed = _listed(subject, manifest, lock, locked)
        options = options_of(manifest, name)
        for rule, platform, package, more in (
            *_tags(listed),
            *_sources(subject, listed, options, specs),
        ):
            yield (
                rule,
                Problem(
                    environment=name,
                    platform=platform,
                    package=package.name,
                    version=package.version,
                    actual=file_name_of(package.location) or package.location,
                    file=subject.lock_file,
                    line=subject.line_of(package),
                    severity=severity,
                    **more,
                ),
            )


def everywhere(manifest: Manifest, environment: str) -> dict[str, PypiSpec]:
    """The PyPI dependencies that stand in no target table, the last one of each name."""
    workspace = manifest.need_workspace()
    found = {}
    for feature in queries.own_features(workspace, manifest.environment(environment)):
        target = feature.targets.get(None)
        for name, specs in (target.pypi_dependencies if target is not None else {}).items():
            if specs:
                found[normalised(name)] = specs[-1]
    return found


def _asks(manifest: Manifest, name: str) -> bool:
    platforms = manifest.platforms(name)
    return any(manifest.pypi_dependencies(name, p) for p in platforms) or bool(
        everywhere(manifest, name)
    )


def _listed(subject: Subject, manifest: Manifest, lock: Lock, locked: LockEnvironment) -> _Packages:
    """Per platform of the lock: its name, the workspace's platform, and what is locked for it."""
    known = manifest.need_workspace().platforms
    aligned = aligned_names(manifest, lock)
    found: _Packages = []
    for each in lock.platforms:
        if each.name not in locked.packages:
            continue
        name = aligned[each.name]
        if subject.subdirs is not None and not {name, each.subdir} & {*subject.subdirs}:
            continue
        platform = next((p for p in known if p.name == name), None)
        platform = platform or next((p for p in known if p.subdir == each.subdir), None)
        found.append((name, platform, locked.packages[each.name]))
    return found


def _tags(listed: _Packages) -> Iterator[tuple[str, str, LockedPackage, dict[str, Any]]]:
    by_subdir: dict[str, tuple[Tags, str]] = {}
    for _, platform, packages in listed:
        for package in packages:
            if platform is not None and package.kind == "binary" and package.name == "python":
                tags = tags_of(platform, package)
                if tags is not None:
                    by_subdir[platform.subdir] = (tags, f"Python {package.version}")
    for name, platform, packages in listed:
        if platform is None or platform.subdir not in by_subdir:
            continue
        tags, python = by_subdir[platform.subdir]
        for package in packages:
            if package.kind == "pypi" and not tags.accept(file_name_of(package.location)):
                yield "lock-pypi-tags", name, package, {
                    "message": f"The wheel of {package.name} is not for {python} on {name}.",
                    "field": "tags",
                    "expected": f"a wheel for {python} and this platform",
                }  # fmt: skip


def _sources(
    subject: Subject, listed: _Packages, options: PypiOptions, specs: dict[str, PypiSpec]
) -> Iterator[tuple[str, str, LockedPackage, dict[str, Any]]]:
    if options.no_build is False:
        return
    for name, _, packages in listed:
        for package in packages:
            if package.kind != "pypi":
                continue
            kind = _kind(subject, package, specs.get(normalised(package.name)))
            named = options.no_build is True or normalised(package.name) in options.no_build
            if kind == "wheel" or (kind == "source" and not named):
                continue
            what = "a source package" if kind else "neither a wheel nor an archive"
            yield "lock-pypi-binary", name, package, {
                "message": f"{package.name} is locked as {what}, but `no-build` forbids building.",
                "field": "no-build",
                "expected": "a wheel",
                "remedy": "Run `pixi lock`, or take no-build out of [pypi-options]",
            }  # fmt: skip


def _kind(subject: Subject, package: LockedPackage, spec: PypiSpec | None) -> str | None:
    assert subject.manifest is not None
    if package.location.startswith("git+"):
        return "source"
    if is_url(package.location):
        return distribution_extension(file_name_of(package.location))
    value = spec.value if spec is not None else None
    if isinstance(value, dict) and "path" in value and value.get("editable") is True:
        return "wheel"  # nothing is built for what is editable
    if locked_directory(subject.manifest.root, package.location).is_dir():
        return "source"
    return distribution_extension(file_name_of(package.location))
