"""What the summary says of rebuilds, from what their reports carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def again_notes(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """How often was built, and which conditions could not be changed, each reason once."""
    told = [result["reproduction"] for result in results if result.get("reproduction")]
    if not told:
        return []
    builds = sum(each["builds"] for each in told)
    every = [variation for each in told for variation in each["variations"]]
    tried = dict.fromkeys(each["name"] for each in every if each["applied"])
    lines = [f"again    {builds} builds with another {', '.join(tried) or 'nothing'}"]
    left = {each["name"]: each["reason"] for each in every if not each["applied"]}
    lines += [f"         not tried: {name}, {reason}" for name, reason in left.items()
              if name not in tried]  # fmt: skip
    part = {each["name"]: each["reason"] for each in every if each["applied"] and each["reason"]}
    return lines + [f"         {name}: {reason}" for name, reason in part.items()]
