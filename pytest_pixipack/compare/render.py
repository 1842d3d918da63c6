"""A comparison for people: a tree of places for a terminal, tables for a pull request.

No line is wider than the terminal, and nothing in it gives orders to it. Both are made from
`Comparison` alone, so that they serve every layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_pixipack.compare.causes import CAUSE_TEXTS
from pytest_pixipack.compare.columns import printable, wrapped
from pytest_pixipack.compare.model import VERDICTS, Comparison, Difference, Verdict
from pytest_pixipack.compare.rows import MORE, short
from pytest_pixipack.compare.tree import Node, drawn

__all__ = [
    "cause_lines", "comparison_markdown", "exit_line", "tree_lines", "verdict_lines", "wrapped",
]  # fmt: skip

# Differences that are shown; all are in the JSON document.
_MOST = 60
# Sentences of evidence that are shown for each cause.
_MOST_EVIDENCE = 3
# Steps of a place that are shown.
_MOST_STEPS = 100
_REPODATA = "repodata.json"
_PACKAGES = (".conda", ".tar.bz2")
# The tars inside of a package, whose members say by their names which one they are in.
_PART = re.compile(r"(?:pkg|info)-.*\.tar\.zst")
_TEXTS: Mapping[Verdict, str] = {
    "identical": "nothing differs",
    "order-only": "the same in another order",
    "metadata": "what gets installed is the same",
    "payload": "what gets installed is not the same",
}


def verdict_lines(
    comparison: Comparison, packages: int | None = None, width: int = 80
) -> list[str]:
    """The verdict and what it means; `packages` is the number of those that were compared."""
    verdict = comparison.verdict
    text = _TEXTS[verdict]
    touched = _touched(comparison)
    if packages and packages > 1 and touched:
        verb = "differ" if len(touched) > 1 else "differs"
        text += f"; {len(touched)} of {packages} packages {verb}"
    return wrapped(f"{verdict}   ", text, width)


def tree_lines(comparison: Comparison, width: int = 80) -> list[str]:
    """The differences as a tree of their places, the worst ones where there are many."""
    found = _without_repeated(comparison.differences)
    shown = sorted(found, key=lambda each: -VERDICTS.index(each.kind))[:_MOST]
    root = Node()
    for difference in sorted(shown, key=lambda each: (each.where, each.field)):
        node = root
        for part in _parts(difference.where):
            node = node.children.setdefault(part, Node())
        node.leaves.append(difference)
    lines = drawn(root, width, comparison.verdict)
    if len(found) > len(shown):
        more = f"and {len(found) - len(shown)} more differences (--json FILE has all)"
        lines += wrapped("", more, width)
    return lines


def cause_lines(comparison: Comparison, width: int = 80) -> list[str]:
    """Each cause once, the most frequent first, with what led to it and what to do about it."""
    counts: dict[str, int] = {}
    for each in comparison.differences:
        if each.cause is not None:
            counts[each.cause] = counts.get(each.cause, 0) + 1
    lines: list[str] = []
    for cause in sorted(counts, key=lambda name: (name == "unknown", -counts[name])):
        head = "causes   " if not lines else " " * 9
        lines += wrapped(head, f"{cause}: {CAUSE_TEXTS[cause].remedy}", width)
        for text in _evidence(comparison, cause)[:_MOST_EVIDENCE]:
            lines += wrapped(" " * 11, text, width)
    return lines


def exit_line(comparison: Comparison, code: int, width: int = 80) -> str:
    """What the exit code is, and what would make it 0."""
    verdict = comparison.verdict
    if not code or verdict not in ("order-only", "metadata"):
        return f"exit {code}"
    line = f"exit {code}   (--tolerate {verdict} makes it 0)"
    return line if len(line) <= width else f"exit {code}   (0: --tolerate {verdict})"


def comparison_markdown(comparison: Comparison, title: str) -> str:
    """The differences as Markdown, fit for a pull request: the verdict, causes, and a table."""
    from pytest_pixipack.lock.diff_markdown import code, folded_head, text

    title = printable(title)
    lines = [f"### {code(title)}: {comparison.verdict}", "", f"{_TEXTS[comparison.verdict]}."]
    lines[-1] = lines[-1][:1].upper() + lines[-1][1:]
    causes = sorted({each.cause for each in comparison.differences if each.cause})
    if causes:
        lines += ["", "| cause | what to do |", "|---|---|"]
        lines += [f"| {code(name)} | {text(CAUSE_TEXTS[name].remedy)} |" for name in causes]
    for place, found in _by_place(comparison).items():
        number = len(found)
        summary = f"{printable(place)}: {number} difference{'' if number == 1 else 's'}"
        lines += ["", folded_head(summary), ""]
        lines += ["| where | field | kind | left | right | cause |", "|---|---|---|---|---|---|"]
        for each in found[:_MOST]:
            where = printable("/".join(_parts(each.where)[1:])) or title
            cells = (where, printable(each.field), each.kind)
            sides = (short(each.left, 60), short(each.right, 60))
            row = [code(cells[0]), text(cells[1]), cells[2], *map(code, sides), each.cause or ""]
            lines.append(f"| {' | '.join(row)} |")
        if number > _MOST:
            lines += ["", f"and {number - _MOST} more."]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _evidence(comparison: Comparison, cause: str) -> list[str]:
    """What led to a cause, in words; that more lines differ so stands beside the first one."""
    found = (each.evidence for each in comparison.differences if each.cause == cause)
    return list(dict.fromkeys(text for text in found if text and not text.endswith(MORE)))


def _parts(where: Sequence[str]) -> list[str]:
    """The steps of a place: folders are steps as well, the tars inside a package are none."""
    named = [where[0], *(part for part in where[1:] if not _PART.fullmatch(part))] if where else []
    steps = [step for part in named for step in part.split("/") if step]
    if len(steps) <= _MOST_STEPS:
        return steps
    return [*steps[: _MOST_STEPS // 2], "…", *steps[-_MOST_STEPS // 2 :]]


def _touched(comparison: Comparison) -> set[str]:
    steps = (_parts(each.where) for each in comparison.differences)
    return {step for parts in steps for step in parts if step.endswith(_PACKAGES)}


def _without_repeated(differences: Sequence[Difference]) -> list[Difference]:
    """Without what repodata repeats of packages that differ themselves."""
    repeating = [any(part.endswith(_REPODATA) for part in each.where[:-1]) for each in differences]
    if not any(repeating):
        return list(differences)
    pairs = list(zip(differences, repeating, strict=True))
    said = {_said(each) for each, repeats in pairs if not repeats}
    return [each for each, repeats in pairs if not repeats or _said(each) not in said]


def _said(difference: Difference) -> str:
    package = next((part for part in _parts(difference.where) if part.endswith(_PACKAGES)), "")
    cause = difference.cause if difference.cause in ("file-added", "file-removed") else ""
    sides = "" if cause else repr((difference.field, difference.left, difference.right))
    return f"{package} {cause} {sides}"


def _by_place(comparison: Comparison) -> dict[str, list[Difference]]:
    """Differences by package, or by the outermost file below the thing that was compared."""
    found: dict[str, list[Difference]] = {}
    for each in comparison.differences:
        parts = _parts(each.where)
        package = next((part for part in parts if part.endswith(_PACKAGES)), None)
        found.setdefault(package or "/".join(parts[:2]), []).append(each)
    return found
