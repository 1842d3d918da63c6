"""One difference in a tree: its field, both values, and its cause, in so many columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_pixipack.compare.columns import broken, columns, cut, padded, printable, wrapped
from pytest_pixipack.compare.model import Difference, Verdict

# How evidence ends that only counts.
MORE = " likewise"
# Columns that the values of a difference get at least, where they need them.
_NARROWEST = 24
# What is shown of the beginning that two long values have in common.
_KEPT = 8
_ARROW = " -> "
_GAP = "   "
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_HANGING = "  "


def row(difference: Difference, room: int, verdict: Verdict, column: int = 0) -> list[str]:
    """A difference in lines of at most so many columns, one where that is enough.

    The field takes `column` columns where there is room for that. What is less than the verdict
    says so.
    """
    field = printable(difference.field)
    ends = _ends(difference, verdict)
    for label in dict.fromkeys((padded(field, column), field)):
        if (line := _line(difference, label, ends, room)) is not None:
            return [line]
    for number in range(len(ends) - 1, -1, -1):
        if (line := _line(difference, field, ends[:number], room)) is not None:
            return [line, *wrapped(_HANGING, " ".join(ends[number:]), room)]
    lines = broken(field, room)
    if (values := _values(difference, room - len(_HANGING))) is not None:
        lines.append(f"{_HANGING}{values}")
    return [*lines, *wrapped(_HANGING, " ".join(ends), room)]


def inline(difference: Difference, room: int, verdict: Verdict) -> str | None:
    """A difference in one line, or None where it does not fit."""
    return _line(difference, printable(difference.field), _ends(difference, verdict), room)


def short(value: Any, most: int) -> str:
    """A value in so many columns; of a digest, its beginning."""
    text = plain(value)
    return f"{text[:10]}…" if _DIGEST.fullmatch(text) else cut(text, most)


def plain(value: Any) -> str:
    """A value as printable text, in one line."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(" ".join(text.split())) or '""'


def _line(difference: Difference, label: str, ends: Sequence[str], room: int) -> str | None:
    end = f"{_GAP}{' '.join(ends)}" if ends else ""
    free = room - columns(label) - columns(_GAP) - columns(end)
    values = _values(difference, max(free, _NARROWEST))
    if values is None:
        line = f"{label}{end}" if difference.kind == "order-only" else f"{label.rstrip()}{end}"
    else:
        line = f"{label}{_GAP}{values}{end}"
    return line if columns(line) <= room else None


def _ends(difference: Difference, verdict: Verdict) -> list[str]:
    """The cause, and what is to be known beside it."""
    found = [difference.cause] if difference.cause else []
    if difference.kind != verdict:
        found.append(f"({difference.kind})")
    evidence = difference.evidence
    if evidence and evidence.endswith(MORE) and difference.kind != "order-only":
        found.append(f"({printable(evidence)})")
    return found


def _values(difference: Difference, room: int) -> str | None:
    """Both values in so many columns; None where nothing need be told."""
    left, right = difference.left, difference.right
    if difference.kind == "order-only":
        return None
    if difference.cause in ("file-added", "file-removed"):
        return "added" if left is None else "removed"
    if isinstance(left, list) and isinstance(right, list):
        return cut(_changes(left, right, room) or "other order or number", room)
    texts = plain(left), plain(right)
    if all(map(_DIGEST.fullmatch, texts)):
        return None
    texts = short(left, len(texts[0]) * 2), short(right, len(texts[1]) * 2)
    half = (room - len(_ARROW)) // 2
    if max(map(columns, texts)) > half:
        texts = _behind_common(*texts)
    shorter = min(map(columns, texts))
    if shorter < half:  # the other one may have the rest
        half = room - len(_ARROW) - shorter
    return _ARROW.join(cut(text, half) for text in texts)


def _changes(left: list[Any], right: list[Any], room: int) -> str:
    """What one list has and the other has not, as far as it can be shown."""
    sides = [list(map(plain, side)) for side in (left, right)]
    parts: list[str] = []
    size = 0
    for each in _only(sides):
        parts.append(each)
        size += len(each)
        if size > room:
            break
    return "  ".join(parts)


def _only(sides: Sequence[list[str]]) -> Iterator[str]:
    known = [set(side) for side in sides]
    yield from (f"- {each}" for each in sides[0] if each not in known[1])
    yield from (f"+ {each}" for each in sides[1] if each not in known[0])


def _behind_common(left: str, right: str) -> tuple[str, str]:
    """Two texts without most of what they begin with in common."""
    pairs = enumerate(zip(left, right, strict=False))
    same = next((at for at, (old, new) in pairs if old != new), min(len(left), len(right)))
    if same <= _KEPT:
        return left, right
    start = same - _KEPT // 2
    return f"…{left[start:]}", f"…{right[start:]}"
