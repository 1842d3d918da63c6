"""Two parts of two programs side by side: the texts that differ, and the bytes that do.

A text of another length moves what is behind it; the two are followed from one text to the next, so
that what has only moved is still set beside what it was.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_pixipack.compare.inside.spans import Span
from pytest_pixipack.compare.inside.stringtables import string_causes
from pytest_pixipack.compare.inside.tokens import line_reasons

# A text of another length is often followed by the next one.
_FIRST_BLOCK, _BLOCK = 1 << 11, 1 << 16
# Runs of bytes that differ, texts, and texts that nothing explains, are followed up to so many.
_MOST_RUNS = 400_000
_MOST_TEXTS, _MOST_STRANGE = 20_000, 2_000
_MOST_HELD = 8 << 20
_LONGEST = 4096
# The shortest texts: between zeros, in the midst of other bytes, and among instructions.
_SHORTEST, _SHORTEST_LOOSE, _SHORTEST_IN_CODE = 4, 8, 16
# What fills up the end of a text until the next thing begins.
_MOST_PADDING = 64
_NUMBER = 4
_RUN = re.compile(rb"[^\0]+")
_PRINTABLE = bytes(1 if 0x20 <= code < 0x7F else 0 for code in range(256))


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts at one place; `complete` says that the causes explain all."""

    left: str
    right: str
    causes: tuple[str, ...]
    complete: bool


@dataclass(slots=True)
class Walk:
    """What two parts differ in.

    `runs` are places (left, right) and sizes of bytes that differ outside of texts. `steps` are
    places (left, right) from which on both go on alike. `resized` are places and lengths of texts
    of other lengths: left, right. `whole` is false where they could not be followed to the end.
    Texts that are not between zeros have to be of the `shortest` length at least.
    """

    texts: list[TextPair] = field(default_factory=list)
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    resized: list[tuple[int, int, int]] = field(default_factory=list)
    whole: bool = True
    shortest: int = _SHORTEST_LOOSE

    def leads(self, old: int, new: int) -> bool:
        """Whether what is at a place on the left is at the other one on the right."""
        at = bisect.bisect_right(self.steps, (old, 1 << 64))
        before, behind = self.steps[at - 1], self.steps[at : at + 1]
        if new - old == before[1] - before[0]:
            return True
        # The zeros in front of a step may belong to what is behind them.
        return any(
            new - old == right - left and left - old <= _MOST_PADDING for left, right in behind
        )

    def steps_between(self, start: int, end: int) -> list[tuple[int, int]]:
        """The steps that hold for places between two on the left."""
        first = bisect.bisect_right(self.steps, (start, 1 << 64)) - 1
        last = bisect.bisect_right(self.steps, (end, 1 << 64))
        return self.steps[max(first, 0) : last]


class Patience:
    """How many texts are still looked at, how many of them in vain, and how many runs are kept."""

    def __init__(self) -> None:
        self.texts = _MOST_TEXTS
        self.strange = _MOST_STRANGE
        self.runs = _MOST_RUNS


def walk(left: Span, right: Span, patience: Patience, *, code: bool = False) -> Walk:
    """Follows two parts to their ends. `code` says that they are instructions."""
    found = Walk()
    found.shortest = _SHORTEST_IN_CODE if code else _SHORTEST_LOOSE
    place: tuple[int, int] | None = (0, 0)
    while place is not None:
        place = _until_moved(left, right, *place, found, patience)
    return found


def _until_moved(
    left: Span, right: Span, i: int, j: int, found: Walk, patience: Patience
) -> tuple[int, int] | None:
    """Goes on from one place; gives the next place if the two are not in step there."""
    done = 0
    for start, size in runs_between(left, right, i, j):
        if start + size <= done:
            continue
        start, size = max(start, done), min(size, start + size - done)
        inside = _end_of_ignored(left, i + start)
        if inside is not None:
            done = inside - i
            if done >= start + size:
                continue
            start, size = done, start + size - done
        if patience.runs <= 0 or patience.texts <= 0:
            found.whole = False
            return None
        patience.runs -= 1
        aligned = _aligned(left, right, i + start, j + start)
        if aligned and min(aligned[0] - i, aligned[1] - j) >= 0:
            found.steps.append(aligned)
            return aligned
        texts = _texts(left, right, i, j, start)
        framed = texts is not None and _framed(left, right, i, j, texts)
        if texts and not framed and min(map(len, texts[2:])) < found.shortest:
            texts = None
        pair = texts and _explained(*texts[2:], patience)
        moves = framed and left.size != right.size
        if texts is None or (pair is None and not (moves and len(texts[2]) != len(texts[3]))):
            found.runs.append((i + start, j + start, size))
            done = start + size
            continue
        patience.texts -= 1
        found.texts.append(pair or TextPair(_shown(texts[2]), _shown(texts[3]), (), False))
        ends = i + texts[0] + len(texts[2]), j + texts[0] + len(texts[3])
        if len(texts[2]) == len(texts[3]):
            done = texts[1]
            continue
        found.resized.append((i + texts[0], len(texts[2]), len(texts[3])))
        ends = _behind_padding(left, right, *ends)
        found.steps.append(ends)
        return ends
    if left.size - i != right.size - j:
        least = min(left.size - i, right.size - j)
        ending = left.read(i + least, _BLOCK) + right.read(j + least, _BLOCK)
        # Zeros at the end fill up, if what is in front of them has another length.
        filled = len(found.steps) > 1 and len(ending) <= _MOST_PADDING
        if not filled or ending.strip(b"\0"):
            found.whole = False
    return None


