"""What edits of sources have shown, as one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from pytest_pixipack.reproduce.html import (
    document,
    table,
    verdict_mark,
    workspace_title,
    write_document,
)
from pytest_pixipack.reproduce.inputs import Edited, PackageInputs, Staleness

_WORDS = {True: "yes", False: "no", None: "cannot be told"}


def write_staleness(found: Staleness, workspace: Path, path: Path) -> None:
    """Writes the report. Raises `Infrastructure` where the file cannot be written."""
    write_document(staleness_html(found, workspace), path)


def staleness_html(found: Staleness, workspace: Path) -> str:
    """The whole document: findings first, then what was edited of each package."""
    outcome = "failed" if found.errors else "passed"
    parts = [
        f"<p>{verdict_mark(outcome)} {escape(workspace_title(workspace))}</p>",
        _findings(found),
        *(_package(each) for each in found.packages),
    ]
    return document("Built again where an input has changed?", "\n".join(filter(None, parts)))


def _findings(found: Staleness) -> str:
    rows = [
        (
            escape(each.severity),
            escape(each.message),
            escape(": ".join(filter(None, (each.cause, each.evidence)))),
            escape(each.remedy or ""),
            f"<code>{escape(each.file or '')}</code>",
        )
        for each in found.findings
    ]
    heads = ("severity", "what", "cause", "what to do", "where")
    return f"<h2>Findings</h2>\n{table(heads, rows)}" if rows else ""


def _package(inputs: PackageInputs) -> str:
    head = f"<h2>{escape(inputs.package)}</h2>\n<p>{escape(inputs.tried)}</p>"
    if not inputs.edits:
        return head
    heads = ("edited", "declared", "built again", "another package", "note")
    return f"{head}\n{table(heads, _rows(inputs.edits))}"


def _rows(edits: tuple[Edited, ...]) -> Iterator[tuple[str, ...]]:
    for each in edits:
        yield (
            f"<code>{escape(each.path)}</code>",
            _WORDS[each.declared],
            _WORDS[each.rebuilt],
            _WORDS[each.changed],
            f"the build fails: {escape(each.problem)}" if each.problem else "",
        )
