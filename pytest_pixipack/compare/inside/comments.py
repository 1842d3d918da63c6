"""The comments in a YAML text, of which its value says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_pixipack.compare.inside.excerpts import Line

_MARK = re.compile(r"[\"']|(?:^|\s)#")
# The end of a line behind which a text of several lines stands as it is (YAML 1.2.2, 8.1).
_BLOCK = re.compile(r"(?:^|[\s:-])[|>][-+\d]{0,2}\s*$")


def yaml_comments(text: str) -> Iterator[Line]:
    """The comments of a text with `\\n` at its line ends; texts in which `#` says nothing aside."""
    block: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        depth = len(line) - len(line.lstrip(" "))
        if block is not None and (depth > block or not line.strip()):
            continue
        block = None
        start = _start(line)
        if start is not None:
            yield number, line[start:]
        if _BLOCK.search(line[:start]):
            block = depth


def _start(line: str) -> int | None:
    """Where the comment of a line begins; a `#` in a quoted text begins none."""
    quotes = {'"': False, "'": False}
    for matched in _MARK.finditer(line):
        mark = matched[0]
        if mark in quotes:
            quotes[mark] = not quotes[mark]
        elif not any(quotes.values()):
            return matched.end() - 1
    return None
