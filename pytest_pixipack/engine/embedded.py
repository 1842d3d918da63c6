"""The embedded engine: lock, build, pack and unpack in this process, with py-rattler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_pixipack.artifact import Artifact, read_artifact
from pytest_pixipack.cache.scratch import Scratch
from pytest_pixipack.engine.assemble import Assembler
from pytest_pixipack.engine.building import Builder, Places, make_directory
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.checkouts import Checkouts
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.injection import injected, packed_artifact
from pytest_pixipack.engine.keeping import Earlier, earlier_lock
from pytest_pixipack.engine.locking import (
    built_against,
    platform_of,
    solve_workspace,
)
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.recipes_tests import check_recipes
from pytest_pixipack.engine.records import BinaryRecord
from pytest_pixipack.engine.repodata import Repodata
from pytest_pixipack.engine.sessions import Sessions
from pytest_pixipack.engine.solve import Solver
from pytest_pixipack.engine.targets import target_for
from pytest_pixipack.engine.wheels import locked_wheels
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.file_urls import path_of_url
from pytest_pixipack.lock import Lock, LockedPackage, read_lock
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.pack import Pack, PackedPackage, read_pack, unpack, write_pack
from pytest_pixipack.pack.records import locked_record
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.prefix import Prefix

LOCK_NAME = "pixi.lock"


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of one operation share."""

    manifest: Manifest
    options: EngineOptions
    table: ChannelTable
    files: PackageFiles
    sessions: Sessions
    solver: Solver
    assembler: Assembler
    scratch: Path


