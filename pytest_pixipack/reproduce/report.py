"""The result of an experiment for people: a tree for a terminal, properties for JUnit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_pixipack.compare.model import Comparison, Verdict
from pytest_pixipack.compare.render import tree_lines, wrapped
from pytest_pixipack.reproduce.agreement import remedy
from pytest_pixipack.reproduce.differences import FAILED
from pytest_pixipack.reproduce.model import RANDOM, Attributed, Reproduction, worst

if TYPE_CHECKING:
    from pytest_pixipack.reproduce.records import RecordComparison

_LABEL = 11  # columns of the words at the left
_MOST_NAMES = 5
_MEANING: dict[Verdict, str] = {
    "identical": "every build is the same, byte for byte",
    "order-only": "the same in another order",
    "metadata": "what gets installed is the same, its carrier is not",
    "payload": "what gets installed is not the same",
}


def report_lines(result: Reproduction, width: int = 80) -> list[str]:
    """What differs and through what, the variations that change nothing, and what to do."""
    lines = wrapped(f"{result.verdict}   ", _MEANING[result.verdict], width)
    for names, found in sections(result):
        lines += _culprit(names, found, width)
    lines += _disagreements(result, width)
    failures = [
        f"{_with(each)}: {each.difference.right}"
        for each in result.differences
        if each.difference.where == FAILED
    ]
    lines += _labelled("fails", failures, width)
    clean = ", ".join(_clean(result))
    told = f"as far as can be told: {clean}" if clean and result.hidden else clean
    lines += _labelled("clean", [told], width)
    lines += _labelled("hidden", _hidden(result), width)
    notes = [f"{each.name}: {each.reason}" for each in result.variations
             if each.applied and each.reason]  # fmt: skip
    lines += _labelled("in part", notes, width)
    missing = [f"{each.name}: {each.reason}" for each in result.variations if not each.applied]
    lines += _labelled("not tried", missing, width)
    lines += _labelled("causes", remedies(result), width)
    what = f"{result.builds} (at most {result.most}); {result.environment} on {result.platform}"
    return lines + _labelled("builds", [what], width)


def record_lines(compared: RecordComparison, width: int = 80) -> list[str]:
    """What is another one than recorded, what explains it, what nothing does, and what is left out
    because one of the two records does not cover it.
    """
    lines: list[str] = []
    if not compared.changes and compared.compared:
        lines.append(
            "nothing has changed" + (" in what was compared" * bool(compared.not_compared))
        )
    for each in compared.changes:
        mark = "=" if each.is_explained else "!"
        lines += wrapped(f"{mark} ", str(each), width)
    if compared.not_compared:
        from pytest_pixipack.reproduce.records import few

        text = f"in one of the two only: {few(compared.not_compared)}"
        lines += wrapped("not compared   ", text, width)
    if not compared.compared:
        lines.append("nothing was compared")
    number = len(compared.findings)
    if number:
        text = "change is" if number == 1 else "changes are"
        lines.append(f"{number} {text} not explained by what is recorded (!)")
    return lines


def sections(result: Reproduction) -> Iterator[tuple[tuple[str, ...], Sequence[Attributed]]]:
    """What differs, by the conditions that make it, what comes and goes with them apart."""
    for names, found in result.culprits().items():
        for sometimes in (False, True):
            own = [each for each in found if each.comes_and_goes is sometimes]
            if own:
                yield names, own


def heading(names: Sequence[str], found: Sequence[Attributed]) -> str:
    """What makes these differences, in words."""
    if not all(each.resolved for each in found):
        if len(names) == 1:
            return f"{names[0]}, or chance; too few builds were left to find out"
        return f"one of {', '.join(names)}; too few builds were left to find out which"
    counts = next((each.seen for each in found if each.seen is not None), None)
    if not names and counts is not None:
        return f"{RANDOM}: differs now and then, in {counts.seen} of {counts.builds} builds"
    if not names:
        return f"{RANDOM}: differs although nothing was changed"
    if counts is not None:
        return (
            f"{RANDOM}: differs now and then, only seen with another {' + '.join(names)}: in "
            f"{counts.seen} of {counts.builds} builds, without that in {counts.seen_without} of "
            f"{counts.builds_without}"
        )
    together = " (only together)" if len(names) > 1 else ""
    return f"{' + '.join(names)}{together}"


def junit_properties(result: Reproduction) -> list[tuple[str, str]]:
    """Properties of a test: the verdict, the number of builds, and one for each variation."""
    found = [
        ("pixipack_verdict", result.verdict),
        ("pixipack_builds", str(result.builds)),
        ("pixipack_causes", " ".join(result.causes)),
    ]
    for each in result.variations:
        told = f"{each.verdict} {' '.join(each.causes)}".strip() if each.applied else "not applied"
        if each.applied and not each.told:
            told += ", as far as can be told"
        found.append((f"pixipack_variation_{each.name}", told))
    return found


def _culprit(names: Sequence[str], found: Sequence[Attributed], width: int) -> list[str]:
    shown = Comparison.of(replace(each.difference, cause=each.cause) for each in found)
    head = wrapped("", f"{heading(names, found)}   {worst(found)}", width)
    return [*head, *(f"  {line}" for line in tree_lines(shown, width - 2))]


def _disagreements(result: Reproduction, width: int) -> list[str]:
    """Where the comparison names another cause than the experiment."""
    texts = [
        f"{'/'.join(each.difference.where[-1:])}: it looks like {each.claimed}, but "
        f"{' + '.join(each.variations)} makes the difference"
        for each in result.differences
        if not each.agrees
    ]
    return _labelled("disputed", texts, width)


def _clean(result: Reproduction) -> list[str]:
    return [each.name for each in result.variations if each.applied and each.verdict == "identical"]


def _with(each: Attributed) -> str:
    found = [
        "now and then" if each.cause == RANDOM or not each.variations else "",
        f"with another {' + '.join(each.variations)}" if each.variations else "",
    ]
    return ", ".join(filter(None, found))


def _hidden(result: Reproduction) -> list[str]:
    """Where `clean` says nothing."""
    if not result.hidden:
        return []
    names = dict.fromkeys("/".join(where[-1:]) for where in result.hidden)
    shown = ", ".join(list(names)[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return [f"what conditions change in {shown}{more} cannot be told: it differs each time anyway"]


def remedies(result: Reproduction) -> list[str]:
    """What to do, each thing once: about a cause, or about a condition where that says more."""
    found = (
        # What to do about chance is about the condition that there is no chance without.
        remedy(
            "unknown" if each.comes_and_goes else each.cause,
            each.variations if each.resolved else (),
            agrees=each.agrees,
        )
        for each in result.differences
        if each.cause
    )
    return [f"{about}: {what}" for about, what in sorted(dict.fromkeys(found))]


def _labelled(label: str, texts: Sequence[str], width: int) -> list[str]:
    """Texts behind one label, each one on a line of its own."""
    lines: list[str] = []
    for text in filter(None, texts):
        lines += wrapped((label if not lines else "").ljust(_LABEL), text, width)
    return lines
