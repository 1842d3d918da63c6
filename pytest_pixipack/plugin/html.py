"""`--pixipack-report x.html`: what was checked and found, in one file without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pytest_pixipack.reproduce.html import document, record_section, section, table, verdict_mark
from pytest_pixipack.reproduce.model import Reproduction


def html_document(report: Mapping[str, Any], rows: Sequence[str]) -> str:
    """The JSON report as HTML; `rows` are the lines of the run's table."""
    checks = report["checks"]
    parts = [
        f"<p>{verdict_mark(report['outcome'])} {len(checks)} checks, exit code "
        f"{report['exit_code']}; {'network allowed' if report['network'] else 'offline'}</p>",
        f"<pre><code>{escape(chr(10).join(rows))}</code></pre>",
        _findings(checks),
        _messages(checks),
        *(section(Reproduction.from_json(each["reproduction"])) for each in checks
          if each.get("reproduction")),
        record_section(against) if (against := report.get("against")) else "",
    ]  # fmt: skip
    return document("pixi workspaces", "\n".join(part for part in parts if part))


def _findings(checks: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for check in checks:
        for each in check["findings"]:
            line = f":{each['line']}" if each.get("line") else ""
            rows.append((
                f"<code>{escape(check['id'])}</code>",
                f"{escape(each['severity'])} <code>{escape(each['rule'])}</code>",
                escape(str(each.get("package") or "")),
                escape(each["message"]),
                escape(each.get("remedy") or ""),
                f"<code>{escape(str(each.get('file') or ''))}{line}</code>",
            ))  # fmt: skip
    if not rows:
        return ""
    heads = ("check", "rule", "package", "what", "what to do", "where")
    return f"<h2>Findings</h2>\n{table(heads, rows)}"


def _messages(checks: Sequence[Mapping[str, Any]]) -> str:
    """What failed or was skipped for another reason than findings."""
    rows = [
        (
            f"<code>{escape(each['id'])}</code>",
            verdict_mark(each["outcome"]),
            f"<pre>{escape(each['message'])}</pre>",
        )
        for each in checks
        if each.get("message") and not each.get("reproduction")
    ]
    return f"<h2>Others</h2>\n{table(('check', 'outcome', 'reason'), rows)}" if rows else ""
