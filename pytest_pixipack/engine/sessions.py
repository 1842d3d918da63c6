"""The backends that an engine run talks to: one session per source package."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pytest_pixipack.backend.stand_in import RECIPE, STUB, start_code
from pytest_pixipack.engine.backends_environment import BackendEnvironments, activated
from pytest_pixipack.engine.backends_finding import BackendFinder, FoundBackend
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.checkouts import Checkouts, workspace_around
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.guarded import GuardedBackend
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.locations import below
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.recipes_manifest import recipe_manifest, without_model
from pytest_pixipack.engine.reuse import Made, backend_identity, placed
from pytest_pixipack.errors import BackendError, Infrastructure, InvalidInput
from pytest_pixipack.manifest import Manifest, Spec, load_package

if TYPE_CHECKING:
    from pytest_pixipack.backend.client import Backend
    from pytest_pixipack.backend.protocol import BuildResult, Output
    from pytest_pixipack.engine.guard import NetworkGuard
    from pytest_pixipack.engine.repodata import Repodata


class SourcePackage:
    """A source package's manifest with an initialised backend behind it.

    `tested` is whether it is a recipe whose tests are run. Builds of one package wait for each
    other, for a backend answers one request after the other; before each, `renew` undoes what those
    before it have left among its sources, where those were fetched.
    `source` says in a lock's words where the files are that are built, None for beside the
    manifest. `identity` is that of the backend (see `engine.reuse`), `told` what it was told when
    it was initialised.
    """

    def __init__(
        self,
        manifest: Manifest,
        directory: Path,
        backend: Backend,
        source: Mapping[str, Any] | None = None,
        source_location: str | None = None,
        *,
        tested: bool = False,
        identity: str | None = None,
        told: Mapping[str, Any] | None = None,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        self.tested = tested
        self._renew = renew
        self.identity = identity
        self.told = told or {}
        self._lock = threading.Lock()
        self.manifest = manifest
        self.directory = directory
        self.source = source
        self._source_location = source_location
        self._backend = backend
        self._outputs: dict[str, tuple[Output, ...]] = {}

    def source_location_for(self, location: str) -> str | None:
        """The location of the files that are built, for a manifest at `location`."""
        if self.source is not None and "path" in self.source:
            return below(self.source["path"], location)
        return self._source_location

    def outputs(self, params: Mapping[str, Any], key: str) -> tuple[Output, ...]:
        """What the backend offers; asked once for each `key`."""
        if key not in self._outputs:
            self._outputs[key] = tuple(self._backend.outputs(params).outputs)
        return self._outputs[key]

    def build(self, params: Mapping[str, Any]) -> BuildResult:
        """One `conda/build_v1` call."""
        with self._lock:
            self._renew()
            return self._backend.build(params)

    def close(self) -> None:
        """Ends the backend's process."""
        self._backend.close()


