"""Which program is the build backend of a package, as pixi decides it.

1. What the run was told (`--backend`, a test's argument), else `[tool.pixipack] backends`.
2. `PIXI_BUILD_BACKEND_OVERRIDE`, `PIXI_BUILD_BACKEND_OVERRIDE_ALL`.
3. The package of that name in the channels of `[package.build] backend`, else of the workspace.
4. Where no channel has it, or the channels need a network that is off, pixi stops. Here, recipes
   (`pixi-build-rattler-build`) are built with py-rattler-build then, and of other backends, one on
   `PATH` is taken.

Sources: prefix-dev/pixi, `crates/pixi_build_frontend/src/backend_override.rs`,
`crates/pixi_build_discovery/src/discovery.rs`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.backend.overrides import backend_override
from pytest_pixipack.backend.stand_in import RECIPE
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.errors import Infrastructure, Offline, Unsupported
from pytest_pixipack.manifest import Manifest

if TYPE_CHECKING:
    from pytest_pixipack.backend.stand_in import StandIn
    from pytest_pixipack.engine.backends_environment import BackendEnvironments

RECIPES = "pixi-build-rattler-build"


@dataclass(frozen=True, slots=True)
class FoundBackend:
    """What answers for a backend; `prefix` is the environment that it was installed to, and
    `version` that of its package there.
    """

    stand_in: StandIn
    prefix: Path | None = None
    version: str | None = None


class BackendFinder:
    """Finds backends for the packages of one run.

    Without `environments`, only what is named counts: nothing is solved, and `PATH` is only looked
    at for an override that names no directory.
    """

    def __init__(
        self,
        workspace: Manifest,
        options: EngineOptions,
        environments: BackendEnvironments | None,
    ) -> None:
        self._workspace = workspace
        self._options = options
        self._environments = environments

    def find(self, manifest: Manifest, workspace: Manifest) -> FoundBackend:
        """The backend of a package of `workspace`.

        Raises `InvalidInput` for a stand-in that is not there, `Infrastructure` for an override
        that is not, `Unsupported` (or `Offline`) where there is no backend, and as
        `BackendEnvironments.find`.
        """
        name = manifest.need_package().build.backend.name
        named = self._options.backends.get(name)
        if named is None:
            named = overridden_backend(name, self._options.environ)
        if named is not None:
            return self._named(name, named)
        missing = ""
        if self._environments is not None:
            try:
                environment = self._environments.find(manifest, workspace)
            except Offline as error:
                environment, missing = None, error.message
            if environment is not None:
                stand_in = _executable(environment.program)
                return FoundBackend(stand_in, environment.prefix, environment.version)
            on_path = self._otherwise(name)
            if on_path is not None:
                return on_path
        raise self._not_here(name, manifest, missing)

    def _named(self, name: str, text: str) -> FoundBackend:
        from pytest_pixipack.backend.stand_in import stand_in

        return FoundBackend(
            stand_in(
                text,
                root=self._workspace.root,
                environ=self._options.environ,
                name=name,
                file=self._workspace.path,
            )
        )

    def _otherwise(self, name: str) -> FoundBackend | None:
        """What stands for a backend that no channel has."""
        if name == RECIPES:
            return self._named(name, RECIPE)
        found = shutil.which(name, path=self._options.environ.get("PATH", ""))
        return None if found is None else self._named(name, found)

    def _not_here(self, name: str, manifest: Manifest, offline: str) -> Unsupported | Offline:
        from pytest_pixipack.engine.backends_environment import backend_channels

        error: Unsupported | Offline
        if self._environments is None:
            error = Unsupported(f"No executable is named for the build backend {name}.")
        elif offline:
            error = Offline(f"The build backend {name} is not here: {offline}")
        else:
            channels = ", ".join(backend_channels(manifest, self._workspace)) or "there are none"
            error = Unsupported(
                f"The build backend {name} is not here: it is in none of its channels "
                f"({channels}), and not on PATH."
            )
        error.file, error.package = str(manifest.path), manifest.need_package().name
        error.remedy = (
            f'Put a stand-in in its place ([tool.pixipack] backends = {{ {name} = "stub" }}), name '
            f'an executable (PIXI_BUILD_BACKEND_OVERRIDE="{name}=PATH"), or a channel that has it.'
        )
        return error


def overridden_backend(name: str, environ: Mapping[str, str]) -> str | None:
    """The executable that `PIXI_BUILD_BACKEND_OVERRIDE` or `..._ALL` names for a backend.

    A name without a directory is looked for on `PATH`, a relative path from the current directory.
    None where nothing is said of the backend; raises `Infrastructure` for what is not there.
    """
    command = backend_override(name, environ)
    if command is None:
        return None
    found = shutil.which(command, path=environ.get("PATH", ""))
    if found is None and Path(command).is_file():  # a Python file needs no executable bit
        found = command
    if found is None:
        raise Infrastructure(
            f"The executable {command or '(nothing)'}, which PIXI_BUILD_BACKEND_OVERRIDE names for "
            f"the build backend {name}, is not there.",
            remedy="Name an existing executable, or one on PATH.",
        )
    return str(Path(found).absolute())


def _executable(program: Path) -> StandIn:
    from pytest_pixipack.backend.stand_in import StandIn

    return StandIn("executable", argv=(str(program),), files=(program,))
