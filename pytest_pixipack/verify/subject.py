"""What is verified: the layers that were given, and the places of the lock to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.backend.protocol import Output
    from pytest_pixipack.lock import Lock, LockedPackage, LockPlatform
    from pytest_pixipack.manifest import Manifest, Platform
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.prefix import Prefix

T = TypeVar("T")

# A source package's directory and a subdir -> what the package's backend offers there.
Metadata = Mapping[tuple[Path, str], "tuple[Output, ...]"]


@dataclass(frozen=True, slots=True)
class Place:
    """One environment on one platform: of the manifest, and of the lock as far as it has it."""

    environment: str
    platform: Platform
    locked: LockPlatform | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The layers; what was not given is None or empty.

    `environment` and `platform` (a name; `subdir` is what it is) say what artifacts, pack and
    prefix belong to; `packages` are the lock's packages for it. `environments` and `subdirs`
    restrict the rules that compare manifest and lock (None: all). `metadata` holds what backends
    answered; with `notes`, it is said where none was asked.
    """

    manifest: Manifest | None = None
    lock: Lock | None = None
    lock_path: Path | None = None
    artifacts: tuple[Artifact, ...] = ()
    pack: Pack | None = None
    prefix: Prefix | None = None
    environment: str | None = None
    platform: str | None = None
    subdir: str | None = None
    packages: tuple[LockedPackage, ...] | None = None
    environments: tuple[str, ...] | None = None
    subdirs: tuple[str, ...] | None = None
    metadata: Metadata = field(default_factory=dict)
    notes: bool = False
    _memory: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def layers(self) -> frozenset[str]:
        """The names of the layers that were given."""
        given = {
            "manifest": self.manifest is not None and self.manifest.workspace is not None,
            "lock": self.lock is not None,
            "artifact": bool(self.artifacts),
            "pack": self.pack is not None,
            "prefix": self.prefix is not None,
        }
        return frozenset(name for name, there in given.items() if there)

    @property
    def lock_file(self) -> str | None:
        """The lock's file as messages show it."""
        if self.lock_path is not None:
            return str(self.lock_path)
        return self.lock.file if self.lock is not None else None

    def line_of(self, package: LockedPackage | None) -> int | None:
        """The line of a package in the lock's text."""
        if package is None or self.lock is None:
            return None
        return self.lock.line_of(package.identifier)

    @property
    def locked(self) -> Mapping[str, LockedPackage]:
        """The lock's conda packages of the environment and platform, by name."""
        return {p.name: p for p in self.packages or () if p.kind != "pypi"}

    @property
    def buildable(self) -> Mapping[str, LockedPackage]:
        """`locked`, and behind it what its source packages were built with."""
        found = dict(self.locked)
        queue = list(found.values())
        while queue and self.lock is not None:
            package = queue.pop(0)
            for identifier in (*package.host_packages, *package.build_packages):
                other = self.lock.package(identifier)
                if other.name not in found:
                    found[other.name] = other
                    queue.append(other)
        return found

    @property
    def built(self) -> Mapping[str, Artifact]:
        """The artifacts by package name."""
        return {artifact.facts.name: artifact for artifact in self.artifacts}

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """The result of `compute`, which several rules share."""
        if key not in self._memory:
            self._memory[key] = compute()
        result: T = self._memory[key]
        return result
