"""Stub channels: small conda channels made from a few words, the same bytes every time."""

from __future__ import annotations

from pytest_pixipack.channel.build import (
    BuiltChannel,
    build_channel,
    build_channel_from_file,
    load_built_channel,
    repodata_record,
)
from pytest_pixipack.channel.cache import built_channel
from pytest_pixipack.channel.files import PLACEHOLDER, File
from pytest_pixipack.channel.layers import StubPackage
from pytest_pixipack.channel.spec import StubChannel, load_channel_spec

__all__ = [
    "PLACEHOLDER",
    "BuiltChannel",
    "File",
    "StubChannel",
    "StubPackage",
    "build_channel",
    "build_channel_from_file",
    "built_channel",
    "load_built_channel",
    "load_channel_spec",
    "repodata_record",
]
