"""Which engine runs, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

EMBEDDED = "embedded"
SYSTEM_IS_MISSING = (
    "unsupported: the system engine (pixi, pixi-pack and pixi-unpack on PATH) is not part of this "
    "version; use --pixipack-engine=embedded"
)


@dataclass(frozen=True)
class EngineChoice:
    """The engine of a zero-code run; `asked` tells it from one that `auto` chose."""

    name: str
    asked: bool
    reason: str


def choose_engine(option: str) -> EngineChoice:
    """The engine behind `--pixipack-engine`. Raises `pytest.UsageError` for one that is missing."""
    if option == "system":
        raise pytest.UsageError(f"pixi-pack: {SYSTEM_IS_MISSING}.")
    if option == EMBEDDED:
        return EngineChoice(EMBEDDED, True, "asked for")
    return EngineChoice(EMBEDDED, False, "runs in this process and needs no other tool")


def usable_engine(name: str, *, by_test: bool) -> str:
    """The engine that a test runs with; a test that names one that is not here is skipped.

    Where the option names it, the run fails: it was asked for.
    """
    if name in ("auto", EMBEDDED):
        return EMBEDDED
    if by_test and name == "system":
        pytest.skip(SYSTEM_IS_MISSING)
    if name == "system":
        pytest.fail(SYSTEM_IS_MISSING, pytrace=False)
    pytest.fail(f"There is no engine `{name}`; choose embedded or system.", pytrace=False)
