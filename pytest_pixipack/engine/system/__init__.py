"""The system engine: pixi, pixi-pack and pixi-unpack as they are installed."""

from __future__ import annotations
