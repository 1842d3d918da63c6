"""Data whose texts come in another order: linkers sort them by length and alignment.

The texts are set side by side as those of a table of strings; what is between them, piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_pixipack.compare.inside.parts import TextPair, Walk, runs_between
from pytest_pixipack.compare.inside.spans import Span
from pytest_pixipack.compare.inside.stringtables import compare_strings

_MOST_BYTES = 4 << 20
_MOST_PIECES = 20_000
_TEXT = re.compile(rb"(?<![^\0])[\x20-\x7e\t\n]{4,4096}(?=\0)")
# Numbers begin at multiples of this.
_ALIGNED = 4


def rearranged(left: Span, right: Span) -> Walk | None:
    """What two parts differ in if their texts may be anywhere; None where that cannot be said."""
    if max(left.size, right.size) > _MOST_BYTES or left.ignored or right.ignored:
        return None
    data = left.read(0, left.size), right.read(0, right.size)
    texts = [{found[0]: found.start() for found in _TEXT.finditer(each)} for each in data]
    pieces = [list(_pieces(each)) for each in data]
    if len(pieces[0]) != len(pieces[1]) or len(pieces[0]) > _MOST_PIECES:
        return None
    compared = compare_strings(b"\0".join(texts[0]), b"\0".join(texts[1]))
    found = Walk(steps=[])
    pairs = [(text, text) for text in texts[0] if text in texts[1]] + sorted(compared.known)
    for old, new in pairs:
        found.steps.append((texts[0][old], texts[1][new]))
        if len(old) != len(new):
            found.resized.append((texts[0][old], len(old), len(new)))
    for pair in compared.explained:
        found.texts.append(TextPair(pair.left, pair.right, pair.causes, True))
    for old_text, new_text in compared.others:
        found.texts.append(TextPair(old_text or "", new_text or "", (), False))
    for first, second in zip(*pieces, strict=True):
        ranges = _of_one_size(data, first, second)
        if ranges is None:
            return None
        (start, end), (other, _) = ranges
        found.steps.append((start, other))
        for at, size in runs_between(left, right, start, other, end - start):
            found.runs.append((start + at, other + at, size))
    found.steps.append((0, 0))
    found.steps.sort()
    found.resized.sort()
    found.runs.sort()
    return found


def _pieces(data: bytes) -> Iterator[tuple[int, int]]:
    """Where what is between the texts begins and ends, without the zeros around it."""
    done = 0
    for start, end in [*(found.span() for found in _TEXT.finditer(data)), (len(data), len(data))]:
        piece = data[done:start]
        if piece.strip(b"\0"):
            first = done + len(piece) - len(piece.lstrip(b"\0"))
            last = done + len(piece.rstrip(b"\0"))
            yield first, last
        done = end


def _of_one_size(
    data: tuple[bytes, bytes], first: tuple[int, int], second: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Two pieces, from the starts to the ends of the numbers in them."""
    if first[1] - first[0] == second[1] - second[0]:
        return first, second
    old, new = (_to_numbers(each, piece) for each, piece in zip(data, (first, second), strict=True))
    missing = (new[1] - new[0]) - (old[1] - old[0])
    # The last number of one may end with zeros.
    if missing > 0 and not data[0][old[1] : old[1] + missing].strip(b"\0"):
        old = old[0], min(old[1] + missing, len(data[0]))
    elif missing < 0 and not data[1][new[1] : new[1] - missing].strip(b"\0"):
        new = new[0], min(new[1] - missing, len(data[1]))
    return (old, new) if old[1] - old[0] == new[1] - new[0] else None


def _to_numbers(data: bytes, piece: tuple[int, int]) -> tuple[int, int]:
    start, end = piece
    while start % _ALIGNED and not data[start - 1]:
        start -= 1
    while end % _ALIGNED and end < len(data) and not data[end]:
        end += 1
    return start, end
