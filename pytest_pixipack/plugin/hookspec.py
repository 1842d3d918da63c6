"""Hooks for conftest files and other plugins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_pixipack.lock import Scrubber
    from pytest_pixipack.reproduce import Variation


def pytest_pixipack_lock_scrubbers(config: pytest.Config) -> Iterable[Scrubber]:
    """More scrubbers for `lock_regression`; one with the name of another takes its place."""
    raise NotImplementedError


def pytest_pixipack_prepare_workspace(config: pytest.Config, root: Path) -> None:
    """Changes the copy of a workspace in `root` before anything is built in it.

    Called once per copy of a workspace (toolchains have one of their own), in one process only.
    The committed lock is checked as it is; where this hook changes what it should say,
    change `pixi.lock` in the copy as well.
    """
    raise NotImplementedError


def pytest_pixipack_variations(config: pytest.Config) -> Iterable[Variation]:
    """More conditions that rebuilds change; one with the name of another takes its place."""
    raise NotImplementedError
