"""Findings: a rule that does not hold, at one place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pixipack.redaction import hide_all

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

# The closed list of reasons for a difference; nothing else may stand in `Finding.cause`.
CAUSES = frozenset({
    "timestamp", "member-order", "line-order", "locale-sort", "hash-seed", "compression",
    "archive-format", "owner", "mode", "json-format", "line-endings", "encoding", "embedded-path",
    "embedded-date", "timezone", "hostname-or-user", "cpu-count", "environment-variable",
    "pyc-header", "gzip-header", "archive-member-header", "build-id", "random", "build-string",
    "dependency-change", "version-change", "tool-version", "source-identifier", "file-added",
    "file-removed", "link-target", "content", "unknown",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that does not hold at one place.

    `layers` are the layers that disagree, the one that is believed first; `expected` is what that
    one says, `actual` what the other says (values that JSON can hold; of lists only what differs).
    `message` is a full sentence, `file` and `line` (from 1) say where to look, `cause` is one of
    `CAUSES` and `evidence` what speaks for it. `version` is that of the package, for display, and
    `about` the names of the packages that it concerns besides `package`.

    Secrets of URLs are hidden in all of them. Raises `ValueError` for a severity or a cause that
    does not exist.
    """

    rule: str
    severity: Severity
    layers: tuple[str, ...]
    message: str
    environment: str | None = None
    platform: str | None = None
    package: str | None = None
    field: str | None = None
    expected: Any = None
    actual: Any = None
    file: str | None = None
    line: int | None = None
    cause: str | None = None
    evidence: str | None = None
    remedy: str | None = None
    version: str | None = None
    about: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"{self.severity!r} is no severity.")
        if self.cause is not None and self.cause not in CAUSES:
            raise ValueError(f"{self.cause!r} is not in the list of causes.")
        for name in ("message", "expected", "actual", "file", "evidence", "remedy"):
            value = getattr(self, name)
            if value is not None and (shown := hide_all(value)) != value:
                object.__setattr__(self, name, shown)

    @property
    def subjects(self) -> frozenset[str]:
        """The names of all packages that this is about."""
        return frozenset({*self.about, *((self.package,) if self.package else ())})

    def to_json(self) -> dict[str, Any]:
        """One element of `findings` in the command line's JSON document."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "layers": list(self.layers),
            "environment": self.environment,
            "platform": self.platform,
            "package": self.package,
            "field": self.field,
            "expected": plain(self.expected),
            "actual": plain(self.actual),
            "file": self.file,
            "line": self.line,
            "cause": self.cause,
            "evidence": self.evidence,
            "message": self.message,
            "remedy": self.remedy,
        }


def plain(value: Any) -> Any:
    """The value with tuples as lists and mappings with sorted keys, as JSON has them."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    return value


class FindingsError(AssertionError):
    """Layers do not agree; the text is the rendered findings, ready to be read."""

    def __init__(self, text: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(text)
        self.findings = findings
