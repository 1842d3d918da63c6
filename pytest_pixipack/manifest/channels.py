"""Channels as a manifest names them."""

from __future__ import annotations

import re

from pytest_pixipack.manifest.model import ChannelRef
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.texts import url_problem


def read_channels(table: Table) -> tuple[ChannelRef, ...] | None:
    """The `channels` of the workspace or of a feature, or None. Raises `InvalidInput`."""
    values = table.array("channels")
    if values is None:
        return None
    found: dict[ChannelRef, None] = {}
    for index, value in enumerate(values):
        if isinstance(value, str):
            check_channel(table, value, "channels", index)
            found.setdefault(ChannelRef(value))
        elif isinstance(value, dict):
            path = (*table.path, "channels", index)
            found.setdefault(_read(Table(table.document, value, path, "a channel")))
        else:
            raise table.wrong("channels", "a name or a table", index)
    return tuple(found)


def read_channel_names(table: Table, key: str = "channels") -> tuple[str, ...] | None:
    """A list of channels without priorities, or None. Raises `InvalidInput`."""
    names = table.strings(key)
    for index, name in enumerate(names or ()):
        check_channel(table, name, key, index)
    return names


def check_channel(table: Table, text: str, *keys: str | int, at_key: bool = False) -> None:
    """Raises `InvalidInput` for a channel that is meant as a URL, but is none."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return
    if problem := url_problem(text):
        error = table.key_error if at_key else table.error
        raise error(f"`{text}` is not the URL of a channel: {problem}.", *keys)


def _read(table: Table) -> ChannelRef:
    table.allow("channel", "priority", "exclude-newer", need="channel")
    name = table.need_string("channel")
    check_channel(table, name, "channel")
    priority = table.integer("priority")
    if priority is not None and not -(2**31) <= priority < 2**31:
        raise table.error("The `priority` does not fit into 32 bits.", "priority")
    return ChannelRef(name, priority=priority, exclude_newer=table.cutoff("exclude-newer"))
