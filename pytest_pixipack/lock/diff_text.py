"""The differences of two locks as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from pytest_pixipack.lock.diff_groups import Row, detail_of, grouped, places_text
from pytest_pixipack.lock.diff_model import LockChange, LockDiff, What

_INDENT = "  "
# What became of packages, and the packages: columns of text.
_WHAT = 10
_NAME = 28
# Packages with the same small change are told together from this number on, and so many by name.
_TOGETHER = 4
_NAMED = 8
_LABELS: dict[What, str] = {"order": "order only"}


def diff_lines(diff: LockDiff, width: int = 80) -> list[str]:
    """The differences, grouped by environment and platform, in at most `width` columns.

    Words that are longer than a line are not cut: a URL stays one that can be copied.
    """
    lines: list[str] = []
    for where, change in general_changes(diff):
        lines += _general(where, change, width)
    for group in grouped(diff):
        lines += _wrapped("", group.where, width)
        names = [len(row.name) for row in group.rows]
        column = min(max(names, default=0), _NAME)
        for row in _joined(group.rows):
            lines += _row(row, column, width)
    return lines


def general_changes(diff: LockDiff) -> list[tuple[str, LockChange]]:
    """The changes of environments and platforms, each once with all its places."""
    alike: dict[str, list[LockChange]] = {}
    for change in diff.general:
        key = repr((change.field, change.left, change.right, change.kind))
        if change.environment is None:  # platforms, each with a line of its own
            key += str(change.platform)
        alike.setdefault(key, []).append(change)
    known = diff.places or {}
    found = []
    for changes in alike.values():
        places = {(each.environment, each.platform) for each in changes}
        found.append((places_text(places, known), changes[0]))
    return found


def general_row(change: LockChange) -> tuple[str, str, str]:
    """What became of an environment, a platform or the lock itself: words, before and after."""
    if change.field not in ("environment", "platform", "packages"):
        detail = detail_of(change)
        if detail.left or detail.right:
            return change.field, detail.left, detail.right
        return f"{change.field} {detail.text}", "", ""
    label = "platform" if change.field == "packages" else change.field
    verb = "added" if change.left is None else "removed"
    return f"{label} {verb}", _size(change.field, change.left), _size(change.field, change.right)


def _size(field: str, known: object) -> str:
    if known is None:
        return ""
    if isinstance(known, Sequence) and not isinstance(known, str):
        if field == "packages":
            return f"{len(known)} package{'' if len(known) == 1 else 's'}"
        return ", ".join(map(str, known)) or "without packages"
    return str(known)


def _general(where: str, change: LockChange, width: int) -> list[str]:
    words, left, right = general_row(change)
    head = f"{where}: {words}" if where else words
    if change.field in ("environment", "platform", "packages"):
        size = left or right
        return _wrapped("", head if size == change.platform else f"{head} ({size})", width)
    lines = _wrapped("", head, width)
    return lines + (_wrapped(_INDENT, detail_of(change).text, width) if left or right else [])


def _joined(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that only tell of other metadata, or of an order, as one where they are many."""
    small: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.what in ("metadata", "order"):
            small.setdefault((row.what, *(each.field for each in row.details)), []).append(row)
        else:
            yield row
    for alike in small.values():
        if len(alike) < _TOGETHER:
            yield from alike
            continue
        names = [row.name for row in alike[:_NAMED]]
        more = len(alike) - len(names)
        text = ", ".join(names) + (f" and {more} more" if more else "")
        fields = ", ".join(each.field for each in alike[0].details)
        yield Row(alike[0].what, f"{len(alike)} packages", f"{fields}: {text}", None)


def _row(row: Row, column: int, width: int) -> Iterable[str]:
    label = _LABELS.get(row.what, row.what)
    head = f"{_INDENT}{label.ljust(_WHAT)}  {row.name.ljust(column)}  "
    text = values_text(row)
    if len(row.name) > column and len(head) + len(text) > width:
        yield head.rstrip()
        head = " " * (len(_INDENT) + _WHAT + 2 + 2)
    yield from _wrapped(head, text, width)
    for detail in row.details:
        below = f"{' ' * (len(_INDENT) + _WHAT + 2)}{_INDENT}{detail.field}  "
        yield from _wrapped(below, detail.text, width)


def values_text(row: Row) -> str:
    """Both values of a row, or the one that there is, and its note."""
    if row.left is None or row.right is None or row.left == row.right:
        text = row.left or row.right or ""
    else:
        text = f"{row.left} -> {row.right}"
    return f"{text} ({row.note})" if row.note else text


def _wrapped(label: str, text: str, width: int) -> list[str]:
    if not text:
        return [label.rstrip()]
    return textwrap.wrap(
        text,
        max(width, len(label) + 20),
        initial_indent=label,
        subsequent_indent=" " * (len(label) if len(label) < width // 2 else len(_INDENT) * 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
