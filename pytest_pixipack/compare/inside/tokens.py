"""What two lines of text differ in: a date, a path, a host, ... as far as they themselves show.

Each recognisable thing in one line is set beside the same thing in the other. What is left when all
of these are taken away has no cause that can be seen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pytest_pixipack.compare.inside.dates import (
    DATE_FORMS,
    GONE,
    OFFSET,
    WEEKDAY,
    ZONE_NAMES,
    date_causes,
)
from pytest_pixipack.compare.inside.places import (
    CPU,
    HOST,
    PATH,
    RANDOM,
    UUID,
    host_causes,
    path_causes,
    random_causes,
    uuid_causes,
)
from pytest_pixipack.compare.inside.tools import OWN_VERSION, TOOLS, tool_causes
from pytest_pixipack.compare.inside.variables import (
    ASSIGNED,
    ENTRY,
    entry_causes,
    holds_flags,
    setting_cause,
    spoken_cause,
)

# Two matches of one pattern, and the name of the file or value that they are in.
Judge = Callable[["re.Match[str]", "re.Match[str]", str], tuple[str, ...]]

# What is looked at before and behind the part of a line that differs.
_AROUND = 400
# How much of what is left of two lines has to be the same, so that one stands for the other.
_SIMILAR = 0.5
_LONGEST_COMPARED = 2000
# Characters of two lines whose reasons are remembered.
_REMEMBERED = 1000
_ZONE = re.compile(
    r"\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Z][\w/+-]+"
    r"|(?i:\b(?:tz|time[ _-]?zone|utc[ _-]?offset|gmt[ _-]?off(?:set)?)[\"'`]?\s*(?:=>|[:=])\s*"
    r"[\"'`]?[\w/+:-]+)"
    rf"|\b(?:UTC|GMT){OFFSET}(?![\w.:-])|(?:^|(?<=:\d\d ))\s*{OFFSET}\s*$"
    rf"|(?<![\w./-])(?:{ZONE_NAMES})(?![\w./-])"
)
# A zone's name among words may be another abbreviation.
_WORD_BEFORE, _WORD_BEHIND = re.compile(r"[a-z]{2,} +$"), re.compile(r" +[a-z]{2,}")


@dataclass(frozen=True, slots=True)
class Reasons:
    """What two lines differ in. `complete` says that nothing else differs, `alike` that what is
    left of them is mostly the same, so that the lines stand for each other.
    """

    causes: tuple[str, ...]
    complete: bool
    alike: bool = True


def line_reasons(left: str, right: str, hint: str = "") -> Reasons:
    """Why two lines are not the same; each cause once, in the order in which they were seen.

    `hint` is the name of the file, or of the value, that they are from.
    """
    if len(left) + len(right) <= _REMEMBERED:  # packages of one pack differ in the same lines
        return _remembered_reasons(left, right, hint)
    return _reasons(left, right, hint)


def _reasons(left: str, right: str, hint: str) -> Reasons:
    cause = setting_cause(left, right) or spoken_cause(left, right)
    if cause == "environment-variable" and holds_flags(left):
        return _of_value(left, right, hint) or Reasons((cause,), True)
    if cause is not None:
        return Reasons((cause,), True)
    return _of_words(left, right, hint)


@lru_cache(maxsize=1024)
def _remembered_reasons(left: str, right: str, hint: str) -> Reasons:
    return _reasons(left, right, hint)


def _of_value(left: str, right: str, hint: str) -> Reasons | None:
    """What the values of a variable differ in, where that explains all of it."""
    first, second = ASSIGNED.match(left), ASSIGNED.match(right)
    if first is None or second is None:
        return None
    found = _of_words(first["value"], second["value"], hint)
    return found if found.complete and found.causes else None


def _of_words(left: str, right: str, hint: str) -> Reasons:
    left, right = _nearby(left, right)
    causes: list[str] = []
    for pattern, judge in _JUDGES:
        if left == right:
            break
        left, right = _masked(pattern, judge, left, right, causes, hint)
    if causes:  # the day of the week follows from the date behind it
        left, right = WEEKDAY.sub("", left), WEEKDAY.sub("", right)
    complete = left.split() == right.split()
    return Reasons(tuple(dict.fromkeys(causes)), complete, complete or _alike(left, right))


def _nearby(left: str, right: str) -> tuple[str, str]:
    """Both lines without what is far from all that differs."""
    shorter = min(len(left), len(right))
    if max(len(left), len(right)) <= 4 * _AROUND:
        return left, right
    start = 0
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    first, last = max(start - _AROUND, 0), max(end - _AROUND, 0)
    return left[first : len(left) - last], right[first : len(right) - last]


def _alike(left: str, right: str) -> bool:
    if max(len(left), len(right)) > _LONGEST_COMPARED:
        return False
    # In one order: the ratio is not always the same the other way round.
    old, new = sorted(re.findall(r"\w+|[^\w\s]", each) for each in (left, right))
    return difflib.SequenceMatcher(None, old, new, autojunk=False).ratio() >= _SIMILAR


def _always(cause: str) -> Judge:
    return lambda _left, _right, _hint: (cause,)


def _zone_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    for each in (left, right):
        text = each.string
        before, after = text[: each.start()], text[each.end() :]
        plain = re.fullmatch("[A-Z]+", each[0]) is not None
        if plain and (_WORD_BEFORE.search(before[-20:]) or _WORD_BEHIND.match(after[:20])):
            return ()
    return ("timezone",)


_JUDGES: tuple[tuple[re.Pattern[str], Judge], ...] = (
    (ENTRY, entry_causes),
    *((pattern, tool_causes) for pattern in TOOLS),
    (OWN_VERSION, _always("version-change")),
    *((form, date_causes) for form in DATE_FORMS),
    (UUID, uuid_causes),
    (PATH, path_causes),
    (CPU, _always("cpu-count")),
    (_ZONE, _zone_causes),
    (HOST, host_causes),
    (RANDOM, random_causes),
)


def _masked(
    pattern: re.Pattern[str], judge: Judge, left: str, right: str, causes: list[str], hint: str
) -> tuple[str, str]:
    """Both texts without what the pattern found on both sides and the judge could explain."""
    first = list(pattern.finditer(left))
    if not first:
        return left, right
    second = list(pattern.finditer(right))
    if len(first) != len(second):
        return left, right
    explained = []
    for old, new in zip(first, second, strict=True):
        if old[0] == new[0]:
            continue
        found = judge(old, new, hint)
        causes += found
        if found:
            explained.append((old, new))
    old_spans = [old.span() for old, _ in explained]
    new_spans = [new.span() for _, new in explained]
    return _without(left, old_spans), _without(right, new_spans)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], GONE]
        done = end
    return "".join([*parts, text[done:]])
