from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.lock import Lock, parse_lock

DATA = Path(__file__).parent.parent / "data" / "conformance"


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """The text of a recorded lock, as it would be below `/root`."""

    def read(path: str) -> str:
        text = (DATA / path / "pixi.lock").read_bytes().decode()
        return text.replace("@ROOT@", "/root")

    return read


@pytest.fixture
def locked(recorded: Callable[[str], str]) -> Callable[[str], Lock]:
    """A recorded lock."""
    return lambda path: parse_lock(recorded(path), "pixi.lock")
