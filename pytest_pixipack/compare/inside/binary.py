"""Two files of which nothing more is known: the texts in them around the places that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from pytest_pixipack.compare.inside.content import Content
from pytest_pixipack.compare.inside.lines import around
from pytest_pixipack.compare.inside.tokens import line_reasons
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_CHUNK = 1 << 20
_STEP = 256
# Bytes around a difference that may hold the rest of its string.
_AROUND = 512
_MOST_WINDOWS = 256
_MOST_BYTES = 4 << 20
_STRING = re.compile(r"[\x20-\x7e]{4,}")
# Bytes that may follow from a string of another length: its length, and offsets.
_FOLLOWING = 8


def binary_differences(where: Where, left: Content, right: Content) -> list[Difference]:
    """At least one difference: what texts show, and `content` for what they do not."""
    sides = (left.digest(), right.digest())
    content = Difference(where, "content", "payload", *sides, "content")
    found: dict[str, list[tuple[str, str]]] = {}
    complete = True
    for old, new in _windows(left, right):
        if old is None or new is None:
            complete = False
            break
        complete &= _strings(old, new, found)
    differences = []
    for cause, pairs in found.items():
        more = len(set(pairs)) - 1
        evidence = f"{more} more text{'s' if more > 1 else ''} likewise" if more else None
        pair = around(*pairs[0])
        differences.append(Difference(where, "text", "payload", *pair, cause, evidence))
    return differences if differences and complete else [*differences, content]


def _strings(left: bytes, right: bytes, found: dict[str, list[tuple[str, str]]]) -> bool:
    """Collects the causes that strings show; whether they explain all of the difference."""
    first, second = left.decode("latin-1"), right.decode("latin-1")
    old, new = _STRING.findall(first), _STRING.findall(second)
    if len(old) != len(new):
        return False
    complete, explained = True, 0
    for pair in zip(old, new, strict=True):
        if pair[0] == pair[1]:
            continue
        reasons = line_reasons(*pair)
        for cause in reasons.causes:
            found.setdefault(cause, []).append(pair)
        explained += bool(reasons.causes)
        complete &= bool(reasons.causes) and (reasons.complete or _prefixed(*pair))
    return complete and _gaps(first, second) <= _FOLLOWING * explained


def _prefixed(left: str, right: str) -> bool:
    """Whether what is left may be the length in front of a string, which looks like a letter."""
    for old, new in ((left[1:], right[1:]), (left[1:], right), (left, right[1:])):
        reasons = line_reasons(old, new)
        if reasons.causes and reasons.complete:
            return True
    return False


def _gaps(left: str, right: str) -> int:
    """How many bytes between strings differ."""
    first, second = _STRING.split(left), _STRING.split(right)
    if len(first) != len(second):
        return len(left)
    # What fills up a string of another length is not counted.
    pairs = [(a.strip("\0"), b.strip("\0")) for a, b in zip(first, second, strict=True)]
    return sum(
        abs(len(old) - len(new)) + sum(a != b for a, b in zip(old, new, strict=False))
        for old, new in pairs
    )


def _windows(left: Content, right: Content) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Pieces of both files around what differs; (None, None) for more than is looked at."""
    with left.open() as first, right.open() as second:
        if left.size != right.size:
            yield _middle(first, second, left.size, right.size)
            return
        for number, (start, end) in enumerate(_ranges(first, second)):
            if number == _MOST_WINDOWS or end - start > _MOST_BYTES:
                yield None, None
                return
            # Ranges are read back after the streams moved on.
            places = first.tell(), second.tell()
            start = max(start - _AROUND, 0)
            yield _at(first, start, end + _AROUND), _at(second, start, end + _AROUND)
            first.seek(places[0])
            second.seek(places[1])


def _at(stream: BinaryIO, start: int, end: int) -> bytes:
    stream.seek(start)
    return stream.read(end - start)


def _ranges(first: BinaryIO, second: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where two files of one size differ, in steps, joined where they are close."""
    position, open_range = 0, None
    while True:
        old, new = first.read(_CHUNK), second.read(_CHUNK)
        if not old:
            break
        if old != new:
            for start in range(0, len(old), _STEP):
                if old[start : start + _STEP] == new[start : start + _STEP]:
                    continue
                begin, end = position + start, position + start + _STEP
                if open_range is not None and begin - open_range[1] <= 2 * _AROUND:
                    open_range = (open_range[0], end)
                else:
                    if open_range is not None:
                        yield open_range
                        first.seek(position + len(old))
                        second.seek(position + len(old))
                    open_range = (begin, end)
        position += len(old)
    if open_range is not None:
        yield open_range


def _middle(
    first: BinaryIO, second: BinaryIO, old_size: int, new_size: int
) -> tuple[bytes | None, bytes | None]:
    """What is left without the bytes that both begin and end with."""
    smaller = min(old_size, new_size)
    start = 0
    while start < smaller:
        size = min(_CHUNK, smaller - start)
        old, new = _at(first, start, start + size), _at(second, start, start + size)
        if old != new:
            start += _same(old, new)
            break
        start += size
    end = 0
    while end < smaller - start:
        size = min(_CHUNK, smaller - start - end)
        old = _at(first, old_size - end - size, old_size - end)
        new = _at(second, new_size - end - size, new_size - end)
        if old != new:
            end += _same(old[::-1], new[::-1])
            break
        end += size
    if max(old_size, new_size) - start - end > _MOST_BYTES:
        return None, None
    begin, rest = max(start - _AROUND, 0), max(end - _AROUND, 0)
    return _at(first, begin, old_size - rest), _at(second, begin, new_size - rest)


def _same(left: bytes, right: bytes) -> int:
    """How many bytes two pieces begin with in common."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
