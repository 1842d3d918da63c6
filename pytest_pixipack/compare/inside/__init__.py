"""Differences inside files: archives in archives, texts, records, programs, one layer at a time."""

from __future__ import annotations

from pytest_pixipack.compare.inside.content import Content, Scratch
from pytest_pixipack.compare.inside.dispatch import Inside

__all__ = ["Content", "Inside", "Scratch"]
