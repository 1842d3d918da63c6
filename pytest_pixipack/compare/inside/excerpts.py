"""Some lines of two texts, each with the number that it has in its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from pytest_pixipack.compare.inside.lines import line_differences
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
Line: TypeAlias = tuple[int, str]
_NUMBER = re.compile(r"line (\d+)")


def excerpt_differences(
    where: Where, left: Sequence[Line], right: Sequence[Line]
) -> list[Difference]:
    """What the lines differ in, as `line_differences` has it; nothing where they are the same."""
    texts = [[line for _, line in side] for side in (left, right)]
    if texts[0] == texts[1]:
        return []
    numbers = [[number for number, _ in side] for side in (left, right)]
    return [_numbered(each, *numbers) for each in line_differences(where, *texts)]


def _numbered(difference: Difference, left: Sequence[int], right: Sequence[int]) -> Difference:
    """The difference with the number of the line in its text: the left one, where it has it."""
    matched = _NUMBER.fullmatch(difference.field)
    numbers = left if difference.left is not None or not right else right
    if matched is None or not numbers:
        return difference
    number = numbers[min(int(matched[1]), len(numbers)) - 1]
    return replace(difference, field=f"line {number}")
