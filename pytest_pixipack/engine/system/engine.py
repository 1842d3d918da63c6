"""The system engine: lock, build, install, pack and unpack with the real tools."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pytest_pixipack.artifact import Artifact, read_artifact
from pytest_pixipack.engine.building import copy_into, make_directory
from pytest_pixipack.engine.locking import platform_of
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.system.built import chosen, listed_outputs
from pytest_pixipack.engine.system.check import LockCheck, read_lock_check
from pytest_pixipack.engine.system.classify import refused
from pytest_pixipack.engine.system.packable import Packing, other_workspace
from pytest_pixipack.engine.system.process import TIMEOUT
from pytest_pixipack.engine.system.running import (
    LOCK_NAME,
    WorkspaceRun,
    lock_in_place,
    plain_run,
    refuse_newer_lock,
    workspace_run,
)
from pytest_pixipack.engine.system.tools import Tools, find_tools
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import Lock, LockedPackage, read_lock
from pytest_pixipack.pack import Pack, read_pack
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.prefix import Prefix, read_prefix


class SystemEngine:
    """Runs pixi, pixi-pack and pixi-unpack in a hermetic environment.

    `options` are those of every operation, `tools` what to run (default: what is on the `PATH` of
    `options.environ`), `timeout` the seconds that one command may take. Every operation raises
    `MissingTool` where its tool is not there, `Unsupported` where that cannot do it, and otherwise
    the error that the tool's own message tells.
    """

    name = "system"

    def __init__(
        self, options: EngineOptions, tools: Tools | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        self.options = options
        self.tools = tools if tools is not None else find_tools(options.environ)
        self.timeout = timeout

    def lock(self, root: Path) -> Lock:
        """Locks the workspace in `root` as pixi does: what an existing lock says is kept.

        The lock is returned; `pixi.lock` itself stays as it is.
        """
        self.tools.require("pixi")
        with workspace_run(root, self.options, self.tools, self.timeout) as work:
            _require_channels(work)
            refuse_newer_lock(work.root, "pixi")
            with lock_in_place(work.root) as path:
                work.pixi("lock", "--no-install", "--manifest-path", work.manifest.path)
                return read_lock(path)

    def lock_check(self, root: Path) -> LockCheck:
        """Whether pixi finds the workspace's lock up to date, and its reasons.

        `pixi lock --check` writes the lock that it would like to see; that is undone.
        """
        self.tools.require("pixi")
        with workspace_run(root, self.options, self.tools, self.timeout) as work:
            _require_channels(work)
            refuse_newer_lock(work.root, "pixi")
            with lock_in_place(work.root):
                arguments = ("lock", "--check", "-v", "--manifest-path", str(work.manifest.path))
                done = work.run.attempt("pixi", *arguments, directory=work.root)
            return read_lock_check(done, work.run.error)

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
        """Builds the source packages of one environment below `out/<subdir>/`.

        Uses `pixi build`, which unlike `pixi publish` accepts source run dependencies. It solves
        build and host environments anew, whatever the lock says of them. Arguments and result are
        those of `EmbeddedEngine.build`.
        """
        self.tools.require("pixi")
        subdir = platform or current_platform()
        with workspace_run(root, self.options, self.tools, self.timeout) as work:
            found = lock or _locked(work)
            packages = [
                package
                for package in _packages(work, found, environment, subdir)
                if package.is_source and (only is None or package.name in only)
            ]
            if packages:
                _require_channels(work)
            make_directory(out)
            # pixi build does not touch the lock; should another release do so, it is undone.
            with lock_in_place(work.root):
                return tuple(self._build(work, package, subdir, out) for package in packages)

    def install(
        self,
        root: Path,
        *,
        environment: str = "default",
        platform: str | None = None,
        lock: Lock | None = None,
    ) -> Prefix:
        """Installs a locked environment into the workspace's `.pixi`, as `pixi install` does."""
        self.tools.require("pixi")
        subdir = platform or current_platform()
        with workspace_run(root, self.options, self.tools, self.timeout, keep=True) as work:
            _, chosen_platform = platform_of(
                work.manifest, lock or _locked(work), environment, subdir
            )
            arguments = ["install", "--frozen", "--manifest-path", str(work.manifest.path)]
            arguments += ["--environment", environment]
            if subdir != current_platform():
                # pixi wants the name that the manifest gives to the platform.
                arguments += ["--platform", chosen_platform.name]
            with lock_in_place(work.root, lock):
                work.pixi(*arguments)
            return read_prefix(work.root / ".pixi" / "envs" / environment)

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
        """Writes `out`, an `environment.tar` of one environment, with pixi-pack.

        pixi-pack builds the source packages itself, so `artifacts` is only there to be compared
        with what it packed. `inject` are package files to add.
        """
        del artifacts
        _require_injectable(inject)
        pixi, tool = self.tools.require("pixi"), self.tools.require("pixi-pack")
        subdir = platform or current_platform()
        with workspace_run(root, self.options, self.tools, self.timeout) as work:
            found = lock or _locked(work)
            Packing(work.manifest, found, environment, subdir, tool, pixi).refuse()
            make_directory(out.parent)
            made = work.run.scratch / "environment.tar"
            arguments = ["--environment", environment, "--platform", subdir]
            arguments += ["--output-file", str(made), "--config"]
            arguments += [str(work.run.configuration.pixi_pack)]
            for path in inject:
                arguments += ["--inject", str(path.absolute())]
            if ignore_pypi_non_wheel:
                arguments.append("--ignore-pypi-non-wheel")
            # The directory, not the file: pixi-pack takes sources relative to it.
            arguments.append(str(work.root))
            with lock_in_place(work.root, lock):
                work.run.call("pixi-pack", *arguments, directory=work.root)
            copy_into(made, out)
        return read_pack(out)

    def unpack(self, pack: Path, out: Path, *, platform: str | None = None) -> Prefix:
        """Installs a pack below `out` with pixi-unpack, for this machine's platform only."""
        tool = self.tools.require("pixi-unpack")
        if platform not in (None, current_platform()):
            raise refused(tool, "foreign-platform", str(platform), current_platform())
        make_directory(out)
        with plain_run(self.options, self.tools, self.timeout) as run:
            source = pack.absolute()
            if pack.is_dir():
                # pixi-unpack leaves a cache in a directory that it unpacks.
                source = Path(shutil.copytree(pack, run.scratch / "pack"))
            arguments = ("--output-directory", str(out.absolute()), str(source))
            run.call("pixi-unpack", *arguments, directory=out)
        return read_prefix(out / "env")

    def _build(
        self, work: WorkspaceRun, package: LockedPackage, subdir: str, out: Path
    ) -> Artifact:
        directory = _source_directory(work, package)
        elsewhere = other_workspace(work.root, directory, self.tools.require("pixi"))
        if elsewhere is not None:
            raise elsewhere
        # A fresh directory: pixi skips a package whose file is already there.
        target = work.run.scratch / "built" / package.name / subdir
        target.mkdir(parents=True)
        done = work.pixi(
            "build", "--path", directory, "--output-dir", target, "--target-platform", subdir
        )
        outputs = listed_outputs(done.stderr)
        artifact = chosen(package, outputs, target, str(self.tools.require("pixi")))
        final = out / (artifact.facts.subdir or "noarch") / artifact.path.name
        copy_into(artifact.path, final)
        return read_artifact(final)


