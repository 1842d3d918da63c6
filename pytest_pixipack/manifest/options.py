"""`conda-pypi-map` and `s3-options` of the workspace, kept as they are written.

Follows pixi_manifest/src/toml/{conda_pypi_map,s3_options}.rs of pixi 0.77.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_pixipack.manifest.channels import check_channel
from pytest_pixipack.manifest.reader import Table

_MAP_KEYS = ("location", "mapping", "mapping-mode", "same-name-heuristic")
_MODES = ("overlay", "replace")


def read_conda_pypi_map(table: Table) -> Any:
    """The map from conda packages to PyPI names, `False`, or None. Raises `InvalidInput`."""
    key = "conda-pypi-map"
    value = table.data.get(key)
    if value is None or value is False:
        return value
    if not isinstance(value, dict):
        raise _not_true(table, key, "a table, or false to disable the mapping")
    channels = Table(table.document, value, (*table.path, key), f"`{key}`")
    for channel in channels:
        check_channel(channels, channel, channel, at_key=True)
        _check_entry(channels, channel)
    if not value:
        table.warn(
            "An empty `conda-pypi-map` is deprecated.",
            key,
            remedy="Write false to disable the mapping, or "
            '{ conda-forge = { mapping-mode = "replace" } } to look up nothing.',
        )
    return value


def read_s3_options(table: Table) -> Mapping[str, Any] | None:
    """The options of each S3 bucket, or None. Raises `InvalidInput`."""
    keys = ("endpoint-url", "region", "force-path-style")
    for bucket, entry in table.tables("s3-options", "the S3 bucket `{}`"):
        missing = next((key for key in keys if key not in entry), None)
        entry.allow(*keys, need=missing)
        if missing is not None:
            raise entry.error(f"`{missing}` is missing for `{bucket}`.", remedy=f"Add `{missing}`.")
        entry.url("endpoint-url")
        entry.string("region")
        entry.boolean("force-path-style")
    return table.raw("s3-options")


def _not_true(table: Table, key: str, wanted: str) -> Exception:
    if table.data[key] is True:
        return table.error(f"`{key}` cannot be true.", key, remedy=f"Write {wanted}.")
    return table.wrong(key, wanted)


def _check_entry(channels: Table, channel: str) -> None:
    value = channels.data[channel]
    if isinstance(value, str) or value is False:
        return
    if not isinstance(value, dict):
        raise _not_true(channels, channel, "a place, a table, or false to disable the mapping")
    entry = Table(channels.document, value, (*channels.path, channel), f"the map of `{channel}`")
    entry.allow(*_MAP_KEYS)
    entry.string("location")
    entry.choice("mapping-mode", _MODES)
    entry.boolean("same-name-heuristic")
    mapping = entry.table("mapping", "`mapping`")
    for name in mapping or ():
        assert mapping is not None
        _check_mapped(mapping, name)
    if not value:
        raise channels.error(
            f"The map of `{channel}` is empty, which has no effect.",
            channel,
            remedy='Write false to disable the mapping, or { mapping-mode = "replace" }.',
        )


def _check_mapped(mapping: Table, name: str) -> None:
    value = mapping.data[name]
    if isinstance(value, str) or value is False:
        return
    if not isinstance(value, list):
        raise _not_true(mapping, name, "a PyPI name, a list of them, or false for none")
    mapping.strings(name)
