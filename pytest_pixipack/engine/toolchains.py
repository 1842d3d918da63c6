"""One workspace on several toolchains: what each makes of it, layer by layer.

A toolchain is a directory with pixi, pixi-pack and pixi-unpack, and build backends by their names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_pixipack.engine.options import ChildSettings, EngineOptions
from pytest_pixipack.engine.system.tools import REQUIRED, Tool, Tools, find_tools, probe
from pytest_pixipack.errors import InvalidInput, Offline, PixipackError
from pytest_pixipack.platforms import current_platform

if TYPE_CHECKING:
    from pytest_pixipack.engine.system.engine import SystemEngine
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest

Layer = Literal["lock", "artifacts", "pack", "prefix"]
UNKNOWN = "(unknown version)"
LAYERS: tuple[Layer, ...] = ("lock", "artifacts", "pack", "prefix")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A named directory of tools; `tools` are those that this project knows."""

    name: str
    directory: Path
    tools: Tools

    def backends(self, manifest: Manifest) -> dict[str, Tool]:
        """The build backends of a workspace's packages that this toolchain has, by name."""
        from pytest_pixipack.engine.reachable import reachable_packages

        names = {each.backend for each in reachable_packages(manifest) if each.backend}
        paths = {name: _executable(self.directory, name) for name in sorted(names)}
        return {name: probe(name, path) for name, path in paths.items() if path is not None}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a toolchain did not make a layer: an error's outcome (or `offline`), message, remedy."""

    outcome: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class ToolchainRun:
    """What one toolchain made of one environment on one platform.

    `tools` says which releases it was (`pixi` -> `0.77.0`), backends of the toolchain included.
    `lock` and `pack` are files, `artifacts` package files, `prefix` is the directory that the pack
    was unpacked to; a layer that was not made is None, and `refused` says why, unless it was not
    asked for.
    """

    name: str
    tools: Mapping[str, str]
    lock: Path | None = None
    artifacts: tuple[Path, ...] | None = None
    pack: Path | None = None
    prefix: Path | None = None
    refused: Mapping[Layer, Refusal] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "name": self.name,
            "tools": dict(self.tools),
            "lock": _text(self.lock),
            "artifacts": None if self.artifacts is None else [str(path) for path in self.artifacts],
            "pack": _text(self.pack),
            "prefix": _text(self.prefix),
            "refused": {
                layer: [each.outcome, each.message, each.remedy]
                for layer, each in self.refused.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ToolchainRun:
        """The reverse of `to_json`."""
        artifacts = value["artifacts"]
        return cls(
            value["name"],
            value["tools"],
            _path(value["lock"]),
            None if artifacts is None else tuple(map(Path, artifacts)),
            _path(value["pack"]),
            _path(value["prefix"]),
            {layer: Refusal(*parts) for layer, parts in value["refused"].items()},
        )


def load_toolchain(name: str, directory: Path) -> Toolchain:
    """The toolchain in a directory. Raises `InvalidInput` where a tool is missing or too old."""
    if not directory.is_dir():
        raise InvalidInput(
            f"The directory of toolchain {name} does not exist: {directory}.",
            remedy="Name a directory with pixi, pixi-pack and pixi-unpack.",
        )
    tools = find_tools(directory=directory)
    if (problem := tools.problem()) is not None:
        raise InvalidInput(
            f"Toolchain {name} cannot be used: {problem}",
            remedy=f"Put {', '.join(REQUIRED)} of one release into {directory}, or links to them.",
        )
    return Toolchain(name, directory, tools)


def run_toolchain(
    toolchain: Toolchain,
    root: Path,
    out: Path,
    *,
    options: EngineOptions,
    environment: str = "default",
    platform: str | None = None,
    only_lock: bool = False,
    after: ToolchainRun | None = None,
) -> ToolchainRun:
    """Locks, builds, packs and unpacks one environment with one toolchain.

    The workspace in `root` stays as it is; let it have no `pixi.lock`, else what that says is kept.
    What is made goes below `out`; give all toolchains the same `root`, so that its path is no
    reason for a difference. `after` is an earlier run of the same toolchain whose lock is
    used, `only_lock` makes such a run. What the toolchain cannot do is in `refused`, with what
    would have needed it; nothing of it is raised.
    """
    options = _with_own_cache(toolchain, root, options, out)
    work = _Work(toolchain, root, out, options, environment, platform or current_platform())
    run = after or work.locked(ToolchainRun(toolchain.name, work.versions()))
    return run if only_lock else work.unpacked(work.packed(work.built(run)))


@dataclass(frozen=True, slots=True)
class _Work:
    """The steps of a run. Each takes the run so far, and returns it with one more layer."""

    toolchain: Toolchain
    root: Path
    out: Path
    options: EngineOptions
    environment: str
    platform: str

    def versions(self) -> dict[str, str]:
        """The releases of the tools that take part."""
        from pytest_pixipack.manifest import load_manifest

        known = {name: self.toolchain.tools.require(name) for name in REQUIRED}
        try:
            own = self.toolchain.backends(load_manifest(self.root))
        except PixipackError:  # of which locking will speak
            own = {}
        return {name: str(tool.version or UNKNOWN) for name, tool in {**known, **own}.items()}

    def locked(self, run: ToolchainRun) -> ToolchainRun:
        """Solves the workspace."""
        from pytest_pixipack.lock import write_lock

        def lock() -> dict[str, Any]:
            path = self._fresh() / "pixi.lock"
            write_lock(self._engine().lock(self.root), path)
            return {"lock": path}

        return _attempt(run, "lock", lock)

    def built(self, run: ToolchainRun) -> ToolchainRun:
        """Builds the source packages."""

        def build() -> dict[str, Any]:
            made = self._engine().build(
                self.root,
                self._fresh(),
                environment=self.environment,
                platform=self.platform,
                lock=_lock(run),
            )
            return {"artifacts": tuple(artifact.path for artifact in made)}

        return _attempt(run, "artifacts", build, needs="lock")

    def packed(self, run: ToolchainRun) -> ToolchainRun:
        """Packs; pixi-pack builds for itself, so that it needs no artifacts."""

        def pack() -> dict[str, Any]:
            path = self._fresh() / "environment.tar"
            self._engine().pack(
                self.root,
                path,
                environment=self.environment,
                platform=self.platform,
                lock=_lock(run),
            )
            return {"pack": path}

        return _attempt(run, "pack", pack, needs="lock")

    def unpacked(self, run: ToolchainRun) -> ToolchainRun:
        """Unpacks what was packed."""

        def unpack() -> dict[str, Any]:
            assert run.pack is not None
            directory = self._fresh() / "p"
            self._engine().unpack(run.pack, directory, platform=self.platform)
            return {"prefix": directory}

        return _attempt(run, "prefix", unpack, needs="pack")

    def _engine(self) -> SystemEngine:
        from pytest_pixipack.engine.system.engine import SystemEngine
        from pytest_pixipack.manifest import load_manifest

        own = self.toolchain.backends(load_manifest(self.root))
        backends = {**self.options.backends, **{name: str(tool.path) for name, tool in own.items()}}
        return SystemEngine(replace(self.options, backends=backends), self.toolchain.tools)

    def _fresh(self) -> Path:
        self.out.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.out, prefix=f"{self.toolchain.name}-"))


