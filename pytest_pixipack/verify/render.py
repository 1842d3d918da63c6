"""Findings as lines for a terminal."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_pixipack.verify.findings import Finding, plain

if TYPE_CHECKING:
    from pytest_pixipack.verify.report import Report

_INDENT = "    "
_GAP = "   "
_MOST_PLACES = 6
# Characters of a value; a file that was made for it has requirements of millions.
_LONGEST = 2000
# Of these rules, many packages at the same places are listed in one finding.
_LISTED = {
    "lock-unused": "locked, but nothing needs them",
    "lock-backend": "what build backends add to their dependencies was not compared",
}
_LEAST_LISTED = 3
# Fields whose values do not speak for themselves.
_NAMED_FIELDS = frozenset({
    "build", "build_number", "constrains", "features", "license", "license_family", "md5", "noarch",
    "platform", "sha256", "size", "strategy", "subdir", "timestamp", "track_features", "version",
    "channel-priority", "pypi-prerelease-mode", "virtual-packages", "pixi-pack-version",
})  # fmt: skip


def render(findings: Report | Iterable[Finding], width: int = 80) -> list[str]:
    """The findings as lines of at most `width` columns, where words allow it.

    Findings that differ only in environment and platform are shown once, with all their places.

    >>> for line in render([Finding(
    ...     rule="artifact-depends", severity="error", layers=("lock", "artifact"),
    ...     message="The artifact depends on something else.", platform="linux-64",
    ...     package="main-pkg", version="0.1.0", field="depends", expected=["libfoo >=1.2,<2"],
    ...     actual=["libfoo >=1.3,<2"], remedy="pixi lock")]):
    ...     print(line)
      artifact-depends   main-pkg 0.1.0 on linux-64
        lock       libfoo >=1.2,<2
        artifact   libfoo >=1.3,<2
        remedy     pixi lock
    """
    listed = findings if isinstance(findings, Iterable) else findings.findings
    lines: list[str] = []
    for finding, places in _listed(_grouped(listed)):
        lines += _one(finding, places, width)
    return lines


# `run_exports.weak`, `extra_depends.gui`: the same list of texts could be in any of them.
_NAMED_GROUPS = ("run_exports.", "extra_depends.")

_Place = tuple[str | None, str | None]


def _grouped(findings: Iterable[Finding]) -> list[tuple[Finding, list[_Place]]]:
    groups: dict[str, tuple[Finding, list[_Place]]] = {}
    for finding in findings:
        # A package has an entry of its own for each platform; the first line stands for them.
        same = replace(finding, environment=None, platform=None, message="", line=None)
        key = repr((same, plain(same.expected), plain(same.actual)))
        _, places = groups.setdefault(key, (finding, []))
        places.append((finding.environment, finding.platform))
    return list(groups.values())


def _listed(groups: Iterable[tuple[Finding, list[_Place]]]) -> list[tuple[Finding, list[_Place]]]:
    """The same groups; of some rules, packages with the same places are listed in one finding."""
    found: list[tuple[Finding, list[_Place]]] = []
    together: dict[str, list[tuple[Finding, list[_Place]]]] = {}
    for finding, places in groups:
        key = repr((finding.rule, finding.severity, finding.layers, finding.file, places))
        if finding.rule not in _LISTED or finding.package is None:
            key = repr(len(together))
        together.setdefault(key, []).append((finding, places))
    for members in together.values():
        if len(members) < _LEAST_LISTED:
            found += members
            continue
        first, places = members[0]
        names = [member.package or "" for member, _ in members]
        remedies = dict.fromkeys(member.remedy for member, _ in members)
        plain = (first.remedy or "").partition(", or ")[0]
        whole = replace(
            first,
            package=f"{len(names)} packages",
            version=None,
            expected=None,
            actual=None,
            line=None,
            message=f"{_LISTED[first.rule]}: {', '.join(names)}",
            remedy=first.remedy if len(remedies) == 1 else plain,
        )
        found.append((whole, places))
    return found


def _one(finding: Finding, places: list[_Place], width: int) -> list[str]:
    severity = "" if finding.severity == "error" else f" ({finding.severity})"
    subject = _subject(finding, places)
    lines = _wrapped(f"  {finding.rule}{severity}{_GAP}", subject, width)
    rows = list(_rows(finding))
    column = max((len(label) for label, _ in rows), default=0)
    last: list[str] = []
    for label, text in rows:
        last = _wrapped(f"{_INDENT}{label.ljust(column)}{_GAP}", text, width)
        lines += last
    location = _location(finding)
    # A message that names the file has said where.
    if location and not any(_names(text, location) for label, text in rows if not label):
        joined = f"{lines[-1]}{_GAP}{location}"
        # Behind the last of several lines, it would read as a part of them.
        if rows and rows[-1][0] == "remedy" and len(last) == 1 and len(joined) <= width:
            lines[-1] = joined
        else:
            lines += _wrapped(f"{_INDENT}{'at'.ljust(column)}{_GAP}", location, width)
    return lines


def _names(text: str, location: str) -> bool:
    return location in (word.strip(".,:;") for word in text.split())


def _subject(finding: Finding, places: list[_Place]) -> str:
    parts = [finding.package or "", finding.version or ""]
    platforms = list(dict.fromkeys(p for _, p in places if p))
    environments = list(dict.fromkeys(e for e, _ in places if e))
    if platforms:
        parts.append(f"on {_few(platforms)}")
    if environments not in ([], ["default"]):
        parts.append(f"in {_few(environments)}")
    return " ".join(part for part in parts if part)


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_PLACES])
    more = len(names) - _MOST_PLACES
    return f"{shown} and {more} more" if more > 0 else shown


def _rows(finding: Finding) -> Iterable[tuple[str, str]]:
    if finding.expected is None and finding.actual is None:
        # The head names the package already.
        yield "", finding.message.removeprefix(f"{finding.package}: ")
    else:
        expected, actual = _labels(finding)
        named = finding.field in _NAMED_FIELDS or (finding.field or "").startswith(_NAMED_GROUPS)
        field = f"{finding.field} " if named else ""
        yield expected, field + _value(finding.expected)
        yield actual, field + _value(finding.actual)
    if finding.cause:
        evidence = f": {finding.evidence}" if finding.evidence else ""
        yield "cause", f"{finding.cause}{evidence}"
    if finding.remedy:
        yield "remedy", finding.remedy.rstrip(".")


def _labels(finding: Finding) -> tuple[str, str]:
    if len(finding.layers) >= 2 and finding.layers[0] != finding.layers[1]:
        return finding.layers[0], finding.layers[1]
    return "expected", "found"


def _value(value: Any) -> str:
    """A value in words; an absent one is `nothing`."""
    if value is None or value in ([], (), {}):
        return "nothing"
    if isinstance(value, (list, tuple)):
        separator = "; " if any("," in str(item) for item in value) else ", "
        return separator.join(_value(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value) if value != "" else '""'


def _harmless(text: str) -> str:
    """A text without what a terminal would obey, and cut where nobody would read on."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
    more = len(shown) - _LONGEST
    return f"{shown[:_LONGEST]}... ({more} more characters)" if more > 0 else shown


def _location(finding: Finding) -> str | None:
    if finding.file is None:
        return None
    return finding.file if finding.line is None else f"{finding.file}:{finding.line}"


def _wrapped(label: str, text: str, width: int) -> list[str]:
    text = _harmless(text)
    if not text:
        return [label.rstrip()]
    return textwrap.wrap(
        text,
        max(width, len(label) + 20),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
