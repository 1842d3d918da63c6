"""Packages that are built again in one copy: by the embedded engine, and by pixi itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.errors import BackendError, InvalidInput
from pytest_pixipack.reproduce.sources import Pristine, remove

if TYPE_CHECKING:
    from pytest_pixipack.backend.input_globs import InputGlobSet


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a build made: `path` is the package, `parts` are a digest of each of its files, `inputs`
    what the backend says that it was made from (None where it does not say). `problem` is why there
    is nothing.
    """

    path: Path | None = None
    parts: Mapping[str, str] | None = None
    inputs: tuple[InputGlobSet, ...] | None = None
    problem: BackendError | InvalidInput | None = None


class Rebuilds:
    """Builds of single packages, by the embedded engine.

    The files of the last three are there, and those that are to be kept.
    """

    def __init__(self, pristine: Pristine, scratch: Path, environment: str, platform: str) -> None:
        self._pristine = pristine
        self._scratch = scratch
        self._environment = environment
        self._platform = platform
        self._builds: list[Path] = []
        self._count = 0

    def build(self, package: str, *, keep: bool = False) -> Rebuilt:
        """Builds a package. Raises what is neither the backend's nor the workspace's fault."""
        from pytest_pixipack.backend.transcript import Transcript
        from pytest_pixipack.engine.embedded import EmbeddedEngine
        from pytest_pixipack.reproduce.digests import artifact_parts

        self._count += 1
        out = self._scratch / f"b{self._count}"
        if not keep:
            self._builds.append(out)
        for old in self._builds[:-3]:
            remove(old)
        del self._builds[:-3]
        record = out / "messages"
        record.mkdir(parents=True)
        options = replace(self._pristine.options, record=record, scratch=self._scratch / "scratch")
        try:
            (artifact,) = EmbeddedEngine(options).build(
                self._pristine.root,
                out,
                environment=self._environment,
                platform=self._platform,
                only=[package],
            )
        except (BackendError, InvalidInput) as error:
            return Rebuilt(problem=error)
        finally:
            remove(self._scratch / "scratch")
        transcript = Transcript.load(record)
        calls = transcript.builds(package) if package in transcript.packages else ()
        result = calls[-1].result if calls else None
        return Rebuilt(artifact.path, artifact_parts(artifact), _inputs(result or {}))


def _inputs(result: Mapping[str, Any]) -> tuple[InputGlobSet, ...] | None:
    """The inputs that the answer to a build names; backends have written both spellings."""
    from pytest_pixipack.backend.input_globs import fold_input_globs

    globs = result.get("input_globs", result.get("inputGlobs"))
    sets = result.get("input_glob_sets", result.get("inputGlobSets"))
    return None if globs is None and sets is None else fold_input_globs(globs, sets)


def pixi_rebuilds(
    pristine: Pristine, scratch: Path, environment: str
) -> Callable[[], frozenset[str]]:
    """A function that installs an environment of the copy and tells which packages pixi built.

    pixi keeps what it built in the copy's `.pixi`; caches and the paths of backends, by which it
    finds that again, are the same for all calls. The function raises as `SystemEngine.install`.
    """
    from pytest_pixipack.backend.transcript import Transcript
    from pytest_pixipack.engine.system.engine import SystemEngine

    variables = {
        "PIXI_CACHE_DIR": str(scratch / "pixi-cache"),
        "RATTLER_CACHE_DIR": str(scratch / "rattler-cache"),
    }
    calls = 0

    def built() -> frozenset[str]:
        nonlocal calls
        calls += 1
        record = scratch / f"pixi-{calls}"
        record.mkdir(parents=True)
        options = replace(
            pristine.options,
            record=record,
            scratch=scratch / "pixi",
            child=ChildSettings(environment=variables),
        )
        SystemEngine(options).install(pristine.root, environment=environment)
        transcript = Transcript.load(record)
        return frozenset(name for name in transcript.packages if transcript.builds(name))

    return built
