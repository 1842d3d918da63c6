"""The result of experiments as one HTML file that needs no script, no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.reproduce.differences import FAILED
from pytest_pixipack.reproduce.model import Attributed, Reproduction, VariationResult, worst
from pytest_pixipack.reproduce.report import heading, remedies, sections

if TYPE_CHECKING:
    from pytest_pixipack.reproduce.changes import RecordComparison

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2rem }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
         vertical-align: top }
th { font-weight: 600 } .scroll { overflow-x: auto }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: 0 .8rem }
summary { cursor: pointer; padding: .5rem 0 }
.verdict { border-radius: .3rem; padding: .05rem .5rem; background: var(--soft);
           white-space: nowrap }
.identical, .passed { background: #2a24 } .order-only { background: #28c4 }
.metadata { background: #c824 } .payload, .failed { background: #c224 } .soft { opacity: .75 }
"""
# Values are shown so far; the JSON document has all of them.
_LONGEST = 160
_LONGEST_REASON = 1000


def write_html(
    results: Sequence[Reproduction], path: Path, against: RecordComparison | None = None
) -> None:
    """Writes the report, with what has changed since a record where one was compared.

    Raises `Infrastructure` where the file cannot be written.
    """
    write_document(html_report(results, against), path)


def write_document(text: str, path: Path) -> None:
    """Writes an HTML document. Raises `Infrastructure` where the file cannot be written."""
    from pytest_pixipack.outputs import write_output

    write_output(path, text, "The report")


def workspace_title(workspace: Path) -> str:
    """What a workspace calls itself, else the name of its directory."""
    from pytest_pixipack.manifest import load_manifest

    try:
        return load_manifest(workspace).need_workspace().name or workspace.name
    except PixipackError:
        return workspace.name


def html_report(results: Sequence[Reproduction], against: RecordComparison | None = None) -> str:
    """The whole document, with everything that it shows inside."""
    parts = [section(result) for result in results]
    if against is not None:
        parts.append(record_section(against.to_json()))
    return document("Does the same come out again?", "\n".join(parts))


def record_section(compared: Mapping[str, Any]) -> str:
    """What has changed since a record: `compared` is `RecordComparison.to_json`."""
    rows = [
        ("explained" if each["explained"] else "<b>not explained</b>", escape(each["message"]))
        for each in compared["changes"]
    ]
    parts = ["<h2>Since the record</h2>"]
    if rows:
        parts.append(table(("is it explained?", "change"), rows))
    elif compared["compared"]:
        parts.append("<p>Nothing has changed.</p>")
    else:
        parts.append("<p>Nothing was compared.</p>")
    if left_out := compared["not_compared"]:
        shown = ", ".join(map(escape, left_out))
        parts.append(f'<p class="soft">Not compared, for it is in one of the two only: {shown}</p>')
    return "\n".join(parts)


def document(title: str, body: str) -> str:
    """An HTML document around a body."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n</html>\n"
    )


def section(result: Reproduction) -> str:
    """One experiment: verdict, what makes differences, and a table of all variations."""
    title = f"{workspace_title(result.workspace)}: {result.environment} on {result.platform}"
    parts = [
        f"<section>\n<h2>{escape(title)} {verdict_mark(result.verdict)}</h2>",
        f'<p class="soft">{result.builds} builds of at most {result.most}; '
        f"{', '.join(f'<code>{escape(each.name)}</code>' for each in result.targets)}</p>",
        *(_culprit(names, found) for names, found in sections(result)),
        table(("variation", "verdict", "causes", "note"), _variations(result)),
    ]
    if result.hidden:
        names = ", ".join(f"<code>{escape('/'.join(each[-1:]))}</code>" for each in result.hidden)
        text = "differs each time anyway: what conditions change there cannot be told"
        parts.append(f'<p class="soft">{names} {text}</p>')
    if result.causes:
        pairs = (each.partition(": ") for each in remedies(result))
        rows = ((escape(about), escape(what)) for about, _, what in pairs)
        parts.append(table(("cause", "what to do"), rows))
    return "\n".join([*parts, "</section>"])


def verdict_mark(verdict: str) -> str:
    """A verdict as a coloured word."""
    return f'<span class="verdict {escape(verdict)}">{escape(verdict)}</span>'


def table(heads: Sequence[str], rows: Any) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _culprit(names: Sequence[str], found: Sequence[Attributed]) -> str:
    rows = "".join(_difference(found))
    number = f"{len(found)} difference{'' if len(found) == 1 else 's'}"
    return (
        f"<details open><summary><b>{escape(heading(names, found))}</b> "
        f"{verdict_mark(worst(found))} {number}</summary>\n{rows}</details>"
    )


def _difference(found: Sequence[Attributed]) -> Iterator[str]:
    failed = [each for each in found if each.difference.where == FAILED]
    for each in failed:
        yield f"<p>The build fails: {_reason(each.difference.right)}</p>"
    heads = ("where", "field", "kind", "usually", "changed", "cause")
    others = [each for each in found if each not in failed]
    if others:
        yield table(heads, (_row(each) for each in others))


def _row(each: Attributed) -> tuple[str, ...]:
    difference = each.difference
    cause = escape(each.cause or "unknown")
    if not each.agrees:
        cause += f" <b>disputed</b>: it looks like {escape(each.claimed or 'unknown')}"
    if difference.evidence:
        cause += f"<br>{_soft(difference.evidence)}"
    return (
        " › ".join(f"<code>{escape(part)}</code>" for part in difference.where),
        escape(difference.field),
        difference.kind,
        f"<code>{_value(difference.left)}</code>",
        f"<code>{_value(difference.right)}</code>",
        cause,
    )


def _variations(result: Reproduction) -> Iterator[tuple[str, ...]]:
    """A row for each variation, and one for those that make a difference together only."""
    culprits = result.culprits()
    shown: set[tuple[str, ...]] = set()
    for each in result.variations:
        mine = [names for names in culprits if each.name in names]
        for names in (names for names in mine if names not in shown):
            shown.add(names)
            found = culprits[names]
            causes = sorted({one.cause for one in found if one.cause})
            yield (
                _names(names, all(one.resolved for one in found)),
                verdict_mark(worst(found)),
                escape(", ".join(causes)),
                _soft("; ".join(_notes(each))),
            )
        if not mine:
            mark = verdict_mark(each.verdict) if each.verdict else _soft("not tried")
            yield (
                _names((each.name,)),
                mark,
                escape(", ".join(each.causes)),
                _soft("; ".join(_notes(each))),
            )


def _names(names: Sequence[str], resolved: bool = True) -> str:
    between = " + " if resolved else " or "
    text = between.join(f"<code>{escape(each)}</code>" for each in names)
    return f"{text} (only together)" if resolved and len(names) > 1 else text


def _soft(text: str | None) -> str:
    return f'<span class="soft">{escape(text or "")}</span>'


def _notes(each: VariationResult) -> Iterator[str]:
    if each.reason:
        yield each.reason
    if not each.told:
        yield "as far as can be told"


def _reason(text: Any) -> str:
    """Why a build fails: what it said last is the reason."""
    whole = str(text)
    if len(whole) <= _LONGEST_REASON:
        return escape(whole)
    start = whole[: _LONGEST_REASON // 4]
    return escape(f"{start} … {whole[len(start) - _LONGEST_REASON :]}")


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
