"""Documents of `check`, `verify` and `compare` that each looked at a part, as one document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pytest_pixipack.shards.documents import SCHEMA, Json, Shard
from pytest_pixipack.shards.parts import merged_parts

# The worst first: what is known to be wrong counts more than what could not be looked at.
_OUTCOMES = ("failed", "infrastructure", "invalid-input", "unsupported", "passed")
_VERDICTS = ("identical", "order-only", "metadata", "payload")


def merged_findings(shards: Sequence[Shard]) -> Json:
    """One document, with the same bytes whatever the order of the shards.

    A finding or a difference that several shards have is there once; `errors` are those of shards
    that could not do their part, each with the shard's file.
    """
    contents = [shard.content for shard in shards]
    errors = [
        {"shard": shard.file.name, **shard.content["error"]}
        for shard in shards
        if isinstance(shard.content.get("error"), dict)
    ]
    told = [each for content in contents for each in content.get("errors") or ()]
    outcomes = {str(content["outcome"]) for content in contents}
    whole: Json = {
        "schema": SCHEMA,
        "command": contents[0]["command"],
        "outcome": next((each for each in _OUTCOMES if each in outcomes), "infrastructure"),
    }
    if contents[0]["command"] == "compare":
        verdicts = [_VERDICTS.index(each) for content in contents
                    if (each := content.get("verdict")) in _VERDICTS]  # fmt: skip
        whole["verdict"] = _VERDICTS[max(verdicts)] if verdicts else None
    part = part_of(contents[0])
    whole[part] = _each_once(each for content in contents for each in content.get(part) or ())
    if errors or told:
        whole["errors"] = _each_once([*errors, *told])
    return {**whole, **merged_parts(shards)}


def part_of(content: Json) -> str:
    """What a document of a command lists."""
    return "differences" if content["command"] == "compare" else "findings"


def _each_once(entries: Any) -> list[Any]:
    found = {json.dumps(each, sort_keys=True): each for each in entries}
    return [found[key] for key in sorted(found)]
