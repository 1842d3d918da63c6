"""Which platform of a lock belongs to which platform of a manifest.

Follows prefix-dev/pixi, crates/pixi_core: lock_file/platform_rename.rs (align_platform_names) and
lock_file/satisfiability/platform.rs (resolve_lock_platform_for).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_pixipack.lock import Lock, LockPlatform
from pytest_pixipack.manifest import Manifest, Platform, default_virtual_packages
from pytest_pixipack.verify.specs import virtual_parts
from pytest_pixipack.verify.subject import Place, Subject

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_VERSION = re.compile(r"(?:\d+!)?[A-Za-z0-9_.-]+(?:\+[A-Za-z0-9_.]+)?")
_ZEROS = re.compile(r"(?:\.0+)+$")


def places(subject: Subject) -> tuple[Place, ...]:
    """All environments of manifest and lock on their platforms, as far as they are asked for."""
    return subject.once("places", lambda: tuple(_places(subject)))


def _places(subject: Subject) -> Iterable[Place]:
    manifest, lock = subject.manifest, subject.lock
    if manifest is None or lock is None:
        return
    aligned = aligned_names(manifest, lock)
    for name in environments(subject):
        if name not in lock.environments:
            continue
        for platform in manifest.platforms(name):
            if subject.subdirs is None or {platform.name, platform.subdir} & {*subject.subdirs}:
                yield Place(name, platform, _locked(platform, lock, aligned))


def environments(subject: Subject) -> tuple[str, ...]:
    """The manifest's environments that are asked for."""
    if subject.manifest is None:
        return ()
    names = subject.manifest.environment_names()
    wanted = subject.environments
    return names if wanted is None else tuple(name for name in names if name in wanted)


def aligned_names(manifest: Manifest, lock: Lock) -> dict[str, str]:
    """Name of a lock platform -> name of the workspace's platform that is the same one."""
    known = manifest.need_workspace().platforms
    names = {platform.name for platform in known}
    taken = {platform.name for platform in lock.platforms}
    result = {}
    for locked in lock.platforms:
        own = _identities(locked.subdir, locked.virtual_packages)
        same = [
            platform
            for platform in known
            if platform.subdir == locked.subdir
            and _identities(platform.subdir, platform.virtual_packages) == own
        ]
        free = len(same) == 1 and locked.name not in names and same[0].name not in taken
        result[locked.name] = same[0].name if free else locked.name
    return result


def customised(subdir: str, virtual_packages: Iterable[str]) -> tuple[str, ...]:
    """The virtual packages that are not what pixi assumes of the subdir anyway, sorted.

    Their spelling counts: `__linux=4.18` is such a default, `__linux=4.18=0` is none, and what pixi
    cannot read (`__unix`, without a version) is none either.
    """
    defaults = {_identity(text) for text in default_virtual_packages(subdir)}
    return tuple(sorted(text for text in virtual_packages if _identity(text) not in defaults))


def _identities(subdir: str, virtual_packages: Iterable[str]) -> list[tuple[str, ...]]:
    """What tells the platforms of a subdir apart; what pixi cannot read is left out."""
    found = (_identity(text) for text in customised(subdir, virtual_packages))
    return sorted(identity for identity in found if len(identity) > 1)


def _identity(virtual: str) -> tuple[str, ...]:
    """Name, version and build, equal for equal versions; the text alone if it is not readable."""
    name, version, build = virtual_parts(virtual)
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return (virtual,)
    return name, _ZEROS.sub("", version.lower()), build


def _locked(platform: Platform, lock: Lock, aligned: dict[str, str]) -> LockPlatform | None:
    for locked in lock.platforms:
        if aligned[locked.name] == platform.name:
            return locked
    for locked in lock.platforms:
        if aligned[locked.name] == platform.subdir:
            covered = set(platform.virtual_packages) <= set(locked.virtual_packages)
            return locked if covered or not locked.virtual_packages else None
    return None
