"""`check_lock` and `verify`: runs the rules that fit the layers that were given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.verify.findings import Finding
from pytest_pixipack.verify.report import Report
from pytest_pixipack.verify.rules import Registry, default_registry, without_consequences
from pytest_pixipack.verify.subject import Metadata, Subject

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.expect import Expectations
    from pytest_pixipack.lock import Lock, LockedPackage
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.prefix import Prefix

T = TypeVar("T")


def check_lock(
    manifest: Manifest,
    lock: Lock,
    *,
    environments: Sequence[str] | None = None,
    platforms: Sequence[str] | None = None,
    metadata: Metadata | None = None,
    registry: Registry | None = None,
    notes: bool = False,
) -> Report:
    """Compares a workspace's manifest with its lock; nothing is solved and nothing is fetched.

    `environments` and `platforms` (names or subdirs) restrict what is looked at. `metadata` maps
    the directory of a source package and a subdir to what its backend offers there; a package
    that is not in it is compared with its manifest alone, as far as a backend cannot change that.
    An error is what pixi calls out of date; what goes beyond it is a warning. With `notes`, each
    source package whose backend was not asked is a finding of the rule `lock-backend`.
    Raises `InvalidInput` for a name that the workspace does not have.
    """
    _check_names(manifest, environments, platforms)
    subject = Subject(
        manifest=manifest,
        lock=lock,
        environments=None if environments is None else tuple(environments),
        subdirs=None if platforms is None else tuple(platforms),
        metadata=metadata or {},
        notes=notes,
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
    notes: bool = False,
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
        notes=notes,
    )


def verify(
    *,
    manifest: Manifest | None = None,
    lock: Lock | Path | None = None,
    artifacts: Iterable[Artifact | Path] = (),
    pack: Pack | Path | None = None,
    prefix: Prefix | Path | None = None,
    environment: str = "default",
    platform: str | None = None,
    lock_path: Path | None = None,
    metadata: Metadata | None = None,
    registry: Registry | None = None,
    expectations: Expectations | None = None,
) -> Report:
    """Compares all layers that are given; each rule runs where the layers that it needs are there.

    `platform` is a subdir or the name of a platform; without it, it is that of the pack, else that
    of the first artifact that is not noarch, else this machine's. A pack that is for a platform
    which is not locked is compared with the one that its packages are for. Layers may be given as
    paths; one that cannot be read is a finding (`pack-parse`, ...). With `expectations`, each
    layer is compared with them, too. Raises `InvalidInput` for an environment or a platform that
    the lock does not have.
    """
    readings = _Readings()
    if isinstance(lock, Path):
        lock_path = lock_path or lock
    lock = readings.of("lock", lock, _read_lock)
    built = tuple(
        found
        for each in artifacts
        if (found := readings.of("artifact", each, _read_artifact)) is not None
    )
    packed = readings.of("pack", pack, _read_pack)
    installed = readings.of("prefix", prefix, _read_prefix)
    where = platform or _platform(built, packed, lock, environment)
    name, subdir, packages = _locked(manifest, lock, environment, where)
    subject = Subject(
        manifest=manifest,
        lock=lock,
        lock_path=lock_path,
        artifacts=built,
        pack=packed,
        prefix=installed,
        environment=environment,
        platform=name,
        subdir=subdir,
        packages=packages,
        environments=(environment,),
        subdirs=(name,),
        metadata=metadata or {},
    )
    report = run_rules(subject, registry or default_registry())
    report = Report.merged([report, Report.of(readings.findings)])
    if expectations is None:
        return report
    from pytest_pixipack.expect import with_expectations
    from pytest_pixipack.expect.layers import layers_of

    return with_expectations(report, expectations, layers_of(subject))


class _Readings:
    """Reads layers that were given as paths; what cannot be read is a finding."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def of(self, layer: str, value: T | Path | None, read: Callable[[Path], T]) -> T | None:
        if not isinstance(value, Path):
            return value
        try:
            return read(value)
        except InvalidInput as error:
            refused = layer == "pack" and error.message.startswith("The pack is refused")
            self._add("pack-members" if refused else f"{layer}-parse", layer, error)
        except Unsupported as error:
            if layer != "pack":
                raise
            self._add("pack-version", layer, error)
        return None

    def _add(self, rule: str, layer: str, error: PixipackError) -> None:
        self.findings.append(
            Finding(
                rule=rule,
                severity="error",
                layers=(layer,),
                message=error.message,
                package=error.package,
                file=error.file,
                line=error.line,
                remedy=error.remedy,
            )
        )


def _read_lock(path: Path) -> Lock:
    from pytest_pixipack.lock import read_lock

    return read_lock(path)


def _read_artifact(path: Path) -> Artifact:
    from pytest_pixipack.artifact import read_artifact

    return read_artifact(path)


def _read_pack(path: Path) -> Pack:
    from pytest_pixipack.pack import read_pack

    return read_pack(path)


def _read_prefix(path: Path) -> Prefix:
    from pytest_pixipack.prefix import read_prefix

    return read_prefix(path)


def run_rules(subject: Subject, registry: Registry) -> Report:
    """Runs the rules of a registry whose layers the subject has, and drops consequences."""
    fitting = [rule for rule in registry if set(rule.layers) <= subject.layers]
    findings = [finding for rule in fitting for finding in rule.run(subject)]
    return Report.of(without_consequences(findings, registry), (rule.name for rule in fitting))


def _platform(
    artifacts: Sequence[Artifact], pack: Pack | None, lock: Lock | None, environment: str
) -> str:
    if pack is not None:
        return _platform_of_pack(pack, lock, environment)
    from pytest_pixipack.platforms import current_platform

    subdirs = [artifact.facts.subdir for artifact in artifacts]
    return next((s for s in subdirs if s and s != "noarch"), None) or current_platform()


def _platform_of_pack(pack: Pack, lock: Lock | None, environment: str) -> str:
    """What the pack says; where that is not locked, what is locked and the packages are for.

    That the pack says something else is then a finding.
    """
    if lock is None:
        return pack.platform
    locked = lock.environment(environment).packages
    known = {p.name: p.subdir for p in lock.platforms if p.name in locked}
    if pack.platform in {*known, *known.values()}:
        return pack.platform
    there = {facts.subdir for facts in pack.records}
    fitting = [name for name, subdir in known.items() if subdir in there]
    candidates = fitting or list(known)
    return candidates[0] if len(candidates) == 1 else pack.platform


def _locked(
    manifest: Manifest | None, lock: Lock | None, environment: str, platform: str
) -> tuple[str, str, tuple[LockedPackage, ...] | None]:
    """The platform's name, its subdir, and what is locked for it."""
    if lock is None:
        return platform, platform, None
    from pytest_pixipack.verify.places import aligned_names

    workspace = manifest.workspace if manifest is not None else None
    aligned = aligned_names(manifest, lock) if manifest is not None and workspace else {}
    locked = lock.environment(environment)
    names = [p for p in lock.platforms if p.name in locked.packages]
    exact = [p for p in names if platform in (p.name, aligned.get(p.name))]
    candidates = exact or [p for p in names if p.subdir == platform]
    if len(candidates) == 1:
        found = candidates[0]
        return aligned.get(found.name, found.name), found.subdir, locked.packages[found.name]
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
