"""Which engine runs: the one that was asked for, or the best that is here for a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.engine.system.tools import Tools
    from pytest_pixipack.workspace import Engine

EngineName = Literal["embedded", "system"]
AUTO, EMBEDDED, SYSTEM = "auto", "embedded", "system"
ENGINES = (AUTO, EMBEDDED, SYSTEM)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine of a workspace. `asked` tells one that a person named from one that was found;
    `reason` says why it is this one.
    """

    name: EngineName
    asked: bool
    reason: str


def choose_engine(
    asked_for: str,
    root: Path,
    options: EngineOptions,
    targets: Sequence[tuple[str, str]],
) -> EngineChoice:
    """The engine for the workspace in `root`, of which these environments and subdirs are packed.

    `auto` means the system engine where its tools are here and can do all of it, else the embedded
    one. Raises `InvalidInput` for a name that no engine has.
    """
    if asked_for == EMBEDDED:
        return EngineChoice("embedded", True, "asked for")
    if asked_for == SYSTEM:
        return EngineChoice("system", True, "asked for")
    if asked_for != AUTO:
        raise InvalidInput(
            f"There is no engine `{asked_for}`.", remedy=f"Choose one of {', '.join(ENGINES)}."
        )
    from pytest_pixipack.engine.system.fitness import why_not
    from pytest_pixipack.engine.system.tools import find_tools

    problem = why_not(root, options, find_tools(options.environ), targets)
    if problem is None:
        return EngineChoice("system", False, "its tools are on PATH and can do all of it")
    return EngineChoice("embedded", False, problem.rstrip("."))


def make_engine(name: str, options: EngineOptions, tools: Tools | None = None) -> Engine:
    """The engine of that name; `tools` are those of the system engine (default: on PATH)."""
    if name == SYSTEM:
        from pytest_pixipack.engine.system.engine import SystemEngine

        return SystemEngine(options, tools)
    from pytest_pixipack.engine.embedded import EmbeddedEngine

    return EmbeddedEngine(options)
