"""Sets, dictionaries and lists as programs print them, and such that differ only in their order."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN, _CLOSE = "{[(", "}])"
_LONGEST = 20_000
# Lists of fewer entries are as often coordinates, sizes, or arguments.
_FEWEST = 3
_STRING = re.compile(r"[bru]?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_NUMBER = re.compile(r"-?\d[\d_.e+-]*|None|True|False")


@dataclass(frozen=True, slots=True)
class Display:
    """One `{...}` or `[...]`: where it is, and its entries."""

    start: int
    end: int
    bracket: str
    entries: tuple[str, ...]

    @property
    def is_set(self) -> bool:
        """Whether it is a set as Python prints it, with a text in it: numbers have the same hash
        always.
        """
        strings = [each[0] for entry in self.entries for each in _STRING.finditer(entry)]
        # Python takes double quotes only where there is a single one inside.
        printed = all(each[-1] == "'" or "'" in each for each in strings)
        return bool(strings) and printed and all(map(_is_value, self.entries))


def order_cause(left: str, right: str) -> str | None:
    """The cause where two lines differ in nothing but the order in which collections are shown."""
    if len(left) != len(right) or len(left) > _LONGEST or Counter(left) != Counter(right):
        return None
    causes = _causes(left, right)
    if causes is None and "&" in left:
        causes = _causes(html.unescape(left), html.unescape(right))
    if not causes:
        return None
    return "hash-seed" if "hash-seed" in causes else "member-order"


def _causes(left: str, right: str) -> set[str] | None:
    """The causes of all displays that differ; None where anything else does."""
    first, second = list(_outermost(left)), list(_outermost(right))
    if len(first) != len(second) or _around(left, first) != _around(right, second):
        return None
    causes: set[str] = set()
    for one, other in zip(first, second, strict=True):
        if left[one.start : one.end] == right[other.start : other.end]:
            continue
        found = _cause(one, other, left[max(one.start - 5, 0) : one.start])
        if found is None:
            inner = _causes(
                left[one.start + 1 : one.end - 1], right[other.start + 1 : other.end - 1]
            )
            if not inner:
                return None
            causes |= inner
        else:
            causes.add(found)
    return causes


def _cause(one: Display, other: Display, before: str) -> str | None:
    if one.bracket != other.bracket or Counter(one.entries) != Counter(other.entries):
        return None
    if len(set(one.entries)) < 2:
        return None
    if one.is_set and (one.bracket == "{" or before.endswith(("set(",))):
        return "hash-seed"
    if one.bracket == "{":
        keyed = all(re.match(r"\s*[\"']?[\w.-]+[\"']?\s*[:=]", each) for each in one.entries)
        return "member-order" if keyed else None
    return "member-order" if one.bracket == "[" and len(one.entries) >= _FEWEST else None


def _outermost(text: str) -> Iterator[Display]:
    """The displays of a line that lie in no other one."""
    stack: list[tuple[str, int]] = []
    cuts: list[int] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char in "'\"":
            string = _STRING.match(text, position)
            if string is not None:
                position = string.end()
                continue
        if char in _OPEN:
            if not stack:
                cuts = [position]
            stack.append((char, position))
        elif char in _CLOSE and stack:
            bracket, start = stack.pop()
            if _CLOSE[_OPEN.index(bracket)] != char:
                return
            if not stack and bracket != "(":
                cuts.append(position)
                entries = tuple(text[a + 1 : b].strip() for a, b in itertools.pairwise(cuts))
                yield Display(start, position + 1, bracket, entries)
            elif not stack:
                yield from _inside(text, start, position)
        elif char == "," and len(stack) == 1:
            cuts.append(position)
        position += 1


def _inside(text: str, start: int, end: int) -> Iterator[Display]:
    """Those between parentheses, which are no display themselves: `set([...])`, `f({...})`."""
    for each in _outermost(text[start + 1 : end]):
        shift = start + 1
        yield Display(each.start + shift, each.end + shift, each.bracket, each.entries)


def _around(text: str, displays: list[Display]) -> str:
    parts, done = [], 0
    for each in displays:
        parts += [text[done : each.start], "\0"]
        done = each.end
    return "".join([*parts, text[done:]])


def _is_value(entry: str) -> bool:
    """Whether an entry is a text, a number, or a tuple of such, and no `key: value`."""
    if entry.startswith("(") and entry.endswith(")"):
        inner = _STRING.sub("0", entry[1:-1])
        return all(_NUMBER.fullmatch(part.strip()) for part in inner.split(",") if part.strip())
    return bool(_STRING.fullmatch(entry) or _NUMBER.fullmatch(entry))
