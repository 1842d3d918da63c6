"""`python -m pytest_pixipack` is `pixipack`."""

from __future__ import annotations

from pytest_pixipack.cli import run

run()
