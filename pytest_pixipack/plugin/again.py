"""What the summary says of rebuilds, from what their reports carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_LABEL = "again    "


def again_notes(results: Iterable[Mapping[str, Any]], width: int = 80) -> list[str]:
    """How often was built, and which conditions could not be changed, each reason once."""
    from pytest_pixipack.compare.render import wrapped

    told = [result["reproduction"] for result in results if result.get("reproduction")]
    if not told:
        return []
    builds = sum(each["builds"] for each in told)
    every = [variation for each in told for variation in each["variations"]]
    tried = dict.fromkeys(each["name"] for each in every if each["applied"])
    texts = [f"{builds} builds with another {', '.join(tried) or 'nothing'}"]
    left = {each["name"]: each["reason"] for each in every if not each["applied"]}
    texts += [f"not tried: {name}, {reason}" for name, reason in left.items() if name not in tried]
    part = {each["name"]: each["reason"] for each in every if each["applied"] and each["reason"]}
    texts += [f"{name}: {reason}" for name, reason in part.items()]
    heads = [_LABEL, *([" " * len(_LABEL)] * len(texts))]
    return [
        line
        for head, text in zip(heads, texts, strict=False)
        for line in wrapped(head, text, width)
    ]
