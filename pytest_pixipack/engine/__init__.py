"""Engines: what runs lock, build, pack and unpack."""

from __future__ import annotations
