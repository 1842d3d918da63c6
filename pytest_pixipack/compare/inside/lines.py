"""The lines of two texts: which stand for each other, in which order, and what they differ in."""

from __future__ import annotations

import bisect
import difflib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pytest_pixipack.compare.inside.displays import order_cause
from pytest_pixipack.compare.inside.tokens import line_reasons
from pytest_pixipack.compare.inside.variables import is_environment, line_cause, variable_name
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
# Lines that are set side by side one by one; beyond, only their number.
_MOST_LINES = 2000
# So few lines are in some order by accident.
_FEWEST_SORTED = 3
# Lines have to be moved for each one that is changed without a reason, to speak of an order.
_MOVED_FOR_EACH = 4
_SPACE = 60
# A line that says who made a text, with the version in the next one.
_GENERATED = re.compile(r"(?i)\b(?:generated|created|produced|written)(?: automatically)? by\b")
_LETTER = re.compile(r"\w")
_DIGITS = re.compile(r"\d+")

# The numbers of both lines (where there is none: of the other one), and both.
Pair = tuple[int, int, "str | None", "str | None"]


def line_differences(where: Where, left: Sequence[str], right: Sequence[str]) -> list[Difference]:
    """What the lines of two texts differ in."""
    if Counter(left) == Counter(right):
        return [_order(where, left, right)]
    variables = is_environment(left) and is_environment(right)
    moved = _moved(left, right)
    if moved:
        left_over = _left_over(left, right)
        found = _collected(where, (left, right), left_over, variables=variables)
        unexplained = sum(_causes(old, new, where[-1], variables=variables) == ("content",)
                          for _, _, old, new in left_over)  # fmt: skip
        if moved >= _MOVED_FOR_EACH * unexplained:
            return [_order(where, left, right), *found]
    return _collected(where, (left, right), _pairs(left, right), variables=variables)


def _collected(
    where: Where,
    texts: tuple[Sequence[str], Sequence[str]],
    pairs: Iterable[Pair],
    *,
    variables: bool,
) -> list[Difference]:
    """The causes of single lines, each told once, with the first of its lines."""
    collected: dict[str, list[Pair]] = {}
    for pair in pairs:
        *numbers, old, new = pair
        above = [text[n - 2] if 2 <= n <= len(text) + 1 else "" for text, n in
                 zip(texts, numbers, strict=True)]  # fmt: skip
        before = above[0] if above[0] == above[1] else ""
        for cause in _causes(old, new, where[-1], variables=variables, before=before):
            collected.setdefault(cause, []).append(pair)
    return [_shown(where, cause, places) for cause, places in collected.items()]


def _causes(
    old: str | None, new: str | None, hint: str, *, variables: bool, before: str = ""
) -> tuple[str, ...]:
    """Why one line is not the other; `before` is the line above both."""
    if old is None or new is None:
        line = (old if new is None else new) or ""
        assigned = variables and variable_name(line) is not None
        return (line_cause(line) or ("environment-variable" if assigned else "content"),)
    if (reordered := order_cause(old, new)) is not None:
        return (reordered,)
    reasons = line_reasons(old, new, hint)
    if reasons.complete and reasons.causes:
        return reasons.causes
    if before and not reasons.causes and _GENERATED.search(before):
        above = line_reasons(f"{before} {old}", f"{before} {new}", hint)
        if above.complete and above.causes:
            return above.causes
    if variables and variable_name(old) is not None and variable_name(old) == variable_name(new):
        return ("environment-variable",)
    return (*reasons.causes, "content") if reasons.alike else ("content",)


def _shown(where: Where, cause: str, places: list[Pair]) -> Difference:
    """The first of the lines that differ for one cause; the others are counted."""
    number, _, old, new = places[0]
    more = len(places) - 1
    evidence = f"{more} more line{'s' if more > 1 else ''} likewise" if more else None
    return Difference(where, f"line {number}", "payload", *around(old, new), cause, evidence)


def around(left: str | None, right: str | None) -> tuple[str | None, str | None]:
    """Both lines, cut to the part that differs and a little before it."""
    if left is None or right is None or max(len(left), len(right)) <= 2 * _SPACE:
        return left and left[: 4 * _SPACE], right and right[: 4 * _SPACE]
    same = 0
    while same < min(len(left), len(right)) and left[same] == right[same]:
        same += 1
    start = max(same - _SPACE // 2, 0)
    return left[start : start + 2 * _SPACE], right[start : start + 2 * _SPACE]


# Order ------------------------------------------------------------------------------------------


def _order(where: Where, left: Sequence[str], right: Sequence[str]) -> Difference:
    """The difference in the order of the lines that both have."""
    common = Counter(left) & Counter(right)
    first, second = _only(left, common), _only(right, common)
    cause = "locale-sort" if _sorted_in_two_ways(first, second) else "line-order"
    at = next(n for n, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1])
    sides = (first[at][: 2 * _SPACE], second[at][: 2 * _SPACE])
    return Difference(where, "order of lines", "payload", *sides, cause)


