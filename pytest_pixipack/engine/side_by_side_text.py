"""What two toolchains make differently, for people: a tree for each layer, causes at the leaves."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_pixipack.engine.side_by_side import FAILING, LayerResult, SideBySide
from pytest_pixipack.engine.toolchains import Refusal, ToolchainRun

if TYPE_CHECKING:
    from pytest_pixipack.compare.model import Difference

_MOST = 20  # differences that are shown of one layer
_JOINED = 40  # characters of places that are written as one
_WIDEST = 60  # characters of both values of a difference
_TEXTS = {
    "identical": "identical",
    "order-only": "order-only   the same in another order",
    "metadata": "metadata   what gets installed is the same",
    "payload": "payload   what gets installed is not the same",
}
# What a cause means between two toolchains; others speak for themselves.
_CAUSES = {
    "tool-version": "a release writes its version down; expected between two of them",
    "source-identifier": "the locks call the same source package differently",
    "timestamp": "set SOURCE_DATE_EPOCH for the build",
    "dependency-change": "another dependency was locked, or given to a package by its backend",
    "build-string": "the backend gave the package another build string",
    "content": "the files themselves differ: look at the backend",
}

_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")

_Key = tuple[str, str, str, str]


def tools_text(run: ToolchainRun) -> str:
    """`pixi 0.77.0, pixi-pack 0.7.10, ...`."""
    return ", ".join(f"{name} {version}" for name, version in run.tools.items())


def side_by_side_lines(pair: SideBySide, width: int = 80) -> list[str]:
    """The tools of both sides, then each layer with its differences, then what the causes mean.

    A difference that an earlier layer has already is counted there and not shown again.
    """
    names = [pair.base.name, pair.other.name, "artifacts"]
    column = max(map(len, names))
    lines: list[str] = []
    for run in (pair.base, pair.other):
        lines += _wrapped(run.name.ljust(column), tools_text(run), width)
    seen: dict[_Key, str] = {}
    causes: list[str] = []
    refusals: dict[str, str] = {}
    for result in pair.layers:
        title = result.layer.ljust(column)
        if result.comparison is None:
            lines += _wrapped(title, _not_compared(pair, result, refusals), width)
            continue
        fresh = [each for each in result.comparison.differences if _key(each) not in seen]
        lines.append(f"{title}  {_heading(result, fresh, seen)}")
        lines += _tree(fresh, result, width)
        for each in result.comparison.differences:
            seen.setdefault(_key(each), result.layer)
            if each.cause in _CAUSES and each.cause not in causes:
                causes.append(each.cause)
    for number, cause in enumerate(causes):
        title = ("" if number else "causes").ljust(column)
        lines += _wrapped(title, f"{cause}: {_CAUSES[cause]}", width)
    return lines


def notes(pair: SideBySide) -> list[str]:
    """What a passed comparison has to say: layers that differ or that one side cannot make."""
    texts = []
    refusals: dict[str, str] = {}
    for result in pair.layers:
        if result.comparison is None:
            if result.verdict not in FAILING:
                text = _not_compared(pair, result, refusals)
                texts.append(f"{result.layer}: {text}")
        elif result.verdict != "identical":
            causes = sorted({each.cause or "unknown" for each in result.comparison.differences})
            texts.append(f"{result.layer}: {result.verdict} ({', '.join(causes)})")
    return texts


def _not_compared(pair: SideBySide, result: LayerResult, told: dict[str, str]) -> str:
    """Who cannot make a layer and why; a reason that was told is referred to."""
    if result.verdict == "lost":
        reason = _reason(result.other, result.layer, told)
        return f"{pair.other.name} cannot make what {pair.base.name} makes: {reason}"
    if result.verdict == "gained":
        reason = _reason(result.base, result.layer, told)
        return f"not compared, {pair.base.name} cannot: {reason}"
    base, other = (_reason(each, result.layer, told) for each in (result.base, result.other))
    if base == other or other == f"see {result.layer}":
        return f"not compared, neither can: {base}"
    return f"not compared, neither can: {pair.base.name}: {base} {pair.other.name}: {other}"


def _reason(refusal: Refusal | None, layer: str, told: dict[str, str]) -> str:
    message = " ".join(refusal.message.split()) if refusal else "nothing says why."
    if message in told:
        return f"see {told[message]}"
    told[message] = layer
    return message


def _heading(result: LayerResult, fresh: Sequence[Difference], seen: dict[_Key, str]) -> str:
    text = _TEXTS[result.verdict]
    assert result.comparison is not None
    again = [each for each in result.comparison.differences if each not in fresh]
    if again:
        layers = list(dict.fromkeys(seen[_key(each)] for each in again))
        count = "all" if not fresh else str(len(again))
        text += f"; {count} as in {' and '.join(layers)}"
    return text


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    leaves: list[Difference] = field(default_factory=list)


def _tree(differences: Sequence[Difference], result: LayerResult, width: int) -> Iterator[str]:
    root = _Node()
    shown = sorted(differences, key=lambda each: each.kind != result.verdict)[:_MOST]
    for difference in shown:
        node = root
        for part in difference.where:
            node = node.children.setdefault(part, _Node())
        node.leaves.append(difference)
    yield from _branches(root, "", result, width)
    if len(differences) > _MOST:
        yield f"   and {len(differences) - _MOST} more"


def _branches(node: _Node, indent: str, result: LayerResult, width: int) -> Iterator[str]:
    every: list[tuple[str, _Node | None, Difference | None]] = [
        *((name, child, None) for name, child in node.children.items()),
        *(("", None, leaf) for leaf in node.leaves),
    ]
    for number, (name, child, leaf) in enumerate(every):
        last = number == len(every) - 1
        if child is not None:
            name, child = _joined(name, child)
        head = f"{indent}{'└─' if last else '├─'} "
        below = f"{indent}{'   ' if last else '│  '}"
        if leaf is not None:
            yield f"{head}{_leaf(leaf, result)}"
        elif child is not None and not child.children and len(child.leaves) == 1:
            one = f"{head}{name}   {_leaf(child.leaves[0], result)}"
            if len(one) <= width:
                yield one
            else:
                yield f"{head}{name}"
                yield f"{below}└─ {_leaf(child.leaves[0], result)}"
        elif child is not None:
            yield f"{head}{name}"
            yield from _branches(child, below, result, width)


def _joined(name: str, node: _Node) -> tuple[str, _Node]:
    """A place and the only one in it, and so on, as one, while that is short."""
    while len(node.children) == 1 and not node.leaves:
        inner, below = next(iter(node.children.items()))
        if len(name) + len(inner) > _JOINED:
            break
        name, node = f"{name}/{inner}", below
    return name, node


def _leaf(difference: Difference, result: LayerResult) -> str:
    values = ""
    if difference.kind != "order-only":
        left, right = (_shown(each) for each in (difference.left, difference.right))
        values = f"   {left} -> {right}"
    parts = [f"{difference.field}{values}", difference.cause or ""]
    if difference.kind != result.verdict:
        parts.append(f"({difference.kind})")
    return "   ".join(part for part in parts if part)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split()) or '""'
    if _DIGEST.fullmatch(text):
        return f"{text[:10]}…"
    return text if len(text) <= _WIDEST // 2 else f"{text[: _WIDEST // 2 - 1]}…"


def _key(difference: Difference) -> _Key:
    place = difference.where[-1] if difference.where else ""
    left, right = (json.dumps(each, default=str) for each in (difference.left, difference.right))
    return place, difference.field, left, right


def _wrapped(title: str, text: str, width: int) -> Iterable[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"{title}  ",
        subsequent_indent=" " * (len(title) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
