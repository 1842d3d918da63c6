"""The differences between the engines that are known, and what a comparison says beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomli
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pytest_pixipack.compare import Difference

FILE = Path(__file__).with_name("known_differences.toml")
LAYERS = ("lock", "build", "pack", "unpack", "install", "inject")
TARGETS = ("any", "here", "elsewhere")
# What refuses, where it is this project that does.
EMBEDDED = "embedded"
TOOLS = ("pixi", "pixi-pack", "pixi-unpack", EMBEDDED)


@dataclass(frozen=True)
class Item:
    """One comparison: `here` says whether it is for the platform of this machine."""

    layer: str
    case: str
    environment: str = ""
    platform: str = ""
    here: bool = True

    @property
    def id(self) -> str:
        return "-".join(filter(None, (self.case, self.environment, self.platform)))


@dataclass(frozen=True)
class Known:
    """One entry of the list; docs/differential.md describes its keys."""

    tool: str
    layer: str
    field: str
    reason: str
    cases: tuple[str, ...]
    versions: str = ""
    where: str = "*"
    kind: str = "payload"
    target: str = "any"
    says: str = ""
    sometimes: bool = False

    @classmethod
    def from_toml(cls, table: Mapping[str, Any]) -> Known:
        return cls(**{**table, "cases": tuple(table["cases"])})

    def applies_to(self, item: Item) -> bool:
        return (
            self.layer == item.layer
            and (self.cases == ("all",) or item.case in self.cases)
            and self.target in ("any", "here" if item.here else "elsewhere")
        )

    def in_range(self, versions: Mapping[str, Version]) -> bool:
        if self.tool == EMBEDDED:
            return True
        return SpecifierSet(self.versions).contains(versions[self.tool], prereleases=True)

    def matches(self, found: Difference) -> bool:
        return (
            fnmatchcase("/".join(found.where), self.where)
            and fnmatchcase(found.field, self.field)
            and found.kind == self.kind
            and re.search(self.says, f"{found.left}\n{found.right}") is not None
        )


def read_known(path: Path = FILE) -> tuple[Known, ...]:
    tables = tomli.loads(path.read_text(encoding="utf-8"))["difference"]
    return tuple(Known.from_toml(table) for table in tables)


def complaints(
    item: Item,
    found: Iterable[Difference],
    known: Sequence[Known],
    versions: Mapping[str, Version],
) -> list[str]:
    """What is found and not listed, and what is listed and not found."""
    listed = [each for each in known if each.applies_to(item) and each.in_range(versions)]
    found = list(found)
    new = [
        f"not listed: {each.kind}: {each}"
        for each in found
        if not any(entry.matches(each) for entry in listed)
    ]
    gone = [
        f"listed, but gone: {entry.where} > {entry.field} ({entry.tool} {entry.versions}: "
        f"{entry.reason})"
        for entry in listed
        if not entry.sometimes and not any(entry.matches(each) for each in found)
    ]
    return new + gone