def _moved(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines, of those that both have once, are not in the order of the other side.

    Lines that occur more often (`}`, `return`) are no evidence: any of them may be the same one.
    """
    places = {line: n for n, line in enumerate(right)}
    once = {line for line, n in Counter(left).items() if n == 1} & {
        line for line, n in Counter(right).items() if n == 1
    }
    order = [places[line] for line in left if line in once and _LETTER.search(line)]
    return len(order) - _longest_rise(order)


def _longest_rise(numbers: Sequence[int]) -> int:
    """The length of the longest increasing subsequence."""
    ends: list[int] = []
    for number in numbers:
        at = bisect.bisect_left(ends, number)
        ends[at : at + 1] = [number]
    return len(ends)


def _only(lines: Sequence[str], wanted: Counter[str]) -> list[str]:
    left = Counter(wanted)
    found = []
    for line in lines:
        if left[line] > 0:
            left[line] -= 1
            found.append(line)
    return found


def _sorted_in_two_ways(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one side is sorted by code point, the other as people of some language would."""
    first, second = _changed(left, right)
    if len(first) < _FEWEST_SORTED:
        return False
    by_code = [lines == sorted(lines) for lines in (first, second)]
    by_words = [_is_sorted([_folded(line) for line in lines]) for lines in (first, second)]
    return (by_code[0] and by_words[1]) or (by_code[1] and by_words[0])


def _changed(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], list[str]]:
    start, end = 0, len(left)
    while left[start] == right[start]:
        start += 1
    while left[end - 1] == right[end - 1]:
        end -= 1
    return list(left[start:end]), list(right[start:end])


def _folded(line: str) -> str:
    letters = unicodedata.normalize("NFKD", line)
    return "".join(each for each in letters if each.isalnum()).casefold()


def _is_sorted(keys: Sequence[str]) -> bool:
    return all(one <= other for one, other in itertools.pairwise(keys))


# Pairs ------------------------------------------------------------------------------------------


def _pairs(left: Sequence[str], right: Sequence[str]) -> Iterator[Pair]:
    """Lines that stand for each other where the order is the same."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    first, second = left[start : len(left) - end], right[start : len(right) - end]
    if max(len(first), len(second)) > _MOST_LINES:
        for number, (old_line, new_line) in enumerate(zip(first, second, strict=False), start + 1):
            if old_line != new_line:
                yield number, number, old_line, new_line
        if len(first) != len(second):
            number = start + min(len(first), len(second)) + 1
            yield number, number, None, None
        return
    for a, b, c, d in _changed_blocks(first, second):
        old = [(start + n + 1, first[n]) for n in range(a, b)]
        new = [(start + n + 1, second[n]) for n in range(c, d)]
        yield from _matched(old, new)


def _changed_blocks(
    left: Sequence[str], right: Sequence[str]
) -> Iterator[tuple[int, int, int, int]]:
    """Where blocks that differ begin and end, on both sides: the same whichever text is the left.

    Of two blocks that are equally long, difflib takes the first one of its first text.
    """
    swapped = list(left) > list(right)
    pair = (right, left) if swapped else (left, right)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *pair, autojunk=False).get_opcodes():
        if tag != "equal":
            yield (c, d, a, b) if swapped else (a, b, c, d)


def _left_over(left: Sequence[str], right: Sequence[str]) -> list[Pair]:
    """The lines that only one side has, wherever they are, as pairs."""
    common = Counter(left) & Counter(right)
    return list(_matched(_numbered(left, common), _numbered(right, common)))


def _numbered(lines: Sequence[str], common: Counter[str]) -> list[tuple[int, str]]:
    left = Counter(common)
    found = []
    for number, line in enumerate(lines, 1):
        if left[line] > 0:
            left[line] -= 1
        else:
            found.append((number, line))
    return found


def _matched(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> Iterator[Pair]:
    """Pairs of lines that are the same but for their numbers; the others in their order."""
    if len(left) != len(right):
        by_form: dict[str, list[tuple[int, str]]] = {}
        for place in right:
            by_form.setdefault(_form(place[1]), []).append(place)
        rest = []
        for number, line in left:
            others = by_form.get(_form(line))
            if others:
                other = others.pop(0)
                right.remove(other)
                yield number, other[0], line, other[1]
            else:
                rest.append((number, line))
        left = rest
    for (number, old), (other_number, new) in zip(left, right, strict=False):
        yield number, other_number, old, new
    shorter = min(len(left), len(right))
    for number, line in left[shorter:]:
        yield number, number, line, None
    for number, line in right[shorter:]:
        yield number, number, None, line


def _form(line: str) -> str:
    return _DIGITS.sub("0", line)