def _aligned(left: Span, right: Span, i: int, j: int) -> tuple[int, int] | None:
    """The places behind zeros of another number, which fill up to where the next thing begins.

    None where that is no filling: behind it, the two have to be apart by a rounder number. What
    begins there may begin with a few zeros itself.
    """
    before = left.read(i - 1, 1), right.read(j - 1, 1)
    if i == j or i == 0 or j == 0 or before != (b"\0", b"\0"):
        return None
    ends = []
    for span, at in ((left, i), (right, j)):
        data = span.read(at, _MOST_PADDING)
        ends.append(at + len(data) - len(data.lstrip(b"\0")))
    if ends[0] - i == _MOST_PADDING or ends[1] - j == _MOST_PADDING:
        return None
    zeros = [_zeros_before(span, end) for span, end in zip((left, right), ends, strict=True)]
    there = max(
        (
            (ends[0] - back, ends[1] - other)
            for back in range(zeros[0])
            for other in range(zeros[1])
        ),
        key=lambda place: _roundness(*place),
    )
    return there if _roundness(*there) > _roundness(i, j) else None


def _zeros_before(span: Span, place: int) -> int:
    """How many places there are at which a number may begin that has its first other byte there."""
    data = span.read(place - _NUMBER + 1, min(_NUMBER - 1, place))
    return 1 + len(data) - len(data.rstrip(b"\0"))


def _roundness(i: int, j: int) -> int:
    """The largest power of two by whose multiple two places are apart."""
    apart = abs(j - i)
    return apart & -apart or 1 << 64


def runs_between(
    left: Span, right: Span, i: int, j: int, most: int | None = None
) -> Iterator[tuple[int, int]]:
    """Starts and sizes of what differs from two places on, counted from these."""
    at, end = 0, min(left.size - i, right.size - j)
    end = end if most is None else min(end, most)
    block = _FIRST_BLOCK
    while at < end:
        size, block = min(block, end - at), _BLOCK
        old, new = left.read(i + at, size), right.read(j + at, size)
        if old != new:
            both = int.from_bytes(old, "big") ^ int.from_bytes(new, "big")
            for run in _RUN.finditer(both.to_bytes(size, "big")):
                yield at + run.start(), run.end() - run.start()
        at += size
        if at % _MOST_HELD < size:
            left.release()
            right.release()


def _end_of_ignored(span: Span, place: int) -> int | None:
    at = bisect.bisect_right(span.ignored, (place, 1 << 64)) - 1
    return span.ignored[at][1] if at >= 0 and place < span.ignored[at][1] else None


def _texts(
    left: Span, right: Span, i: int, j: int, at: int
) -> tuple[int, int, bytes, bytes] | None:
    """The texts around a place that differs: where they begin and end, and both."""
    back = min(at, _LONGEST)
    before = left.read(i + at - back, back).translate(_PRINTABLE)
    start = at - (len(before) - before.rfind(b"\0") - 1)
    both = []
    for span, origin in ((left, i), (right, j)):
        data = span.read(origin + start, _LONGEST + at - start)
        length = data.translate(_PRINTABLE).find(b"\0", at - start)
        length = len(data) if length < 0 else length
        if not _SHORTEST <= length <= _LONGEST:
            return None
        both.append(data[:length])
    return start, start + len(both[0]), both[0], both[1]


def _framed(left: Span, right: Span, i: int, j: int, texts: tuple[int, int, bytes, bytes]) -> bool:
    """Whether two texts stand between zeros, which is no accident."""
    start, _, old, new = texts
    edges = [
        span.read(at - 1, 1 if at else 0) + span.read(at + len(text), 1)
        for span, at, text in ((left, i + start, old), (right, j + start, new))
    ]
    return not any(each.strip(b"\0") for each in edges)


def _shown(data: bytes) -> str:
    return data.decode("latin-1")


def _explained(old: bytes, new: bytes, patience: Patience) -> TextPair | None:
    """The two texts, if anything shows why they differ."""
    left, right = _shown(old), _shown(new)
    if left == right or patience.strange <= 0:
        return None
    if causes := string_causes(left, right):
        return TextPair(left, right, causes, True)
    reasons = line_reasons(left, right)
    if reasons.causes:
        return TextPair(left, right, reasons.causes, _prefixed(left, right))
    patience.strange -= 1
    return None


def _prefixed(left: str, right: str) -> bool:
    """Whether what is left may be the length in front of a text, which looks like a letter."""
    pairs = ((left[1:], right[1:]), (left[1:], right), (left, right[1:]))
    return any(string_causes(old, new) for old, new in pairs)


def _behind_padding(left: Span, right: Span, i: int, j: int) -> tuple[int, int]:
    """The places behind the zeros that end a text and fill up to the next thing."""
    zeros = []
    for span, at in ((left, i), (right, j)):
        data = span.read(at, _BLOCK)
        zeros.append(len(data) - len(data.lstrip(b"\0")))
    if abs(zeros[0] - zeros[1]) > _MOST_PADDING:
        zeros = [min(zeros), min(zeros)]
    return i + zeros[0], j + zeros[1]