class EmbeddedEngine:
    """Needs no other program. `options` are those of every operation."""

    name = "embedded"

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def lock(self, root: Path) -> Lock:
        """Solves the workspace in `root`; nothing is written there.

        What an existing `pixi.lock` says is kept where it can be, as pixi does: one that is up to
        date is returned as it is. Remove it to solve anew.
        """
        with self._run(root) as run:
            earlier = _earlier(run)
            if earlier is not None and earlier.is_current:
                return earlier.lock
            return solve_workspace(run.manifest, run.table, run.assembler, earlier)

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

        `platform` defaults to this machine's, `lock` to the workspace's `pixi.lock`; `only` names
        the packages that are wanted. Returns the artifacts in the lock's order.
        """
        subdir = platform or current_platform()
        with self._run(root) as run:
            found = lock or locked(run.manifest)
            packages = _sources(found, run.manifest, environment, subdir)
            chosen = [p for p in packages if only is None or p.name in only]
            return self._build(run, found, environment, subdir, chosen, out)

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
        """Writes `out`, an `environment.tar` of one environment.

        Source packages are built unless `artifacts` holds them. `inject` are package files and
        wheels to add. PyPI packages that are no wheels are refused unless they are to be ignored.
        """
        subdir = platform or current_platform()
        with self._run(root) as run:
            found = lock or locked(run.manifest)
            locked_platform, wanted = platform_of(run.manifest, found, environment, subdir)
            packages = found.environment(environment).packages[locked_platform.name]
            if artifacts is None:
                sources = [p for p in packages if p.is_source]
                artifacts = self._build(
                    run, found, environment, subdir, sources, run.scratch / "artifacts"
                )
            packed = [*_binaries(run, packages), *map(packed_artifact, artifacts)]
            wheels = list(
                locked_wheels(packages, run.files, found.file, ignore_other=ignore_pypi_non_wheel)
            )
            more_packages, more_wheels = injected(inject, packed, wheels, wanted.subdir)
            make_directory(out.parent)
            write_pack(out, subdir, [*packed, *more_packages], [*wheels, *more_wheels])
        return read_pack(out)

    def unpack(self, pack: Path, out: Path, *, platform: str | None = None) -> Prefix:
        """Installs a pack below `out`, with activation scripts."""
        return unpack(pack, out, platform=platform)

    def _build(
        self,
        run: _Run,
        lock: Lock,
        environment: str,
        subdir: str,
        packages: Sequence[LockedPackage],
        out: Path,
    ) -> tuple[Artifact, ...]:
        locked_platform, platform = platform_of(run.manifest, lock, environment, subdir)
        target = target_for(
            run.manifest, environment, platform, run.table, build_subdir=current_platform()
        )
        run.assembler.prefer(built_against(lock, packages))
        places = Places(out, run.scratch / "build", run.scratch / "packages")
        builder = Builder(run.assembler, run.sessions, run.files, places, reuse=self.options.built)
        artifacts = builder.build_all(packages, target)
        members = lock.environment(environment).packages[locked_platform.name]
        check_recipes(run.sessions, builder, artifacts, members, target, run.scratch / "tests")
        return artifacts

    @contextmanager
    def _run(self, root: Path) -> Iterator[_Run]:
        manifest = load_manifest(root)
        options = self.options.with_stand_ins(manifest)
        table = ChannelTable(manifest.root, options.channels, options.network)
        own = None if options.scratch is not None else Scratch()
        scratch = options.scratch if own is None else own.path
        assert scratch is not None
        files = PackageFiles(table, options.content_dir, options.progress, scratch / "fetched")
        make_directory(scratch)
        try:
            with (
                Repodata(options.cache_dir / "repodata", network=options.network) as repodata,
                Sessions(manifest, options, scratch, repodata) as sessions,
                _named(sessions.checkouts),
            ):
                solver = Solver(table, repodata, files)
                assembler = Assembler(
                    table, sessions, solver, scratch, lambda r: _run_exports(r, files)
                )
                yield _Run(manifest, options, table, files, sessions, solver, assembler, scratch)
        finally:
            if own is not None:
                own.close()


@contextmanager
def _named(checkouts: Checkouts) -> Iterator[None]:
    """Errors name files where they can still be read, not in a copy that is gone by then."""
    try:
        yield
    except PixipackError as error:
        if error.file is not None:
            error.file = str(checkouts.original(Path(error.file)))
        raise


def locked(manifest: Manifest) -> Lock:
    """The lock beside a manifest. Raises `InvalidInput` where there is none."""
    path = manifest.root / LOCK_NAME
    if not path.is_file():
        raise InvalidInput(
            "The workspace has no pixi.lock.",
            file=path,
            remedy="Run `pixi lock` or `pixipack lock`.",
        )
    return read_lock(path)


def _earlier(run: _Run) -> Earlier | None:
    """The workspace's lock compared with its manifest; None where there is nothing to keep.

    A lock of other packages than the stand-ins' is of no use to them.
    """
    from pytest_pixipack.workspace.relock import made_from_stand_ins

    path = run.manifest.root / LOCK_NAME
    if not path.is_file():
        return None
    lock = read_lock(path)
    if not made_from_stand_ins(lock, run.options, run.manifest.root):
        return None
    return earlier_lock(run.manifest, lock, run.table, run.assembler)


def _sources(lock: Lock, manifest: Manifest, environment: str, subdir: str) -> list[LockedPackage]:
    platform, _ = platform_of(manifest, lock, environment, subdir)
    packages = lock.environment(environment).packages[platform.name]
    return [package for package in packages if package.is_source]


def _binaries(run: _Run, packages: Sequence[LockedPackage]) -> Iterator[PackedPackage]:
    for package in packages:
        if package.kind == "binary":
            path = run.files.path_of(_with_location(package))
            if package.facts.sha256 is None and package.facts.md5 is None:
                _check_identity(package, path)
            yield PackedPackage(
                package.subdir or "noarch",
                package.file_name or path.name,
                path,
                locked_record(package.facts),
            )


def _check_identity(package: LockedPackage, path: Path) -> None:
    """What is locked without a digest has to be a package at least, and the one that is meant."""
    found = read_artifact(path).facts
    record = locked_record(package.facts)
    for key in ("name", "version", "build", "subdir"):
        actual = getattr(found, key)
        if actual != record[key] and not (key == "subdir" and actual is None):
            raise InvalidInput(
                f"{path.name} is not the package that was locked: its {key} is {actual}, the lock "
                f"says {record[key]}.",
                file=path,
                package=package.name,
                remedy="Lock again against this channel, or restore the file.",
            )


def _with_location(package: LockedPackage) -> PackageFacts:
    return replace(package.facts, url=package.location)


def _run_exports(record: BinaryRecord, files: PackageFiles) -> RunExports | None:
    from pytest_pixipack.artifact import read_run_exports

    path = path_of_url(record.origin) or files.path_of(record.facts)
    return read_run_exports(path)