def _attempt(
    run: ToolchainRun, layer: Layer, make: Callable[[], dict[str, Any]], needs: Layer | None = None
) -> ToolchainRun:
    if needs is not None and getattr(run, needs) is None:
        cause = run.refused.get(needs, Refusal("unsupported", f"There is no {needs}."))
        return replace(run, refused={**run.refused, layer: cause})
    try:
        return replace(run, **make())
    except PixipackError as error:
        outcome = "offline" if isinstance(error, Offline) else error.outcome
        refusal = Refusal(outcome, error.message, error.remedy)
        return replace(run, refused={**run.refused, layer: refusal})


def _with_own_cache(
    toolchain: Toolchain, root: Path, options: EngineOptions, out: Path
) -> EngineOptions:
    """The same options with a cache that no other toolchain, and no other run, has filled.

    pixi keeps what backends said and what it built there, whichever pixi it was. Packages of stubs
    go into no lasting cache at all.
    """
    from pytest_pixipack.manifest import load_manifest

    try:
        stubbed = options.channels or load_manifest(root).stand_ins.channels
    except PixipackError:
        stubbed = {}
    if stubbed or not options.network:
        return options
    cache = {"PIXI_CACHE_DIR": str(out.absolute() / "cache" / toolchain.name)}
    child = options.child or ChildSettings()
    return replace(options, child=replace(child, environment={**child.environment, **cache}))


def _executable(directory: Path, name: str) -> Path | None:
    import shutil

    found = shutil.which(name, path=str(directory))
    return Path(found).absolute() if found else None


def _lock(run: ToolchainRun) -> Lock:
    from pytest_pixipack.lock import read_lock

    assert run.lock is not None
    return read_lock(run.lock)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
