"""Channels as a manifest names them."""

from __future__ import annotations

from pytest_pixipack.manifest.model import ChannelRef
from pytest_pixipack.manifest.reader import Table


def read_channels(table: Table) -> tuple[ChannelRef, ...] | None:
    """The `channels` of the workspace or of a feature, or None. Raises `InvalidInput`."""
    values = table.array("channels")
    if values is None:
        return None
    found: dict[ChannelRef, None] = {}
    for index, value in enumerate(values):
        if isinstance(value, str):
            found.setdefault(ChannelRef(value))
        elif isinstance(value, dict):
            path = (*table.path, "channels", index)
            found.setdefault(_read(Table(table.document, value, path, "a channel")))
        else:
            raise table.wrong("channels", "a name or a table", index)
    return tuple(found)


def _read(table: Table) -> ChannelRef:
    table.allow("channel", "priority", "exclude-newer")
    return ChannelRef(
        table.need_string("channel"),
        priority=table.integer("priority"),
        exclude_newer=table.string("exclude-newer"),
    )
