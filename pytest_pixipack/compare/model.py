"""What a comparison finds: differences, and the verdict that follows from them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pixipack.redaction import hide_all

Kind = Literal["order-only", "metadata", "payload"]
Verdict = Literal["identical", "order-only", "metadata", "payload"]

# From the least to the worst.
VERDICTS: tuple[Verdict, ...] = ("identical", "order-only", "metadata", "payload")

CAUSES = frozenset({
    "timestamp", "member-order", "line-order", "locale-sort", "hash-seed", "compression",
    "archive-format", "owner", "mode", "json-format", "line-endings", "encoding", "embedded-path",
    "embedded-date", "timezone", "hostname-or-user", "cpu-count", "environment-variable",
    "pyc-header", "gzip-header", "archive-member-header", "build-id", "random", "build-string",
    "dependency-change", "version-change", "tool-version", "source-identifier", "file-added",
    "file-removed", "link-target", "content", "unknown",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two things of one layer differ.

    `where` leads there from the outside in, such as `("environment.tar",
    "channel/linux-64/a-1-0.conda", "pkg-a-1-0.tar.zst", "bin/a")`; `field` is what differs there.
    `kind` is decided by what a user would get; `cause` is one of `CAUSES`, or None where nothing is
    known. `left` and `right` are plain JSON values, None where a side lacks the thing; `NaN` and
    the infinite are texts. `evidence` says in words what led to the cause, where the two values do
    not show it. Secrets of URLs are hidden. Raises `ValueError` for a cause that is not in the
    list.
    """

    where: tuple[str, ...]
    field: str
    kind: Kind
    left: Any
    right: Any
    cause: str | None = None
    evidence: str | None = None

    def __post_init__(self) -> None:
        if self.cause is not None and self.cause not in CAUSES:
            raise ValueError(f"{self.cause!r} is no known cause")
        for name in ("where", "left", "right", "evidence"):
            value = getattr(self, name)
            if value is not None and not (type(value) is tuple and _is_plain(value)):
                object.__setattr__(self, name, hide_all(_as_json(value)))

    def __str__(self) -> str:
        """The difference in one line of plain words."""
        place = " > ".join((*self.where, self.field))
        reason = f" ({self.cause})" if self.cause else ""
        if self.kind == "order-only":
            return f"{place}: in another order{reason}"
        return f"{place}: {_shown(self.left)} -> {_shown(self.right)}{reason}"

    def to_json(self) -> dict[str, Any]:
        """One entry of `differences` in the document of `pixipack compare`."""
        return {
            "where": list(self.where),
            "field": self.field,
            "kind": self.kind,
            "cause": self.cause,
            "left": self.left,
            "right": self.right,
            **({"evidence": self.evidence} if self.evidence else {}),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two things, in the order of their places."""

    differences: tuple[Difference, ...] = ()

    @classmethod
    def of(cls, differences: Iterable[Difference]) -> Comparison:
        """A comparison of these differences, sorted."""
        return cls(tuple(sorted(differences, key=lambda each: (each.where, each.field))))

    @property
    def verdict(self) -> Verdict:
        """The worst kind of difference; `identical` where there is none."""
        found = [VERDICTS.index(each.kind) for each in self.differences]
        return VERDICTS[max(found, default=0)]

    def to_json(self) -> dict[str, Any]:
        """`verdict` and `differences` of the document of `pixipack compare`."""
        return {
            "verdict": self.verdict,
            "differences": [each.to_json() for each in self.differences],
        }


def _is_plain(texts: tuple[Any, ...]) -> bool:
    """Whether these are texts in which no URL is, as most places are."""
    return all(type(each) is str and "://" not in each for each in texts)


def _as_json(value: Any) -> Any:
    """The value as JSON can say it, else as text: RFC 8259 has no `NaN`, which Python writes."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)
    if isinstance(value, list | tuple):
        found = [_as_json(each) for each in value]
        return tuple(found) if isinstance(value, tuple) else found
    if isinstance(value, Mapping):
        return {str(key): _as_json(each) for key, each in value.items()}
    return str(value)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
