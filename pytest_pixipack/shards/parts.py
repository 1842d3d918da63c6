"""Which parts of a run documents are of: a shard is one, and a merged document has several."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.shards.documents import Shard

_SHARD = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")


def parts_of(shard: Shard) -> list[str]:
    """The parts that a document is of: `I/N` of a sharded run, else a digest of what it says.

    What was merged lists them; a document that was not sharded is a part of its own.
    """
    content = shard.content
    parts = content.get("parts")
    if isinstance(parts, list):
        return [str(part) for part in parts]
    if "shard" in content:
        return [str(content["shard"])]
    text = json.dumps(content, sort_keys=True)
    return [hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]]


def merged_parts(shards: Sequence[Shard]) -> dict[str, Any]:
    """`shards`, how many parts there are, and `parts`, which."""
    parts = sorted((part for shard in shards for part in parts_of(shard)), key=_order)
    return {"shards": len(parts), "parts": parts}


def check_parts(shards: Sequence[Shard], wanted: int | None) -> str | None:
    """What is missing of the `wanted` number of parts, as a sentence; None for nothing.

    Raises `InvalidInput` where two documents are of one part, or of runs that were sharded in
    other ways.
    """
    seen: dict[str, Path] = {}
    count = 0
    for shard in shards:
        for part in parts_of(shard):
            count += 1
            if part in seen and _SHARD.fullmatch(part):
                raise InvalidInput(
                    f"The part {part} is there twice: in {seen[part].name} and {shard.file.name}.",
                    file=shard.file,
                    remedy="Name the document of each shard once.",
                )
            seen[part] = shard.file
    numbers = {int(found[2]) for part in seen if (found := _SHARD.fullmatch(part))}
    if len(numbers) > 1 or (wanted is not None and numbers and numbers != {wanted}):
        told = ", ".join(map(str, sorted(numbers)))
        raise InvalidInput(
            f"These are not the shards of one run: it was divided into {told} parts"
            + (f", not {wanted}." if wanted is not None else "."),
            remedy="Run all shards with the same --pixipack-shard I/N.",
        )
    if wanted is None or count == wanted:
        return None
    missing = [f"{n}/{wanted}" for n in range(1, wanted + 1) if f"{n}/{wanted}" not in seen]
    which = f" Missing: {', '.join(missing[:20])}." if numbers else ""
    return f"There are {count} parts, and there have to be {wanted}.{which}"


def _order(part: str) -> tuple[int, str]:
    found = _SHARD.fullmatch(part)
    return (int(found[1]) if found else 0, part)
