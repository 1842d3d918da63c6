"""The `pixipack` command."""

from __future__ import annotations

from pytest_pixipack.cli.command import main

__all__ = ["main"]
