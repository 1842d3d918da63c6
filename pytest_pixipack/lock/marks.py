"""Markers: stable names for values that say nothing, such as `<sha256:1>` for a digest.

Equal values get equal names, so that a text with markers still says which values are the same.
While a text is made, a marker carries its value; `numbered` counts the values in the order in which
they first occur. `aligned` undoes that two texts count differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

# Private use characters: nothing that is locked has them, and they never reach a file.
_OPEN, _MIDDLE, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"{_OPEN}([^{_MIDDLE}]*){_MIDDLE}([^{_CLOSE}]*){_CLOSE}")
_NUMBERED = re.compile(r"<([a-z0-9_-]+):([0-9]+)>")


def marked(name: str, value: object) -> str:
    """A marker for a value; `name` has small letters, digits, `-` and `_` only.

    It becomes `<name:1>`, `<name:2>`, ... when the snapshot is written.
    """
    return f"{_OPEN}{name}{_MIDDLE}{value}{_CLOSE}"


def unnumbered(text: str) -> str:
    """A text with `<name>` for each marker: what does not depend on values."""
    return _NUMBERED.sub(r"<\1>", _MARK.sub(r"<\1>", text))


def numbered(document: Any) -> Any:
    """A document of mappings, lists and texts, with numbers in the place of values."""
    numbers: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name, value = match.groups()
        if (name, value) not in numbers:
            counts[name] = counts.get(name, 0) + 1
            numbers[name, value] = counts[name]
        return f"<{name}:{numbers[name, value]}>"

    return on_texts(document, lambda text: _MARK.sub(number, text))


def aligned(left: Any, right: Any) -> Any:
    """`left` with the numbers of `right`, as far as both mark the same values at the same places.

    A marker of `left` that stands where `right` has another one than elsewhere keeps a number that
    `right` does not have, so that it is seen to differ.
    """
    names: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    for old, new in _pairs(left, right):
        if unnumbered(old) != unnumbered(new):
            continue
        for before, after in zip(_NUMBERED.findall(old), _NUMBERED.findall(new), strict=True):
            if before not in names and after not in taken:
                names[before] = after[1]
                taken.add(after)

    def rename(match: re.Match[str]) -> str:
        known = names.get((match[1], match[2]))
        return f"<{match[1]}:{known}>" if known else f"<{match[1]}:{match[2]}-before>"

    return on_texts(left, lambda text: _NUMBERED.sub(rename, text))


def on_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A value with all texts in it changed, the keys of mappings as well."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [on_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {on_texts(key, change): on_texts(item, change) for key, item in value.items()}
    return value


def _pairs(left: Any, right: Any) -> Iterator[tuple[str, str]]:
    """The texts that stand at the same place of two documents; those in lists come last."""
    later: list[tuple[Any, Any]] = []
    waiting: list[tuple[Any, Any]] = [(left, right)]
    while waiting:
        old, new = waiting.pop(0)
        if isinstance(old, str) and isinstance(new, str):
            yield old, new
        elif isinstance(old, dict) and isinstance(new, dict):
            waiting += [(item, new[key]) for key, item in old.items() if key in new]
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            later += zip(old, new, strict=True)
        if not waiting:
            waiting, later = later, []
