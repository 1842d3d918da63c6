"""Packs: `environment.tar`, directory and self-extracting packs of pixi-pack.

write_pack(out, platform, packages)      byte for byte as pixi-pack 0.7.10
pack = read_pack(path)                   -> Pack
prefix = unpack(pack, out)               -> Prefix at out/env, activation script beside it
"""

from __future__ import annotations

from pytest_pixipack.pack.model import (
    EnvironmentYml,
    Pack,
    PackedPackage,
    PackedWheel,
    PackMember,
)
from pytest_pixipack.pack.read import read_pack
from pytest_pixipack.pack.records import artifact_record, locked_record
from pytest_pixipack.pack.unpack import unpack
from pytest_pixipack.pack.write import write_pack

__all__ = [
    "EnvironmentYml",
    "Pack",
    "PackMember",
    "PackedPackage",
    "PackedWheel",
    "artifact_record",
    "locked_record",
    "read_pack",
    "unpack",
    "write_pack",
]
