"""What will go wrong when a locked environment is packed, told from the lock alone.

pixi-pack finds these out one after the other while it packs, some only on the user's machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_pixipack.lock import Lock, LockedPackage
from pytest_pixipack.lock.pypi_files import why_no_wheel
from pytest_pixipack.redaction import public_url
from pytest_pixipack.verify.findings import Finding, Severity

RULE = "lock-packable"
# The release whose refusals are reported as notes.
_PIXI_PACK = "pixi-pack 0.7.10"


def packable_findings(
    lock: Lock,
    *,
    lock_file: str | None = None,
    environments: Sequence[str] | None = None,
    subdirs: Sequence[str] | None = None,
) -> Iterator[Finding]:
    """What stands in the way of packing each environment and platform of a lock.

    An error is what no packer can do, a warning what packs but cannot be checked or fetched
    elsewhere, a note what pixi-pack refuses and the embedded engine packs.
    """
    subdir_of = {platform.name: platform.subdir for platform in lock.platforms}
    for environment, locked in lock.environments.items():
        if environments is not None and environment not in environments:
            continue
        for platform, packages in locked.packages.items():
            if subdirs is not None and not {platform, subdir_of.get(platform)} & set(subdirs):
                continue
            for package in packages:
                for severity, message, remedy in _problems(package):
                    yield Finding(
                        rule=RULE,
                        severity=severity,
                        layers=("lock",),
                        message=message,
                        environment=environment,
                        platform=platform,
                        package=package.name,
                        version=package.version,
                        file=lock_file or lock.file,
                        line=lock.line_of(package.identifier),
                        remedy=remedy,
                    )


def _problems(package: LockedPackage) -> Iterator[tuple[Severity, str, str]]:
    if package.kind == "pypi":
        yield from _pypi(package)
    elif package.kind == "source":
        yield from _source(package)
    else:
        yield from _binary(package)


def _pypi(package: LockedPackage) -> Iterator[tuple[Severity, str, str]]:
    location = public_url(package.location) if "://" in package.location else package.location
    if reason := why_no_wheel(package):
        yield (
            "error",
            f"The PyPI package {package.name} cannot be packed: {reason} ({location}).",
            "Depend on a release that has a wheel, or build one and inject it.",
        )
    elif not (package.facts.sha256 or package.facts.md5):
        yield _unchecked(package)


def _source(package: LockedPackage) -> Iterator[tuple[Severity, str, str]]:
    if package.location.startswith("git+") or "://" in package.location:
        yield (
            "note",
            f"{package.name} is built from {public_url(package.location)}; {_PIXI_PACK} packs"
            " packages from local directories only.",
            "The embedded engine packs it.",
        )


def _binary(package: LockedPackage) -> Iterator[tuple[Severity, str, str]]:
    location = package.location
    if location.startswith("file:") or "://" not in location:
        yield (
            "warning",
            f"{package.name} comes from a directory of this machine ({location}): it can be packed"
            " only where that is.",
            "Upload it to a channel that others reach, or pack on this machine.",
        )
    if not (package.facts.sha256 or package.facts.md5):
        yield _unchecked(package)


def _unchecked(package: LockedPackage) -> tuple[Severity, str, str]:
    return (
        "warning",
        f"The lock has no digest of {package.name}: whatever is downloaded will be packed.",
        "Lock again against an index or a channel that publishes digests.",
    )
