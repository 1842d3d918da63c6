"""The `pixipack` command."""

from __future__ import annotations

from pytest_pixipack.cli.main import main

__all__ = ["main"]
