"""Whether pixi-pack can pack a locked environment: what is known before it tries.

It builds every source package with `pixi publish --path <dir>/pixi.toml --build-platform P` and
packs the first file that this leaves (Quantco/pixi-pack, src/pack.rs).
"""

from __future__ import annotations

from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from pytest_pixipack.engine.locking import platform_of
from pytest_pixipack.engine.system.classify import refused
from pytest_pixipack.engine.system.support import first_release_reading, newest_lock_version
from pytest_pixipack.engine.system.tools import Tool
from pytest_pixipack.errors import PixipackError, Unsupported
from pytest_pixipack.lock import Lock, LockedPackage
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.platforms import current_platform


@dataclass(frozen=True, slots=True)
class Packing:
    """What pixi-pack would be asked for: one locked environment on one platform.

    `manifest` is the workspace, `pixi` what pixi-pack builds source packages with.
    """

    manifest: Manifest
    lock: Lock
    environment: str
    subdir: str
    pixi_pack: Tool
    pixi: Tool

    def refuse(self) -> None:
        """Raises `Unsupported` where pixi-pack fails, or would pack something else unnoticed."""
        problem = self.problem()
        if problem is not None:
            raise problem

    def problem(self) -> Unsupported | None:
        """The first thing that pixi-pack cannot do; None if it can try.

        Not known beforehand: a package that turns out to be `noarch` while no binary `noarch`
        package is locked, which has no directory in the pack.
        """
        return (
            self._lock_problem()
            or self._platform_problem()
            or next((p for p in map(self._source_problem, self._sources()) if p), None)
        )

    def _sources(self) -> list[LockedPackage]:
        platform, _ = platform_of(self.manifest, self.lock, self.environment, self.subdir)
        packages = self.lock.environment(self.environment).packages[platform.name]
        return [package for package in packages if package.is_source]

    def _lock_problem(self) -> Unsupported | None:
        version = self.pixi_pack.version
        assert version is not None
        if self.lock.version <= newest_lock_version("pixi-pack", version):
            return None
        needed = first_release_reading("pixi-pack", self.lock.version)
        return Unsupported(
            f"{self.pixi_pack} cannot read a pixi.lock of version {self.lock.version}; "
            + (f"pixi-pack {needed} can." if needed else "no release is known that can."),
            file=self.lock.file,
            remedy="Upgrade pixi-pack, or use the embedded engine (--pixipack-engine=embedded).",
        )

    def _platform_problem(self) -> Unsupported | None:
        candidates = self.lock.platforms_of(self.environment, self.subdir)
        if len(candidates) > 1:
            names = ", ".join(platform.name for platform in candidates)
            return self._refused("several-platforms", None, names, self.subdir)
        here, sources = current_platform(), self._sources()
        if sources and self.subdir != here:
            return self._refused("cross-source", sources[0], self.subdir, here)
        return None

    def _source_problem(self, package: LockedPackage) -> Unsupported | None:
        location = package.location
        if "://" in location or location.startswith("git+"):
            return self._refused("remote-source", package, location)
        manifest = Path(normpath(self.manifest.root / location)) / "pixi.toml"
        if not manifest.is_file():
            return self._refused("only-pixi-toml", package, f"{location}/pixi.toml")
        if run := _source_run_dependencies(package):
            names = ", ".join(run)
            return self._refused(
                "source-run-dependencies", package, package.name, names, str(self.pixi)
            )
        if (
            elsewhere := other_workspace(self.manifest.root, manifest.parent, self.pixi)
        ) is not None:
            return elsewhere
        if varying := self._varying(package):
            return self._refused("variants", package, package.name, varying)
        return None

    def _varying(self, package: LockedPackage) -> str:
        """The locked variants of which the workspace has more than one value."""
        platforms = self.manifest.platforms(self.environment)
        values: dict[str, set[str]] = {}
        for platform in platforms:
            if platform.subdir == self.subdir:
                for key, listed in self.manifest.build_variants(platform).items():
                    values.setdefault(key, set()).update(listed)
        keys = [key for key in sorted(package.variants) if len(values.get(key, ())) > 1]
        return ", ".join(f"{key}={package.variants[key]}" for key in keys)

    def _refused(self, key: str, package: LockedPackage | None, *parts: str) -> Unsupported:
        return refused(self.pixi_pack, key, *parts, package=package.name if package else None)


def other_workspace(root: Path, directory: Path, pixi: Tool) -> Unsupported | None:
    """The error for a package that `pixi build` and `pixi publish` put into another workspace.

    They look for a workspace from the package upwards (prefix-dev/pixi,
    crates/pixi_cli/src/publish/mod.rs), whatever workspace asks for the package.
    """
    for candidate in (directory, *directory.parents):
        if candidate == root:
            return None
        try:
            found = load_manifest(candidate).workspace is not None
        except PixipackError:
            continue  # no manifest, or one that pixi will complain about
        if found:
            return refused(pixi, "other-workspace", directory.name, str(candidate))
    return refused(pixi, "other-workspace", directory.name, "and there is none")


def _source_run_dependencies(package: LockedPackage) -> list[str]:
    """The run dependencies of a package that are themselves built from source."""
    if package.source is None:
        return []
    needed = {depend.split(" ")[0].split("[")[0] for depend in package.depends}
    return sorted(needed & set(package.source.source_depends))
