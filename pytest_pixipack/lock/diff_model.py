"""What a comparison of two locks says: single changes, and what became of each package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_pixipack.redaction import hide_all

DifferenceKind = Literal["order-only", "metadata", "payload"]
LockVerdict = Literal["identical", "order-only", "metadata", "payload"]
# What became of a package, in the order in which people are told.
What = Literal[
    "added", "removed", "upgraded", "downgraded", "replaced", "moved", "rebuilt", "changed",
    "metadata", "order",
]  # fmt: skip
WHATS: tuple[What, ...] = (
    "added", "removed", "upgraded", "downgraded", "replaced", "moved", "rebuilt", "changed",
    "metadata", "order",
)  # fmt: skip
# What the words mean, for documentation and summaries.
WHAT_TEXTS: Mapping[What, str] = {
    "added": "added",
    "removed": "removed",
    "upgraded": "upgraded",
    "downgraded": "downgraded",
    "replaced": "of another kind (conda, source or PyPI)",
    "moved": "from another channel or place",
    "rebuilt": "rebuilt",
    "changed": "changed otherwise",
    "metadata": "with other metadata",
    "order": "in another order",
}


@dataclass(frozen=True, slots=True)
class LockChange:
    """One difference. `environment`, `platform` and `package` are None where it is not inside one.

    `package` is a name, or `app > host > libz` for what only a build environment holds. `left` and
    `right` are None where a side lacks the thing.
    """

    environment: str | None
    platform: str | None
    package: str | None
    field: str
    left: Any
    right: Any
    kind: DifferenceKind

    def __post_init__(self) -> None:
        # What is told of a lock goes to terminals and reports.
        object.__setattr__(self, "left", hide_all(self.left))
        object.__setattr__(self, "right", hide_all(self.right))

    def __str__(self) -> str:
        """The change in plain words."""
        where = " ".join(
            word for word in (self.environment, self.platform, self.package) if word is not None
        )
        subject = f"{where}: {self.field}" if where else self.field
        if self.kind == "order-only":
            return f"{subject} is in another order"
        if self.left is None:
            return f"{subject} added: {shown(self.right)}"
        if self.right is None:
            return f"{subject} removed: {shown(self.left)}"
        return f"{subject} changed: {shown(self.left)} -> {shown(self.right)}"

    def swapped(self) -> LockChange:
        """The same change, seen from the other lock."""
        return replace(self, left=self.right, right=self.left)


@dataclass(frozen=True, slots=True)
class Side:
    """What one lock says of a package, as far as people want to see it."""

    kind: str = "binary"
    version: str | None = None
    build: str | None = None
    channel: str | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel", hide_all(self.channel))
        object.__setattr__(self, "location", hide_all(self.location))


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What became of one package in one environment and platform.

    `inside` leads to a package that only a build environment holds, as `("app", "host")`. `fields`
    are the single changes that make it up.
    """

    environment: str | None
    platform: str | None
    inside: tuple[str, ...]
    name: str
    what: What
    left: Side | None
    right: Side | None
    fields: tuple[LockChange, ...]

    @property
    def kind(self) -> DifferenceKind:
        """The worst kind of its single changes."""
        return worst(self.fields)


@dataclass(frozen=True, slots=True)
class LockDiff:
    """All that differs between two locks.

    `changes` are the single differences, environment by environment; `packages` says what they
    mean for each package. `places` are the platforms of each environment, of both locks.
    """

    changes: tuple[LockChange, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    places: Mapping[str | None, tuple[str, ...]] | None = None

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.changes)

    def __iter__(self) -> Iterator[LockChange]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def verdict(self) -> LockVerdict:
        """The worst kind of change; `identical` where there is none."""
        return worst(self.changes) if self.changes else "identical"

    @property
    def general(self) -> tuple[LockChange, ...]:
        """The changes of environments, platforms and the lock itself, not of a package."""
        return tuple(change for change in self.changes if change.package is None)

    @property
    def counts(self) -> Mapping[What, int]:
        """How many packages became what, each name counted once; build environments are left out
        where they are not all there is."""
        direct = [each for each in self.packages if not each.inside] or list(self.packages)
        found = Counter(what for _, what in {(each.name, each.what) for each in direct})
        return {what: found[what] for what in WHATS if found[what]}

    def lines(self, width: int = 80) -> list[str]:
        """The differences for a terminal of `width` columns; nothing where there are none."""
        from pytest_pixipack.lock.diff_text import diff_lines

        return diff_lines(self, width)

    def to_markdown(self, title: str = "pixi.lock") -> str:
        """The differences as Markdown, fit for a pull request."""
        from pytest_pixipack.lock.diff_markdown import diff_markdown

        return diff_markdown(self, title)


def worst(changes: tuple[LockChange, ...]) -> DifferenceKind:
    """The worst kind among changes, of which there is at least one."""
    kinds = ("order-only", "metadata", "payload")
    found: DifferenceKind = max((change.kind for change in changes), key=kinds.index)
    return found


def shown(value: object) -> str:
    """A value in plain words."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={shown(each)}" for key, each in value.items()) or "nothing"
    return str(value)
