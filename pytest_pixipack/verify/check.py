"""`check_lock` and `verify`: runs the rules that fit the layers that were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify.findings import Finding
from pytest_pixipack.verify.report import Report
from pytest_pixipack.verify.rules import Registry, default_registry, without_consequences
from pytest_pixipack.verify.subject import Metadata, Subject

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.lock import Lock, LockedPackage
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.prefix import Prefix


def check_lock(
    manifest: Manifest,
    lock: Lock,
    *,
    environments: Sequence[str] | None = None,
    platforms: Sequence[str] | None = None,
    metadata: Metadata | None = None,
    registry: Registry | None = None,
) -> Report:
    """Compares a workspace's manifest with its lock; nothing is solved and nothing is fetched.

    `environments` and `platforms` (names or subdirs) restrict what is looked at. `metadata` maps
    the directory of a source package and a subdir to what its backend offers there; a package
    that is not in it is compared with its manifest alone, as far as a backend cannot change that.
    An error is what pixi calls out of date; what goes beyond it is a warning. Raises `InvalidInput`
    for a name that the workspace does not have.
    """
    _check_names(manifest, environments, platforms)
    subject = Subject(
        manifest=manifest,
        lock=lock,
        environments=None if environments is None else tuple(environments),
        subdirs=None if platforms is None else tuple(platforms),
        metadata=metadata or {},
    )
    return run_rules(subject, registry or default_registry())


def check_lock_file(
    manifest: Manifest,
    path: Path | None = None,
    *,
    environments: Sequence[str] | None = None,
    platforms: Sequence[str] | None = None,
    metadata: Metadata | None = None,
    registry: Registry | None = None,
) -> Report:
    """The same for a lock that still has to be read, by default the workspace's `pixi.lock`.

    A lock that is missing or broken is a finding of the rule `lock-parse`. Raises `Unsupported`
    for a version of the format that is not known.
    """
    from pytest_pixipack.lock import read_lock

    file = path or manifest.root / "pixi.lock"
    try:
        lock = read_lock(file)
    except InvalidInput as error:
        finding = Finding(
            rule="lock-parse",
            severity="error",
            layers=("lock",),
            message=error.message,
            package=error.package,
            file=str(file),
            line=error.line,
            remedy=error.remedy,
        )
        return Report.of([finding], ["lock-parse"])
    return check_lock(
        manifest,
        lock,
        environments=environments,
        platforms=platforms,
        metadata=metadata,
        registry=registry,
    )


def verify(
    *,
    manifest: Manifest | None = None,
    lock: Lock | None = None,
    artifacts: Iterable[Artifact] = (),
    pack: Pack | None = None,
    prefix: Prefix | None = None,
    environment: str = "default",
    platform: str | None = None,
    lock_path: Path | None = None,
    metadata: Metadata | None = None,
    registry: Registry | None = None,
) -> Report:
    """Compares all layers that are given; each rule runs where the layers that it needs are there.

    `platform` is a subdir or the name of a platform; without it, it is that of the pack, else that
    of the first artifact that is not noarch, else this machine's. Raises `InvalidInput` for an
    environment or a platform that the lock does not have.
    """
    built = tuple(artifacts)
    where = platform or _platform(built, pack)
    packages = _locked(lock, environment, where) if lock is not None else None
    subject = Subject(
        manifest=manifest,
        lock=lock,
        lock_path=lock_path,
        artifacts=built,
        pack=pack,
        prefix=prefix,
        environment=environment,
        platform=where,
        packages=packages,
        environments=(environment,),
        subdirs=(where,),
        metadata=metadata or {},
    )
    return run_rules(subject, registry or default_registry())


def run_rules(subject: Subject, registry: Registry) -> Report:
    """Runs the rules of a registry whose layers the subject has, and drops consequences."""
    fitting = [rule for rule in registry if set(rule.layers) <= subject.layers]
    findings = [finding for rule in fitting for finding in rule.run(subject)]
    return Report.of(
        without_consequences(findings, registry), (rule.name for rule in fitting)
    )


def _platform(artifacts: Sequence[Artifact], pack: Pack | None) -> str:
    if pack is not None:
        return pack.platform
    from pytest_pixipack.platforms import current_platform

    subdirs = [artifact.facts.subdir for artifact in artifacts]
    return next((s for s in subdirs if s and s != "noarch"), None) or current_platform()


def _locked(lock: Lock, environment: str, platform: str) -> tuple[LockedPackage, ...]:
    locked = lock.environment(environment)
    if platform in locked.packages:
        return locked.packages[platform]
    candidates = lock.platforms_of(environment, platform)
    if len(candidates) == 1:
        return locked.packages[candidates[0].name]
    known = ", ".join(sorted(locked.packages)) or "no platform"
    raise InvalidInput(
        f"The environment {environment} is not locked for {platform}; it is locked for {known}.",
        file=lock.file,
        remedy="Name one of these platforms, or lock again.",
    )


def _check_names(
    manifest: Manifest, environments: Sequence[str] | None, platforms: Sequence[str] | None
) -> None:
    for name in environments or ():
        manifest.environment(name)
    workspace = manifest.need_workspace()
    known = {p.name for p in workspace.platforms} | {p.subdir for p in workspace.platforms}
    for name in platforms or ():
        if name not in known:
            raise InvalidInput(
                f"The workspace has no platform {name}; it has {', '.join(sorted(known))}.",
                file=manifest.path,
            )