class Sessions:
    """Opens source packages and keeps their backends until it is closed.

    Without `repodata`, a backend has to be named by the options or by
    `PIXI_BUILD_BACKEND_OVERRIDE`; none is installed from a channel, and one that happens to be on
    `PATH` is not taken.
    """

    def __init__(
        self,
        workspace: Manifest,
        options: EngineOptions,
        scratch: Path,
        repodata: Repodata | None = None,
    ) -> None:
        self._workspace = workspace
        self._options = options
        self._scratch = scratch
        environments = (
            None if repodata is None else backend_environments(workspace, options, repodata)
        )
        self._finder = BackendFinder(workspace, options, environments)
        self.checkouts = Checkouts(workspace.root, options, scratch)
        self._open: dict[Path, SourcePackage] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for package in self._open.values():
            package.close()
        self._open.clear()
        self._closing.close()

    def package(
        self,
        directory: Path,
        asked_by: Spec | None = None,
        build_pins: Mapping[str, Sequence[str]] | None = None,
    ) -> SourcePackage:
        """The package in a directory, its backend initialised.

        `build_pins` are locations that a lock has for sources that lie elsewhere. Raises
        `InvalidInput` where there is no package, `Unsupported` where no backend of that name can
        be run, `BackendError` where the backend refuses, and as `Checkouts.locate` does.
        """
        if directory not in self._open:
            self._open[directory] = self._opened(directory, asked_by, build_pins or {})
        return self._open[directory]

    def _opened(
        self, directory: Path, asked_by: Spec | None, build_pins: Mapping[str, Sequence[str]]
    ) -> SourcePackage:
        root = self.checkouts.checkout_root(directory)
        workspace = self._workspace if root is None else workspace_around(directory, root, asked_by)
        manifest = self._load(directory, workspace, asked_by)
        package = manifest.need_package()
        words = location = elsewhere = None
        if package.build.source is not None:
            name = package.name or directory.name
            words, location = self.checkouts.build_source(
                package.build.source, str(directory), name, build_pins.get(name, ())
            )
            elsewhere = self.checkouts.directory(location, name, built_for=directory)
            location = None if "path" in words else location
        found = self._finder.find(manifest, workspace)
        backend, told = self._start(found, manifest, workspace, root, elsewhere)
        return SourcePackage(
            manifest,
            directory,
            backend,
            words,
            location,
            tested=found.stand_in.kind == RECIPE,
            identity=backend_identity(found),
            told=told,
            renew=lambda: self._renew(directory, elsewhere),
        )

    def _renew(self, *places: Path | None) -> None:
        for place in places:
            if place is not None:
                self.checkouts.renew(place)

    def _load(self, directory: Path, workspace: Manifest, asked_by: Spec | None) -> Manifest:
        if directory == workspace.root and workspace.package is not None:
            return workspace
        found = recipe_manifest(directory)
        return found or load_package(directory, workspace, asked_by=asked_by)

    def _start(
        self,
        found: FoundBackend,
        manifest: Manifest,
        workspace: Manifest,
        checkout_root: Path | None,
        source_directory: Path | None,
    ) -> tuple[Backend, Mapping[str, Any]]:
        from pytest_pixipack.backend.project_model import initialize_params

        backend = self._spawn(found, manifest)
        try:
            params = initialize_params(
                manifest,
                workspace_directory=workspace.root,
                cache_directory=self._scratch / "cache",
                scratch_directory=self._scratch / "scratch",
                source_directory=source_directory,
                checkout_root=checkout_root,
            )
            if manifest.path.suffix != ".toml":
                params = without_model(params, manifest.need_package().root)
            backend.initialize(params)
        except BaseException:
            backend.close()
            raise
        return backend, params

    def _spawn(self, found: FoundBackend, manifest: Manifest) -> Backend:
        from pytest_pixipack.backend.client import InProcessBackend, ProcessBackend

        name = manifest.need_package().build.backend.name
        choice = found.stand_in
        child = self._options.child
        if child is None and choice.kind == STUB:
            return InProcessBackend(
                record=self._options.record, timeout=self._options.backend_timeout
            )
        if child is None and choice.kind == "replay":
            from pytest_pixipack.backend.replay import ReplayBackend

            return InProcessBackend(
                record=self._options.record, name=name, backend=ReplayBackend(Path(choice.words[1]))
            )
        guard, environment = self._surroundings()
        if found.prefix is not None:
            environment = activated(found.prefix, environment)
        backend = ProcessBackend(
            guard.wrap([*(child.wrapper if child else ()), *choice.command]),
            name=name,
            timeout=self._options.backend_timeout,
            env=environment,
            cwd=(child.directory if child else None) or manifest.root,
            record=self._options.record,
            umask=child.umask if child else None,
        )
        return GuardedBackend(backend, guard, name)

    def made_from(self, package: SourcePackage, request: Mapping[str, Any]) -> Made | None:
        """What a package is made from, with `request`; None where it has to be built in any case.

        What is recorded, measured, or may come from the network was not made from what is here.
        """
        options = self._options
        measured = options.child is not None or options.record is not None
        if package.identity is None or measured or options.network:
            return None
        roots = _outermost([package.directory, Path(package.told["sourceDirectory"])])
        places = [(root, f"<sources {number}>") for number, root in enumerate(roots)]
        places += [(self._scratch, "<work>"), (self._workspace.root, "<workspace>")]
        return Made(
            backend=package.identity,
            told=placed(package.told, places),
            request=placed(request, places),
            environment=placed(hermetic_environment(self._scratch / "home"), places),
            # Not the copies, in which a backend that was asked may have left something.
            roots=tuple(map(self.checkouts.original, roots)),
        )

    def is_tested(self, location: str) -> bool:
        """Whether the package at a location is a recipe whose tests are run."""
        return self.package(self.checkouts.directory(location)).tested

    def run_own(self, words: Sequence[str]) -> str:
        """What our own program for backends prints for these words; it runs as backends do.

        Raises `Infrastructure` where it does not end in time, or not well.
        """
        from pytest_pixipack.engine.system.process import run_tool
        from pytest_pixipack.engine.system.tools import Tool

        guard, environment = self._surroundings()
        done = run_tool(
            Tool(words[0], Path(sys.executable), "", None),
            ["-c", start_code(), *words],
            environment=environment,
            directory=self._scratch,
            timeout=self._options.backend_timeout,
            wrap=guard.wrap,
        )
        if done.code != 0:
            text = done.stderr.strip().rpartition("\n")[2]
            raise Infrastructure(f"`{words[0]}` ended with {done.code}: {text}.")
        return done.stdout

    def _surroundings(self) -> tuple[NetworkGuard, dict[str, str]]:
        """A guard and the variables for a process; each has a guard of its own, so that what one
        wanted of the network is not put down to another one.
        """
        from pytest_pixipack.engine.guard import network_guard

        child = self._options.child
        guard = self._closing.enter_context(network_guard(network=self._options.network))
        environment = hermetic_environment(
            self._scratch / "home",
            network=self._options.network,
            extra=child.environment if child else None,
            proxy=guard.url,
        )
        return guard, environment


def backend_environments(
    workspace: Manifest, options: EngineOptions, repodata: Repodata
) -> BackendEnvironments:
    """The backends that come from the channels of a workspace."""
    table = ChannelTable(workspace.root, options.channels, options.network)
    files = PackageFiles(table, options.content_dir)
    return BackendEnvironments(table, files, options.content_dir / "backends", repodata)


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The same without those that lie in another one of them."""
    found: list[Path] = []
    for path in paths:
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return tuple(found)


def wrong_output(
    package: SourcePackage, name: str, offered: tuple[Output, ...]
) -> BackendError | InvalidInput:
    """The error for a package that does not produce what is asked for."""
    model_name = package.manifest.package.name if package.manifest.package else None
    names = ", ".join(sorted({output.name for output in offered})) or "nothing"
    if model_name == name:
        return BackendError(
            f"The build backend of {name} offers {names}, but not {name}.",
            file=package.manifest.path,
            package=name,
            remedy="The backend has to offer an output with the package's name.",
        )
    return InvalidInput(
        f"The package in {package.directory.name} offers {names}, but {name} is asked for.",
        file=package.manifest.path,
        package=name,
        remedy="Use the package's own name in the dependency table.",
    )
