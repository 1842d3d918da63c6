"""What two records differ in: changes, and the reasons that are recorded for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_pixipack.compare.model import Comparison, Difference, Kind

# Fields of what is there on one side only.
_PRESENCE = ("workspace", "package", "pack", "prefix")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something differs: a cause of the closed list, what has changed, from what to what."""

    cause: str
    what: str
    left: str | None
    right: str | None

    def __str__(self) -> str:
        return printable(f"{self.what} {self.left or 'nothing'} -> {self.right or 'nothing'}")


@dataclass(frozen=True, slots=True)
class Change:
    """One layer that is another one: `where` names it, `field` is what differs.

    Without `reasons`, nothing that is recorded explains it; an input, which is what others follow
    from, needs no explanation.
    """

    where: tuple[str, ...]
    field: str
    kind: Kind
    left: Any
    right: Any
    reasons: tuple[Reason, ...] = ()
    is_input: bool = False

    @property
    def is_explained(self) -> bool:
        """Whether something that is recorded has changed as well."""
        return self.is_input or bool(self.reasons)

    @property
    def cause(self) -> str:
        """The cause of the first reason; else what is plain to see."""
        if self.reasons:
            return self.reasons[0].cause
        if self.is_input:
            return "dependency-change" if self.kind == "payload" else "content"
        if self.field in _PRESENCE:
            return "file-added" if self.left is None else "file-removed"
        return "unknown"

    def __str__(self) -> str:
        text = f"{self.where[-1]}: {self._what()}"
        if self.reasons:
            text += f" because {', '.join(map(str, self.reasons))}"
        elif not self.is_input:
            text += ", and nothing that is recorded explains it"
        return printable(text)

    def _what(self) -> str:
        if self.is_input:
            return (
                "something else is locked"
                if self.kind == "payload"
                else "the file differs, and locks the same"
            )
        if self.field in _PRESENCE:
            return "is new" if self.left is None else "is not there any more"
        if self.field in ("sha256", "content"):
            return "file differs" if self.field == "sha256" else "content differs"
        return f"{self.field} {shown(self.left)} -> {shown(self.right)}"

    def to_json(self) -> dict[str, Any]:
        """One entry of `changes`."""
        return {
            "where": list(self.where),
            "field": self.field,
            "kind": self.kind,
            "left": self.left,
            "right": self.right,
            "explained": self.is_explained,
            "because": [
                {"cause": each.cause, "what": each.what, "left": each.left, "right": each.right}
                for each in self.reasons
            ],
            "message": str(self),
        }


@dataclass(frozen=True, slots=True)
class RecordComparison:
    """All changes between two records.

    `compared` is the number of packages, packs and prefixes that are in both; `not_compared` are
    those of one record that the other one does not cover.
    """

    changes: tuple[Change, ...] = ()
    compared: int = 0
    not_compared: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Change, ...]:
        """The changes that nothing explains."""
        return tuple(each for each in self.changes if not each.is_explained)

    @property
    def comparison(self) -> Comparison:
        """The same as differences, each with its first reason's cause."""
        return Comparison.of(
            Difference(each.where, each.field, each.kind, each.left, each.right, each.cause)
            for each in self.changes
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `pixipack compare` for two records."""
        return {
            **self.comparison.to_json(),
            "changes": [each.to_json() for each in self.changes],
            "unexplained": len(self.findings),
            "compared": self.compared,
            "not_compared": list(self.not_compared),
        }


def shown(value: Any) -> str:
    """A value in words: digests by their beginning."""
    text = "nothing" if value is None else str(value)
    hexadecimal = len(text) == 64 and all(c in "0123456789abcdef" for c in text)
    return f"{text[:10]}…" if hexadecimal else text


def printable(text: str) -> str:
    """A text without what a terminal would obey: a record may come from anywhere."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
