"""What pixi itself builds again: an environment is installed, and its backends' builds counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.reproduce.sources import Pristine


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
