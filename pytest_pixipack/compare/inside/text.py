"""Two texts: encoding, line ends, order of lines, and what single lines differ in."""

from __future__ import annotations

import codecs
import difflib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_pixipack.compare.inside.tokens import (
    is_environment,
    line_reasons,
    variable_cause,
    variable_name,
)
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
# Lines that are set side by side one by one, and how long each may be; beyond, only their number.
_MOST_LINES = 2000
_LONGEST_LINE = 20_000
# So few lines are in some order by accident.
_FEWEST_SORTED = 3
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What else a text that is not UTF-8 may be written in.
_PAGES = (
    "latin-1", "cp1252", "cp1250", "cp1251", "iso8859-2", "iso8859-15", "cp437", "cp850",
    "shift_jis", "euc_jp", "gb18030", "big5", "koi8-r",
)  # fmt: skip
_SPACE = 60
_SET = re.compile(r"(?:frozenset\()?\{'(?:[^'\\]|\\.){0,200}'(?:, '(?:[^'\\]|\\.){0,200}')+\}\)?")


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file; `encoding` says how, with ` (BOM)` behind it where it has one."""

    encoding: str
    text: str

    @property
    def plain(self) -> str:
        """With `\\n` at the end of each line."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n")

    @property
    def endings(self) -> str:
        """Which line ends occur."""
        crlf = self.text.count("\r\n")
        kinds = {
            "CRLF": crlf,
            "LF": self.text.count("\n") - crlf,
            "CR": self.text.count("\r") - crlf,
        }
        return " and ".join(name for name, number in kinds.items() if number) or "none"


