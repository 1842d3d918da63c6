"""What a channel server makes of a `repodata.json`: compressed, sharded, or older than it is.

Sharded repodata follow CEP 16 (conda/ceps, `cep-0016.md`): an index of all names in
`repodata_shards.msgpack.zst`, and a file per name that is called by its sha256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pytest_pixipack.channel.msgpack import packb

REPODATA = "repodata.json"
COMPRESSED = "repodata.json.zst"
SHARD_INDEX = "repodata_shards.msgpack.zst"
SHARDS = "shards/"
_SECTIONS = ("packages", "packages.conda")


def compressed(data: bytes) -> bytes:
    """The bytes in one zstd frame that says its length, as channels serve it."""
    import zstandard

    return zstandard.ZstdCompressor(level=3, write_content_size=True).compress(data)


def has(repodata: bytes, pattern: str) -> bool:
    """Whether they have packages whose file names match (as in a shell).

    Raises `ValueError`, `TypeError` or `AttributeError` for bytes that are no repodata.
    """
    document = json.loads(repodata)
    names = (name for section in _SECTIONS for name in document.get(section) or {})
    return any(fnmatchcase(name, pattern) for name in names)


def without(repodata: bytes, pattern: str) -> bytes:
    """The repodata before the packages were there whose file names match (as in a shell)."""
    document = json.loads(repodata)
    for section in _SECTIONS:
        kept = document.get(section) or {}
        document[section] = {k: v for k, v in kept.items() if not fnmatchcase(k, pattern)}
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return text.encode()


def sharded(repodata: bytes) -> Mapping[str, bytes]:
    """The files of sharded repodata by their names below the subdir: the index, and the shards.

    Raises `ValueError` for bytes that are no repodata.
    """
    try:
        return _sharded(json.loads(repodata))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no repodata: {error}") from None


def _sharded(document: Any) -> dict[str, bytes]:
    by_name: dict[str, dict[str, Any]] = {}
    for section in _SECTIONS:
        for file_name, record in sorted((document.get(section) or {}).items()):
            shard = by_name.setdefault(
                str(record["name"]), {"packages": {}, "packages.conda": {}, "removed": []}
            )
            shard[section][file_name] = _with_raw_digests(record)
    found: dict[str, bytes] = {}
    digests: dict[str, bytes] = {}
    for name, shard in sorted(by_name.items()):
        data = compressed(packb(shard))
        digests[name] = hashlib.sha256(data).digest()
        found[f"{SHARDS}{digests[name].hex()}.msgpack.zst"] = data
    subdir = str((document.get("info") or {}).get("subdir", "noarch"))
    info = {"base_url": "./", "shards_base_url": f"./{SHARDS}", "subdir": subdir}
    found[SHARD_INDEX] = compressed(packb({"info": info, "shards": digests}))
    return found


def _with_raw_digests(record: Mapping[str, Any]) -> dict[str, Any]:
    raw = {key: bytes.fromhex(record[key]) for key in ("md5", "sha256") if record.get(key)}
    return {**record, **raw}
