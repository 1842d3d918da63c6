"""How two texts with records are written, where what they say is compared elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_pixipack.compare.inside.structured import (
    as_white_space,
    notation_differences,
    parsed_json,
)
from pytest_pixipack.compare.inside.text import Text, carrier_differences, decoded
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where


def json_notation(
    where: Where, left: bytes, right: bytes, *, told: bool, ordered: bool = True
) -> Iterator[Difference]:
    """Encoding, line ends, order of keys and form of two JSON texts; none of it is payload.

    `told` says that a difference in what they say is known; without one, and without any other
    difference, there is one for the bytes. Without `ordered`, the order of keys is told elsewhere.
    """
    if left == right:
        return
    texts = decoded(left), decoded(right)
    found: list[Difference] = []
    if texts[0] is not None and texts[1] is not None:
        found = _carried(where, texts[0], texts[1])
        values = _parsed(texts[0]), _parsed(texts[1])
        if values[0] is not None and values[1] is not None:
            plain = texts[0].plain, texts[1].plain
            written = list(notation_differences(where, *values, *plain))
            found = as_white_space(found) if written else found
            found += [each for each in written if ordered or each.kind != "order-only"]
    yield from found
    if not found and not told:
        yield Difference(where, "content", "metadata", None, None, "unknown")


def yaml_notation(where: Where, left: str, right: str) -> Iterator[Difference]:
    """The same for two YAML texts that mean the same."""
    texts = Text("utf-8", left), Text("utf-8", right)
    found = _carried(where, *texts)
    if not found or texts[0].plain != texts[1].plain:
        found = as_white_space(found)
        found.append(
            Difference(where, "notation", "metadata", len(left), len(right), "json-format")
        )
    yield from found


def _carried(where: Where, left: Text, right: Text) -> list[Difference]:
    return [replace(each, kind="metadata") for each in carrier_differences(where, left, right)]


def _parsed(text: Text) -> Any:
    try:
        return parsed_json(text.plain)
    except ValueError:
        return None