def decoded(data: bytes) -> Text | None:
    """A file as text, or None where it is none."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return Text(f"{encoding} (BOM)", data[len(mark) :].decode(encoding))
            except UnicodeDecodeError:
                return None
    if b"\0" in data:
        return _wide(data)
    try:
        text = Text("utf-8", data.decode("utf-8"))
    except UnicodeDecodeError:
        text = Text("latin-1", data.decode("latin-1"))
    controls = sum(data.count(bytes([code])) for code in (*range(1, 9), *range(14, 27), 127))
    return text if controls * 50 <= len(data) else None


def _wide(data: bytes) -> Text | None:
    """UTF-16 without a mark: every other byte of it is zero."""
    for encoding, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros = data[odd::2].count(0)
        if len(data) % 2 == 0 and zeros * 2 >= len(data) * 0.8 and not data[1 - odd :: 2].count(0):
            try:
                return Text(encoding, data.decode(encoding))
            except UnicodeDecodeError:
                return None
    return None


def carrier_differences(where: Where, left: Text, right: Text) -> Iterator[Difference]:
    """Encoding and line ends."""
    if left.encoding != right.encoding and not (left.text.isascii() and _only_bytes(left, right)):
        yield Difference(where, "encoding", "payload", left.encoding, right.encoding, "encoding")
    if left.endings != right.endings:
        first, second = left.plain.count("\n"), right.plain.count("\n")
        # An empty text has no line whose end could be missing.
        emptied = "" in (left.text, right.text) and bool((left.plain + right.plain).strip("\n"))
        one_more = abs(first - second) == 1 and not emptied
        if left.endings != "none" != right.endings or one_more:
            sides = (left.endings, right.endings)
            yield Difference(where, "line ends", "payload", *sides, "line-endings")
    elif left.text != right.text and left.plain.rstrip("\n") == right.plain.rstrip("\n"):
        ends = _trailing(left), _trailing(right)
        yield Difference(where, "line ends at the end", "payload", *ends, "line-endings")
    elif left.text != right.text and left.plain == right.plain:
        yield Difference(where, "line ends", "payload", left.endings, left.endings, "line-endings")


def _trailing(text: Text) -> int:
    return len(text.plain) - len(text.plain.rstrip("\n"))


def _only_bytes(left: Text, right: Text) -> bool:
    """ASCII is the same text in UTF-8 and in Latin-1."""
    return {left.encoding, right.encoding} == {"utf-8", "latin-1"}


def text_differences(where: Where, left: Text, right: Text) -> list[Difference]:
    """All that two texts differ in, at least one difference."""
    left, right = _same_repertoire(left, right)
    found = list(carrier_differences(where, left, right))
    first, second = left.plain, right.plain
    if first.rstrip("\n") != second.rstrip("\n"):
        found += line_differences(where, first.split("\n"), second.split("\n"))
    return found or [Difference(where, "content", "payload", None, None, "content")]


def _same_repertoire(left: Text, right: Text) -> tuple[Text, Text]:
    """A Latin-1 text beside a UTF-8 one may have been written in another Windows code page."""
    for one, other in ((left, right), (right, left)):
        if one.encoding == "latin-1" and other.encoding.startswith("utf"):
            raw = one.text.encode("latin-1")
            for page in _PAGES:
                try:
                    text = raw.decode(page)
                except UnicodeDecodeError:
                    continue
                if Text("", text).plain.rstrip("\n") == other.plain.rstrip("\n"):
                    named = Text(page, text)
                    return (named, right) if one is left else (left, named)
    return left, right


def line_differences(where: Where, left: Sequence[str], right: Sequence[str]) -> list[Difference]:
    """What the lines of two texts differ in."""
    found = _order(where, left, right)
    if Counter(left) == Counter(right):
        return found
    variables = is_environment(left) and is_environment(right)
    collected: dict[str, list[tuple[int, str | None, str | None]]] = {}
    for number, old, new in _pairs(left, right, ordered=not found):
        for cause in _causes(old, new, variables=variables):
            collected.setdefault(cause, []).append((number, old, new))
    for cause, places in collected.items():
        found.append(_shown(where, cause, places))
    return found


def _causes(old: str | None, new: str | None, *, variables: bool) -> tuple[str, ...]:
    if old is None or new is None:
        line = (old if new is None else new) or ""
        assigned = variables and variable_name(line) is not None
        return (variable_cause(line) or ("environment-variable" if assigned else "content"),)
    if max(len(old), len(new)) > _LONGEST_LINE:
        return ("content",)
    if (reordered := _within(old, new)) is not None:
        return (reordered,)
    reasons = line_reasons(old, new)
    if reasons.complete and reasons.causes:
        return reasons.causes
    if variables and variable_name(old) is not None and variable_name(old) == variable_name(new):
        return ("environment-variable",)
    return (*reasons.causes, "content")


def _shown(
    where: Where, cause: str, places: list[tuple[int, str | None, str | None]]
) -> Difference:
    """The first of the lines that differ for one cause; the others are counted."""
    number, old, new = places[0]
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


def _order(where: Where, left: Sequence[str], right: Sequence[str]) -> list[Difference]:
    """A difference in the order of the lines that both have."""
    common = Counter(left) & Counter(right)
    first, second = _only(left, common), _only(right, common)
    if first == second or len(first) < 2:
        return []
    if not 2 * len(first) >= max(len(left), len(right)):
        return []  # too little is the same to speak of an order
    cause = "locale-sort" if _sorted_in_two_ways(first, second) else "line-order"
    at = next(n for n, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1])
    sides = (first[at][: 2 * _SPACE], second[at][: 2 * _SPACE])
    return [Difference(where, "order of lines", "payload", *sides, cause)]


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


def _within(left: str, right: str) -> str | None:
    """The cause where one line has the same words as the other in another order."""
    if len(left) != len(right) or Counter(left) != Counter(right):
        return None
    sets = (_SET.findall(left), _SET.findall(right))
    if sets[0] and len(sets[0]) == len(sets[1]) and _SET.sub("", left) == _SET.sub("", right):
        # Python shows a set of strings so, in the order that its hashes give.
        return "hash-seed" if _words(left) == _words(right) else None
    return "member-order" if _words(left) == _words(right) else None


def _words(line: str) -> Counter[str]:
    return Counter(re.split(r"[\s,;:{}\[\]()]+", line))


def _pairs(
    left: Sequence[str], right: Sequence[str], *, ordered: bool
) -> Iterator[tuple[int, str | None, str | None]]:
    """Lines that stand for each other, with the number of the left one (or the right one's)."""
    if not ordered:
        common = Counter(left) & Counter(right)
        old, new = _numbered(left, common), _numbered(right, common)
        yield from _aligned(old, new)
        return
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    first, second = left[start : len(left) - end], right[start : len(right) - end]
    if len(first) == len(second) or max(len(first), len(second)) > _MOST_LINES:
        for number, (old_line, new_line) in enumerate(zip(first, second, strict=False), start + 1):
            if old_line != new_line:
                yield number, old_line, new_line
        if len(first) != len(second):
            yield start + min(len(first), len(second)) + 1, None, None
        return
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            old = [(start + n + 1, first[n]) for n in range(a, b)]
            new = [(start + n + 1, second[n]) for n in range(c, d)]
            yield from _aligned(old, new)


def _numbered(lines: Sequence[str], common: Counter[str]) -> list[tuple[int, str]]:
    left = Counter(common)
    found = []
    for number, line in enumerate(lines, 1):
        if left[line] > 0:
            left[line] -= 1
        else:
            found.append((number, line))
    return found


def _aligned(
    left: list[tuple[int, str]], right: list[tuple[int, str]]
) -> Iterator[tuple[int, str | None, str | None]]:
    for (number, old), (_, new) in zip(left, right, strict=False):
        yield number, old, new
    shorter = min(len(left), len(right))
    for number, line in left[shorter:]:
        yield number, line, None
    for number, line in right[shorter:]:
        yield number, None, line