def _locked(work: WorkspaceRun) -> Lock:
    from pytest_pixipack.engine.embedded import locked

    return locked(work.manifest)


def _packages(
    work: WorkspaceRun, lock: Lock, environment: str, subdir: str
) -> tuple[LockedPackage, ...]:
    platform, _ = platform_of(work.manifest, lock, environment, subdir)
    return tuple(lock.environment(environment).packages[platform.name])


def _require_channels(work: WorkspaceRun) -> None:
    """Every channel can be read: said before pixi tries, stops and words it its own way."""
    work.manifest.need_workspace()
    for name in work.manifest.environment_names():
        for channel in work.manifest.channels(name):
            work.table.require(work.table.resolve(channel))


def _require_injectable(paths: Sequence[Path]) -> None:
    """pixi-pack passes over what is neither a conda package nor a wheel, without a word."""
    for path in paths:
        if not path.name.endswith((".conda", ".tar.bz2", ".whl")):
            raise InvalidInput(
                "This is no package: its name ends neither in `.conda` nor in `.tar.bz2` nor in "
                "`.whl`.",
                file=path,
                remedy="Inject conda packages or wheels.",
            )
        if not path.is_file():
            raise InvalidInput("The package file does not exist.", file=path)


def _source_directory(work: WorkspaceRun, package: LockedPackage) -> Path:
    from pytest_pixipack.engine.locking import source_directory
    from pytest_pixipack.engine.pinned import parse_pin

    if parse_pin(package.location) is not None:
        pixi = work.run.tools.require("pixi")
        parts = (package.name, package.location)
        raise refused(pixi, "remote-source-alone", *parts, package=package.name)
    directory = source_directory(work.root, package)
    if not directory.exists():
        raise InvalidInput(
            f"The source directory of {package.name} does not exist.",
            file=directory,
            package=package.name,
            remedy=f"Correct the path in the manifest, and lock again ({LOCK_NAME}).",
        )
    return directory
