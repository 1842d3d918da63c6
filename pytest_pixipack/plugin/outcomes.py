"""How a stage of a workspace ended, as it is stored and read by any worker."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_pixipack.errors import Offline, PixipackError
from pytest_pixipack.verify.findings import Finding

Status = Literal["passed", "failed", "unsupported", "offline", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`message` says what went wrong where no finding does, `details` where and what to do.

    `data` is what later stages need.
    """

    status: Status
    message: str | None = None
    findings: tuple[Finding, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether what depends on this can run."""
        return self.status == "passed"

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make it fail."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def others(self) -> tuple[Finding, ...]:
        """Warnings and notes."""
        return tuple(finding for finding in self.findings if finding.severity != "error")

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "status": self.status,
            "message": self.message,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "data": dict(self.data),
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """The reverse of `to_json`."""
        return cls(
            value["status"],
            value["message"],
            tuple(_finding(each) for each in value["findings"]),
            value["data"],
            value["details"],
        )


def judged(findings: tuple[Finding, ...], **data: Any) -> Outcome:
    """Failed where a finding is an error, else passed."""
    failed = any(finding.severity == "error" for finding in findings)
    return Outcome("failed" if failed else "passed", None, findings, data)


def guarded(make: Callable[[], Outcome]) -> Outcome:
    """The outcome, also where it is an error of ours or of the machine's."""
    try:
        return make()
    except PixipackError as error:
        return Outcome(_status(error), error.message, details=error_details(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return Outcome("infrastructure", f"{place}{error.strerror or error}")


def message_lines(message: str, details: Mapping[str, str], width: int = 80) -> list[str]:
    """A sentence, and below it where it applies and what to do, in `width` columns.

    >>> print("\\n".join(message_lines("It is broken.", {"file": "a:3", "remedy": "Mend it."})))
      It is broken.
        file       a:3
        remedy     Mend it.
    """
    lines = _wrapped("  ", message, width)
    for name, text in details.items():
        lines += _wrapped(f"    {name:<10} ", text, width)
    return lines


def _wrapped(start: str, text: str, width: int) -> list[str]:
    """The lines of a text behind `start`; words, and paths with them, stay whole."""
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        lines += textwrap.wrap(
            line,
            max(width, 40),
            initial_indent=start if not lines else " " * len(start),
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [start.rstrip()]
    return lines


def error_details(error: PixipackError) -> dict[str, str]:
    """The place and the remedy of an error, as far as it names them."""
    known = {"file": error.location, "package": error.package, "remedy": error.remedy}
    return {name: text for name, text in known.items() if text}


def _status(error: PixipackError) -> Status:
    if isinstance(error, Offline):
        return "offline"
    if error.outcome == "unsupported":
        return "unsupported"
    return "infrastructure" if error.outcome == "infrastructure" else "failed"


def _finding(value: Mapping[str, Any]) -> Finding:
    more = {"layers": tuple(value["layers"]), "about": tuple(value["about"])}
    return Finding(**{**value, **more})
