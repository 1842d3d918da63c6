"""Errors that end in a sentence for the user.

Every error that can reach a user is a `PixipackError`: it says what is wrong, where, and what to
do about it, and it knows how the run has to be called (its outcome). The command line turns it into
exit code 2, the pytest plugin into a failure or an error without a traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pytest_pixipack.redaction import hide

Outcome = Literal["passed", "failed", "unsupported", "infrastructure", "invalid-input"]


class PixipackError(Exception):
    """Something that a person has to know about, in one sentence.

    `message` is a full sentence without a final newline; `file`, `line` and `column` (both counted
    from 1) say where; `package` says which package; `remedy` says what to do.
    """

    outcome: ClassVar[Outcome] = "invalid-input"

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        package: str | None = None,
        remedy: str | None = None,
    ) -> None:
        # Errors end in terminals, reports and logs: no secret of a URL may be in them.
        message = hide(message)
        super().__init__(message)
        self.message = message
        self.file = hide(str(file)) if file is not None else None
        self.line = line
        self.column = column
        self.package = package
        self.remedy = hide(remedy) if remedy is not None else None

    @property
    def location(self) -> str | None:
        """`file:line:column`, as far as it is known."""
        if self.file is None:
            return None
        parts = [self.file]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)

    def __str__(self) -> str:
        text = self.message
        if self.package and self.package not in text:
            text = f"{self.package}: {text}"
        if self.file:
            text = f"{self.location}: {text}"
        return f"{text}\n  {self.remedy}" if self.remedy else text

    def to_json(self) -> dict[str, object]:
        """The `error` object of the command line's JSON document."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "package": self.package,
            "message": self.message,
            "remedy": self.remedy,
        }


class InvalidInput(PixipackError):
    """A file or an argument that cannot be used: broken, missing, contradictory or hostile."""


class BackendError(InvalidInput):
    """A build backend that refused, crashed, printed junk or answered something else."""


class SolveError(InvalidInput):
    """Requirements that no set of packages satisfies."""


class Unsupported(PixipackError):
    """The chosen tool cannot do this; the remedy says what can."""

    outcome = "unsupported"


class Infrastructure(PixipackError):
    """Network, disk, permissions or a missing tool: nothing is known about the product."""

    outcome = "infrastructure"


class Offline(Infrastructure):
    """Something is neither stubbed, nor local, nor in a cache, and the network is off."""
