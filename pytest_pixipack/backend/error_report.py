"""Errors in the JSON form that pixi shows: the `data` of a JSON-RPC error, as miette writes it.

Source: crates/pixi_build_frontend/src/error/backend_error.rs. pixi shows `data` alone; a key that
is missing or of another type counts as not given, so that nothing here is ever refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    """One error: a message, its causes from the outermost in, and what helps.

    `labels` are `{"label": ..., "span": {"offset": ..., "length": ...}}` into the file `filename`,
    offsets and lengths in bytes; `related` are further errors.
    """

    message: str = ""
    severity: str = "error"
    causes: tuple[str, ...] = ()
    code: str | None = None
    help: str | None = None
    url: str | None = None
    filename: str | None = None
    labels: tuple[Mapping[str, Any], ...] = ()
    related: tuple[ErrorReport, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> ErrorReport:
        """Reads `data`; what is not understood counts as not given."""
        table = value if isinstance(value, Mapping) else {}
        return cls(
            message=_text(table.get("message")) or "",
            severity=_text(table.get("severity")) or "error",
            causes=tuple(c for c in _list(table.get("causes")) if isinstance(c, str)),
            code=_text(table.get("code")),
            help=_text(table.get("help")),
            url=_text(table.get("url")),
            filename=_text(table.get("filename")),
            labels=tuple(entry for entry in _list(table.get("labels")) if _is_label(entry)),
            related=tuple(cls.from_json(entry) for entry in _list(table.get("related"))),
            raw=table,
        )

    def to_json(self) -> Json:
        """`data` as miette writes it; keys that are not known are kept."""
        optional = {"code": self.code, "help": self.help, "url": self.url,
                    "filename": self.filename}  # fmt: skip
        return {
            **self.raw,
            **{key: value for key, value in optional.items() if value is not None},
            "message": self.message,
            "severity": self.severity,
            "causes": list(self.causes),
            "labels": [dict(label) for label in self.labels],
            "related": [report.to_json() for report in self.related],
        }

    @property
    def sentence(self) -> str:
        """Message and causes in one line, without a full stop; empty where nothing is said."""
        parts = [self.message, *self.causes]
        return ": ".join(part.strip().rstrip(" .:") for part in parts if part.strip())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_label(value: object) -> bool:
    span = value.get("span") if isinstance(value, Mapping) else None
    return isinstance(span, Mapping) and {"offset", "length"} <= span.keys()
