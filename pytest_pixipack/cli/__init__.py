"""The `pixipack` command."""

from __future__ import annotations

from pytest_pixipack.cli.command import main, run

__all__ = ["main", "run"]
