"""The table of a run: a row for each environment and platform, a column for each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_pixipack.platforms import current_platform

_COLUMNS = (
    ("lock", "lock"),
    ("build", "build"),
    ("pack", "pack"),
    ("unpack", "prefix"),
    ("reproduce", "again"),
)
_TEXT = {"ok": "ok", "skipped": "skip", "failed": "FAILED", "error": "ERROR"}
# Of several builds in one cell, the one that comes first here is shown.
_WORST = ("failed", "error", "skipped", "ok")
_NOT_HERE = "-"
_SAME = "="

Row = tuple[str, str, str, str]


def table_lines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of all results; cells of what was not asked for stay empty.

    >>> workspace = {"name": "demo", "file": "pixi.toml"}
    >>> place = ["default", "linux-64", "linux-64"]
    >>> for line in table_lines([
    ...     {"kind": "lock", "places": [place], "outcome": "ok", "workspace": workspace},
    ...     {"kind": "build", "places": [place], "outcome": "ok", "workspace": workspace},
    ...     {"kind": "build", "places": [place], "outcome": "failed", "workspace": workspace},
    ... ]):
    ...     print(line)
    workspace  environment  platform  lock  build
    demo       default      linux-64    ok  FAILED
    """
    cells: dict[Row, dict[str, str]] = {}
    broken = []
    for result in results:
        if not result["places"]:
            broken.append((result["workspace"]["name"], result["kind"], result["outcome"]))
        for environment, platform, subdir in result["places"]:
            row = (result["workspace"]["file"], environment, platform, subdir)
            found = cells.setdefault(row, {})
            found[result["kind"]] = _worse(found.get(result["kind"]), result["outcome"])
    names = {result["workspace"]["file"]: result["workspace"]["name"] for result in results}
    if not cells:
        return [f"{name}  {kind} {_TEXT[outcome]}" for name, kind, outcome in broken]
    kinds = {kind for found in cells.values() for kind in found}
    columns = [column for column in _COLUMNS if column[0] in kinds]
    rows = [["workspace", "environment", "platform", *(title for _, title in columns)]]
    for row, found in cells.items():
        rows.append([*_heads(row, names), *(_cell(kind, row, found) for kind, _ in columns)])
    lines = _aligned(_without_repetition(rows))
    return lines + [f"{name}  {kind} {_TEXT[outcome]}" for name, kind, outcome in broken]


def _heads(row: Row, names: Mapping[str, str]) -> list[str]:
    file, environment, platform, _ = row
    # Two workspaces of one name are told apart by where they are.
    same = [other for other, name in names.items() if name == names[file]]
    return [names[file] if len(same) == 1 else file, environment, platform]


def _cell(kind: str, row: Row, found: Mapping[str, str]) -> str:
    if kind in found:
        same = kind == "reproduce" and found[kind] == "ok"
        return _SAME if same else _TEXT[found[kind]]
    return _NOT_HERE if kind == "unpack" and row[3] != current_platform() else ""


def _worse(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=_WORST.index)


def _without_repetition(rows: Iterable[list[str]]) -> list[list[str]]:
    before: list[str] = ["", ""]
    result = []
    for row in rows:
        workspace, environment = row[:2]
        shown = list(row)
        if workspace == before[0]:
            shown[0] = ""
            if environment == before[1]:
                shown[1] = ""
        before = [workspace, environment]
        result.append(shown)
    return result


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    titles = [len(cell) for cell in rows[0]]
    lines = []
    for row in rows:
        heads = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
        # Right under the title's end, longer words stick out to the right.
        marks = [
            cell.rjust(title).ljust(width)
            for cell, title, width in zip(row[3:], titles[3:], widths[3:], strict=True)
        ]
        lines.append("  ".join([*heads, *marks]).rstrip())
    return lines
