"""How a stage of a workspace ended, as it is stored and read by any worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_pixipack.errors import Offline, PixipackError
from pytest_pixipack.verify.findings import Finding

Status = Literal["passed", "failed", "unsupported", "offline", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`message` says what went wrong where no finding does; `data` is what later stages need."""

    status: Status
    message: str | None = None
    findings: tuple[Finding, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

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
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """The reverse of `to_json`."""
        return cls(
            value["status"],
            value["message"],
            tuple(_finding(each) for each in value["findings"]),
            value["data"],
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
        return Outcome(_status(error), str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return Outcome("infrastructure", f"{place}{error.strerror or error}")


def _status(error: PixipackError) -> Status:
    if isinstance(error, Offline):
        return "offline"
    if error.outcome == "unsupported":
        return "unsupported"
    return "infrastructure" if error.outcome == "infrastructure" else "failed"


def _finding(value: Mapping[str, Any]) -> Finding:
    more = {"layers": tuple(value["layers"]), "about": tuple(value["about"])}
    return Finding(**{**value, **more})
