"""A comparison for people: a tree of places for a terminal, tables for a pull request.

Both are made from `Comparison` alone, so that they serve every layer.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_pixipack.compare.causes import CAUSE_TEXTS
from pytest_pixipack.compare.model import VERDICTS, Comparison, Difference, Verdict

# Differences that are shown; all are in the JSON document.
_MOST = 60
# Columns that the values of a difference get at least.
_NARROWEST = 24
# What is shown of the beginning that two long values have in common.
_KEPT = 8
# Sentences of evidence that are shown for each cause.
_MOST_EVIDENCE = 3
# How evidence ends that only counts.
_MORE = " likewise"
_REPODATA = "repodata.json"
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
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
    root = _Node()
    for difference in sorted(shown, key=lambda each: (each.where, each.field)):
        node = root
        for part in _parts(difference.where):
            node = node.children.setdefault(part, _Node())
        node.leaves.append(difference)
    lines: list[str] = []
    for name, node in root.children.items():
        joined, below = _joined(name, node)
        lines.append(joined)
        lines += _branches(below, "", width, comparison.verdict)
    lines += _rows(root.leaves, "", width, comparison.verdict)
    if len(found) > len(shown):
        lines.append(f"and {len(found) - len(shown)} more differences (--json FILE has all)")
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


def exit_line(comparison: Comparison, code: int) -> str:
    """What the exit code is, and what would make it 0."""
    tolerable = comparison.verdict in ("order-only", "metadata")
    hint = f"   (--tolerate {comparison.verdict} makes it 0)" if code and tolerable else ""
    return f"exit {code}{hint}"


def comparison_markdown(comparison: Comparison, title: str) -> str:
    """The differences as Markdown, fit for a pull request: the verdict, causes, and a table."""
    from pytest_pixipack.lock.diff_markdown import code, folded_head, text

    lines = [f"### {code(title)}: {comparison.verdict}", "", f"{_TEXTS[comparison.verdict]}."]
    lines[-1] = lines[-1][:1].upper() + lines[-1][1:]
    causes = sorted({each.cause for each in comparison.differences if each.cause})
    if causes:
        lines += ["", "| cause | what to do |", "|---|---|"]
        lines += [f"| {code(name)} | {text(CAUSE_TEXTS[name].remedy)} |" for name in causes]
    for place, found in _by_place(comparison).items():
        number = len(found)
        summary = f"{place}: {number} difference{'' if number == 1 else 's'}"
        lines += ["", folded_head(summary), ""]
        lines += ["| where | field | kind | left | right | cause |", "|---|---|---|---|---|---|"]
        for each in found[:_MOST]:
            cells = ("/".join(_parts(each.where)[1:]) or title, each.field, each.kind)
            sides = (_value(each.left, 60), _value(each.right, 60))
            row = [code(cells[0]), text(cells[1]), cells[2], *map(code, sides), each.cause or ""]
            lines.append(f"| {' | '.join(row)} |")
        if number > _MOST:
            lines += ["", f"and {number - _MOST} more."]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def wrapped(label: str, content: str, width: int) -> list[str]:
    """A text behind its label, its further lines below its first."""
    return textwrap.wrap(
        content,
        max(width, len(label) + 20),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _evidence(comparison: Comparison, cause: str) -> list[str]:
    """What led to a cause, in words; that more lines differ so stands beside the first one."""
    found = (each.evidence for each in comparison.differences if each.cause == cause)
    return list(dict.fromkeys(text for text in found if text and not text.endswith(_MORE)))


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    leaves: list[Difference] = field(default_factory=list)


def _parts(where: Sequence[str]) -> list[str]:
    """The steps of a place: folders are steps as well, the tars inside a package are none."""
    named = [where[0], *(part for part in where[1:] if not _PART.fullmatch(part))] if where else []
    return [step for part in named for step in part.split("/") if step]


def _touched(comparison: Comparison) -> set[str]:
    steps = (_parts(each.where) for each in comparison.differences)
    return {step for parts in steps for step in parts if step.endswith(_PACKAGES)}


def _without_repeated(differences: Sequence[Difference]) -> list[Difference]:
    """Without what repodata repeats of packages that differ themselves."""
    repeating = [any(part.endswith(_REPODATA) for part in each.where[:-1]) for each in differences]
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


def _branches(node: _Node, indent: str, width: int, verdict: Verdict) -> Iterator[str]:
    names = list(node.children)
    yield from _rows(node.leaves, indent, width, verdict, more=bool(names))
    ready = [_joined(name, node.children[name]) for name in names]
    column = max(
        (len(name) for name, child in ready if not child.children and len(name) <= width // 2),
        default=0,
    )
    for number, (name, child) in enumerate(ready):
        last = number == len(ready) - 1
        head = f"{indent}{'└─' if last else '├─'} "
        below = f"{indent}{'   ' if last else '│  '}"
        if child.children or len(child.leaves) > 1 or len(head) + len(name) > width - _NARROWEST:
            yield f"{head}{name}"
            yield from _branches(child, below, width, verdict)
        else:
            start = f"{head}{name.ljust(column)}   "
            line = start + _values(child.leaves[0], width - len(start), 0, verdict)
            if len(line) <= width:
                yield line
            else:
                yield f"{head}{name}"
                yield from _rows(child.leaves, below, width, verdict)


def _rows(
    leaves: Sequence[Difference], indent: str, width: int, verdict: Verdict, *, more: bool = False
) -> Iterator[str]:
    column = max((len(each.field) for each in leaves), default=0)
    for number, each in enumerate(leaves):
        last = number == len(leaves) - 1 and not more
        head = f"{indent}{'└─' if last else '├─'} "
        row = _values(each, width - len(head), min(column, width // 3), verdict)
        if len(head) + len(row) > width:
            row = _values(each, width - len(head), 0, verdict)
        yield head + row


def _values(difference: Difference, room: int, column: int, verdict: Verdict) -> str:
    """Field, both values and the cause of a difference, in so many columns where that is enough.

    What is less than the verdict says so.
    """
    label = difference.field.ljust(column)
    end = f"   {difference.cause}" if difference.cause else ""
    if difference.kind != verdict:
        end += f" ({difference.kind})"
    if difference.kind == "order-only":
        return f"{label}{end}"
    if difference.evidence and difference.evidence.endswith(_MORE):
        end += f" ({difference.evidence})"
    left, right = _both(difference, max(room - len(label) - len(end) - 3, _NARROWEST))
    if left is not None and right is not None:
        return f"{label}   {left} -> {right}{end}"
    return f"{label}   {left or right}{end}" if left or right else f"{label.rstrip()}{end}"


def _both(difference: Difference, room: int) -> tuple[str | None, str | None]:
    """Both values, short enough to stand side by side; None for what need not be told."""
    left, right = difference.left, difference.right
    if difference.cause in ("file-added", "file-removed"):
        return (None, "added") if left is None else ("removed", None)
    if isinstance(left, list) and isinstance(right, list):
        gone = [f"- {_plain(each)}" for each in left if each not in right]
        came = [f"+ {_plain(each)}" for each in right if each not in left]
        return _cut("  ".join([*gone, *came]) or "other order or number", room), None
    texts = _plain(left), _plain(right)
    if all(map(_DIGEST.fullmatch, texts)):
        return None, None
    texts = _value(left, len(texts[0])), _value(right, len(texts[1]))
    half = max((room - 4) // 2, _NARROWEST // 2)
    if max(map(len, texts)) > half:
        texts = _behind_common(*texts)
    if min(map(len, texts)) < half:  # the other one may have the rest
        half = room - 4 - min(map(len, texts))
    return _cut(texts[0], half), _cut(texts[1], half)


def _behind_common(left: str, right: str) -> tuple[str, str]:
    """Two texts without most of what they begin with in common."""
    pairs = enumerate(zip(left, right, strict=False))
    same = next((at for at, (old, new) in pairs if old != new), min(len(left), len(right)))
    if same <= _KEPT:
        return left, right
    start = same - _KEPT // 2
    return f"…{left[start:]}", f"…{right[start:]}"


def _value(value: Any, most: int) -> str:
    text = _plain(value)
    return f"{text[:10]}…" if _DIGEST.fullmatch(text) else _cut(text, most)


def _plain(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) or '""'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(most - 1, 1)]}…"


def _joined(name: str, node: _Node) -> tuple[str, _Node]:
    """A place and the only one in it, and so on, as one."""
    while len(node.children) == 1 and not node.leaves and not name.endswith(_PACKAGES):
        inner, below = next(iter(node.children.items()))
        name, node = f"{name}/{inner}", below
    return name, node
