"""`[tool.pixipack]`: what stands in for channels and backends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.manifest.model import StandIns
from pytest_pixipack.manifest.reader import Document, Table


def read_stand_ins(document: Document, data: Mapping[str, Any]) -> StandIns:
    """The table of a `pixi.toml` or `pyproject.toml`; it is at the same place in both.

    Raises `InvalidInput` for an unknown key, a wrong type or an empty value.
    """
    tool = Table(document, dict(data), (), "the manifest").table("tool")
    table = tool.table("pixipack", "`[tool.pixipack]`") if tool is not None else None
    if table is None:
        return StandIns()
    table.allow("channels", "backends")
    channels = _texts(table, "channels", "a stub channel's specification or directory")
    backends = _texts(table, "backends", '"stub", "replay:FILE" or an executable\'s path')
    return StandIns(
        channels={
            name: Path(os.path.normpath(document.root / path)) for name, path in channels.items()
        },
        backends=backends,
    )


def _texts(table: Table, key: str, wanted: str) -> dict[str, str]:
    inner = table.table(key)
    if inner is None:
        return {}
    found = {}
    for name in inner:
        value = inner.data[name]
        if not isinstance(value, str) or not value:
            raise inner.error(f"`{name}` has to be a text: {wanted}.", name)
        found[name] = value
    return found
