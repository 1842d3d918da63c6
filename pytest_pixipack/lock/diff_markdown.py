"""The differences of two locks as Markdown: a table, and details that can be opened."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pytest_pixipack.lock.diff_groups import Group, Row, grouped
from pytest_pixipack.lock.diff_model import WHAT_TEXTS, LockDiff
from pytest_pixipack.lock.diff_text import general_changes, general_row

# Rows that are shown without being asked for, over all groups.
_MOST_OPEN = 40
_HEAD = ("| package | change | before | after |", "|---|---|---|---|")
_SUMMARY = {
    "identical": "Both say the same.",
    "order-only": "Both say the same in another order.",
    "metadata": "What gets installed is the same; other metadata.",
    "payload": "What gets installed is not the same.",
}


def diff_markdown(diff: LockDiff, title: str = "pixi.lock") -> str:
    """The differences for a pull request: what counts in tables, the rest below `<details>`."""
    counts = ", ".join(f"{number} {WHAT_TEXTS[what]}" for what, number in diff.counts.items())
    lines = [f"### {code(title)}: {diff.verdict}", "", _SUMMARY[diff.verdict]]
    if counts:
        lines += ["", f"Packages: {counts}."]
    general = general_changes(diff)
    if general:
        lines += ["", "| where | what | before | after |", "|---|---|---|---|"]
    for where, change in general:
        words, left, right = general_row(change)
        lines.append(_cells((text(where or title), text(words), _code(left), _code(right))))
    groups = grouped(diff)
    open_rows = sum(1 for group in groups for row in group.rows if row.kind == "payload")
    for group in groups:
        lines += _group(group, folded=open_rows > _MOST_OPEN)
    return "\n".join(lines) + "\n"


def _group(group: Group, *, folded: bool) -> Iterable[str]:
    main = [row for row in group.rows if row.kind == "payload"]
    rest = [row for row in group.rows if row.kind != "payload"]
    yield from ("", f"#### {text(group.where)}")
    if main:
        yield from _folded(f"{_many(main)}", _table(main)) if folded else ("", *_table(main))
    details = [row for row in main if row.details]
    if details:
        yield from _folded(f"Why: details of {_many(details)}", _details(details))
    if rest:
        yield from _folded(f"{_many(rest)} with other metadata or order only", _details(rest))


def _table(rows: Iterable[Row]) -> Iterable[str]:
    yield from _HEAD
    for row in rows:
        left, right = row.left or "", row.right or ""
        name = code(row.name) + (f" ({text(row.note)})" if row.note else "")
        yield _cells((name, row.what, _code(left), _code(right)))


def _details(rows: Iterable[Row]) -> Iterable[str]:
    yield from ("| package | field | before | after |", "|---|---|---|---|")
    for row in rows:
        for detail in row.details:
            sides = (_code(detail.left), _code(detail.right))
            field = code(detail.field)
            if not (detail.left or detail.right):
                field += f" {text(detail.text)}"
            yield _cells((code(row.name), field, *sides))


def _folded(summary: str, lines: Iterable[str]) -> Iterable[str]:
    # Without the blank lines, Markdown inside of HTML stays as it is.
    yield from ("", folded_head(summary), "", *lines, "", "</details>")


def folded_head(summary: str) -> str:
    """The first line of what has to be opened; in it, HTML counts and Markdown does not."""
    return f"<details><summary>{html.escape(summary)}</summary>"


def _many(rows: Sequence[Row]) -> str:
    names = len({row.name for row in rows})
    return f"{names} package{'' if names == 1 else 's'}"


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(value: str) -> str:
    return code(value) if value else ""


def code(value: str) -> str:
    """Code inside of a table: nothing in it is Markdown, and no `|` ends the cell."""
    flat = " ".join(value.split()).replace("|", "\\|")
    longest = max((len(run) for run in _ticks(flat)), default=0)
    fence = "`" * (longest + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _ticks(value: str) -> list[str]:
    return ["`" * len(run) for run in "".join(c if c == "`" else " " for c in value).split()]


def text(value: str) -> str:
    """Plain text: what Markdown and HTML would take for markup is escaped."""
    flat = " ".join(value.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in flat)
