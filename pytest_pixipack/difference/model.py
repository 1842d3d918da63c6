"""One difference, as words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where something else was found than was expected.

    `path` leads there: keys, field names, and positions as `[0]`; it is empty where the whole value
    is meant. `expected` and `actual` are one line each; `note` says why, where they do not.
    """

    path: tuple[str, ...]
    expected: str
    actual: str
    note: str | None = None

    @property
    def where(self) -> str:
        """The path in one word.

        >>> Difference(("app", "depends", "[0]"), "curl >=8", "curl >=7").where
        'app.depends[0]'
        """
        return _joined(self.path)

    @property
    def columns(self) -> tuple[str, str]:
        """The path in two words: where it starts, and the rest.

        >>> Difference(("app", "depends", "[0]"), "curl >=8", "curl >=7").columns
        ('app', 'depends[0]')
        """
        first = 1
        while first < len(self.path) and self.path[first].startswith("["):
            first += 1
        return _joined(self.path[:first]), _joined(self.path[first:])

    def __str__(self) -> str:
        where = f"{self.where}: " if self.path else ""
        note = f" ({self.note})" if self.note else ""
        return f"{where}expected {self.expected}, found {self.actual}{note}"


def _joined(path: tuple[str, ...]) -> str:
    return "".join(
        segment if index == 0 or segment.startswith("[") else f".{segment}"
        for index, segment in enumerate(path)
    )
