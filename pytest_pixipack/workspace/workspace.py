"""A workspace in a test: lock it, build it, pack it, check that the layers agree."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_pixipack.platforms import current_platform

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.prefix import Prefix
    from pytest_pixipack.verify import Report

LOCK_NAME = "pixi.lock"


class Engine(Protocol):
    """What runs lock, build, pack and unpack."""

    name: str
    options: EngineOptions

    def lock(self, root: Path) -> Lock:
        """Solves the workspace in `root`."""
        ...

    def build(
        self,
        root: Path,
        out: Path,
        *,
        environment: str = "default",
        platform: str | None = None,
        lock: Lock | None = None,
        only: Sequence[str] | None = None,
    ) -> tuple[Artifact, ...]:
        """Builds the source packages of an environment below `out/<subdir>/`."""
        ...

    def pack(
        self,
        root: Path,
        out: Path,
        *,
        environment: str = "default",
        platform: str | None = None,
        lock: Lock | None = None,
        artifacts: Sequence[Artifact] | None = None,
        inject: Sequence[Path] = (),
        ignore_pypi_non_wheel: bool = False,
    ) -> Pack:
        """Writes a pack."""
        ...

    def unpack(self, pack: Path, out: Path, *, platform: str | None = None) -> Prefix:
        """Installs a pack below `out`."""
        ...


class Workspace:
    """A directory with a manifest, and an engine to run it with.

    What the engine makes lies in `outputs`, beside the workspace; the only file that is written
    into the workspace itself is `pixi.lock`. The object remembers the last result of every layer,
    so that `verify` can compare them.
    """

    def __init__(self, root: Path, engine: Engine, outputs: Path) -> None:
        self.root = root
        self.engine = engine
        self.outputs = outputs
        self._locked_here = False
        self._artifacts: dict[tuple[str, str], tuple[Artifact, ...]] = {}
        self._packs: dict[tuple[str, str], Pack] = {}
        self._prefixes: dict[tuple[str, str], Prefix] = {}

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r}, engine={self.engine.name!r})"

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is now. Raises `InvalidInput` where it cannot be read."""
        from pytest_pixipack.manifest import load_manifest

        return load_manifest(self.root)

    @property
    def lock_path(self) -> Path:
        """Where `pixi.lock` is or will be."""
        return self.root / LOCK_NAME

    def lock(self) -> Lock:
        """Solves all environments, writes `pixi.lock` and returns it.

        What an existing lock says is kept where it can be, as pixi does, unless that was made from
        other channels than those that stand in now.
        """
        from pytest_pixipack.engine.keeping import is_in
        from pytest_pixipack.lock import write_lock
        from pytest_pixipack.workspace.relock import forget_other_channels

        forget_other_channels(self.lock_path, self.engine.options.with_stand_ins(self.manifest))
        lock = self.engine.lock(self.root)
        if not is_in(lock, self.lock_path):
            write_lock(lock, self.lock_path)
        self._locked_here = True
        return self.locked()

    def locked(self) -> Lock:
        """The lock as it stands in the workspace. Raises `InvalidInput` where there is none."""
        from pytest_pixipack.engine.embedded import locked

        return locked(self.manifest)

    def build(
        self, environment: str = "default", platform: str | None = None
    ) -> Mapping[str, Artifact]:
        """Builds the locked source packages; returns the artifacts by package name."""
        subdir = platform or current_platform()
        artifacts = self.engine.build(
            self.root,
            self.outputs / "artifacts" / environment,
            environment=environment,
            platform=subdir,
        )
        self._artifacts[environment, subdir] = artifacts
        return {artifact.facts.name: artifact for artifact in artifacts}

    def pack(
        self,
        environment: str = "default",
        platform: str | None = None,
        inject: Sequence[Path] = (),
        ignore_pypi_non_wheel: bool = False,
    ) -> Pack:
        """Builds what has to be built and packs an environment; `.unpack()` installs the pack.

        `inject` are package files and wheels to add; PyPI packages that are no wheels cannot be
        packed and are left out only with `ignore_pypi_non_wheel`.
        """
        subdir = platform or current_platform()
        key = environment, subdir
        if key not in self._artifacts:
            self.build(environment, subdir)
        pack = self.engine.pack(
            self.root,
            self._fresh(f"packs/{environment}-{subdir}") / "environment.tar",
            environment=environment,
            platform=subdir,
            artifacts=self._artifacts[key],
            inject=inject,
            ignore_pypi_non_wheel=ignore_pypi_non_wheel,
        )
        self._packs[key] = replace(pack, unpacker=lambda p, out: self._unpack(key, p, out))
        return self._packs[key]

    def verify(self) -> Report:
        """Checks that everything that was made so far agrees: lock, artifacts, packs, prefixes."""
        from pytest_pixipack.verify import Report, check_lock, verify

        manifest, lock = self.manifest, self.locked()
        reports = [check_lock(manifest, lock, metadata=self._metadata(manifest, lock))]
        for environment, subdir in sorted({*self._artifacts, *self._packs, *self._prefixes}):
            key = environment, subdir
            reports.append(
                verify(
                    manifest=manifest,
                    lock=lock,
                    artifacts=self._artifacts.get(key, ()),
                    pack=self._packs.get(key),
                    prefix=self._prefixes.get(key),
                    environment=environment,
                    platform=subdir,
                )
            )
        return Report.merged(reports)

    def _metadata(self, manifest: Manifest, lock: Lock) -> Mapping[tuple[Path, str], Any]:
        """What the backends say, where it was they who made the lock; another backend than the
        one that a committed lock was made with may well say something else.
        """
        if not self._locked_here:
            return {}
        from pytest_pixipack.verify import backend_metadata

        return backend_metadata(manifest, lock, self.engine.options.with_stand_ins(manifest))

    def _unpack(self, key: tuple[str, str], pack: Pack, out: Path | None) -> Prefix:
        target = out or self._fresh(f"prefixes/{key[0]}-{key[1]}")
        self._prefixes[key] = self.engine.unpack(pack.path, target)
        return self._prefixes[key]

    def _fresh(self, name: str) -> Path:
        folder = self.outputs / name
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder, prefix=f"{len([*folder.iterdir()])}-"))
