"""The hash inside `name[hash] @ location`, which tells source packages of one place apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

HASH_LENGTH = 8


def source_hash(record: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that depend on nothing but the content of a record.

    `record` is JSON-like. Readers of locks never verify these digits.
    """
    text = json.dumps(record, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]
