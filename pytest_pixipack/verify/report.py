"""Reports: what was checked, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_pixipack.verify.findings import SEVERITIES, Finding, FindingsError, plain


@dataclass(frozen=True, slots=True)
class Report:
    """Findings in a stable order, and the names of the rules that ran (`checked`).

    Where `strict`, warnings count as errors; notes never fail anything.
    """

    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def of(cls, findings: Iterable[Finding], checked: Iterable[str] = ()) -> Report:
        """A report of findings in any order; equal ones are kept once."""
        distinct: dict[str, Finding] = {}
        for finding in findings:
            distinct.setdefault(repr(finding.to_json()), finding)
        ordered = sorted(distinct.values(), key=_order)
        return cls(tuple(ordered), tuple(dict.fromkeys(checked)))

    @classmethod
    def merged(cls, reports: Iterable[Report]) -> Report:
        """One report of several; it is strict if one of them is."""
        every = list(reports)
        merged = cls.of(
            (finding for report in every for finding in report.findings),
            (rule for report in every for rule in report.checked),
        )
        return merged.with_strict(any(report.strict for report in every))

    def with_strict(self, strict: bool = True) -> Report:
        """The same report, in which warnings are errors or not."""
        return replace(self, strict=strict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the outcome `failed`."""
        failing = ("error", "warning") if self.strict else ("error",)
        return tuple(finding for finding in self.findings if finding.severity in failing)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings of their own, whether or not `strict`."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def outcome(self) -> Literal["passed", "failed"]:
        """What the run is called."""
        return "passed" if self.ok else "failed"

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that found something, each once, in the order of the findings."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))

    def render(self, width: int = 80) -> list[str]:
        """The findings as lines for a terminal."""
        from pytest_pixipack.verify.render import render

        return render(self.findings, width)

    def __str__(self) -> str:
        return "\n".join([self.summary, *self.render()])

    @property
    def summary(self) -> str:
        """One line: how many findings of which severity."""
        if not self.findings:
            return f"nothing found; {len(self.checked)} rules checked"
        counts = {
            severity: sum(finding.severity == severity for finding in self.findings)
            for severity in SEVERITIES
        }
        words = [f"{n} {s}{'' if n == 1 else 's'}" for s, n in counts.items() if n]
        return f"{', '.join(words)}; {len(self.checked)} rules checked"

    def raise_for_findings(self) -> None:
        """Raises `FindingsError` with the rendered findings where there are errors."""
        if not self.ok:
            raise FindingsError(f"the layers do not agree: {self}", self.findings)

    def to_json(self, command: str = "verify") -> dict[str, Any]:
        """The command line's JSON document."""
        return {
            "schema": 1,
            "command": command,
            "outcome": self.outcome,
            "findings": [finding.to_json() for finding in self.findings],
        }


def _order(finding: Finding) -> tuple[Any, ...]:
    return (
        SEVERITIES.index(finding.severity),
        finding.environment or "",
        finding.platform or "",
        finding.package or "",
        finding.rule,
        finding.field or "",
        finding.message,
        repr((plain(finding.expected), plain(finding.actual))),
    )
