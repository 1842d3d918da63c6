"""What a record covers: what was asked for when it was made, and what of that is missing.

Without that, a package that is not built any more is as one that nobody has asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

KINDS = ("packages", "packs", "prefixes")
_CHECKS = {"packages": "build", "packs": "pack", "prefixes": "unpack"}
_WORDS = {"packages": "package", "packs": "pack", "prefixes": "prefix"}


def scope_record(
    *,
    checks: Collection[str],
    environments: Collection[str] = (),
    platforms: Collection[str] = (),
    packages: Collection[str] = (),
) -> dict[str, list[str]]:
    """What was asked for; empty lists mean all. `checks` are of `build`, `pack` and `unpack`."""
    return {
        "checks": sorted({*checks} & {*_CHECKS.values()}),
        "environments": sorted(environments),
        "platforms": sorted(platforms),
        "packages": sorted(packages),
    }


def package_label(name: str, platform: str) -> str:
    """What a package is called in `missing`."""
    return f"package {name} {platform}"


def place_label(check: str, environment: str, platform: str) -> str:
    """What a pack or a prefix is called in `missing`; `check` is what makes it."""
    word = next(_WORDS[kind] for kind in KINDS if _CHECKS[kind] == check)
    return f"{word} {environment} {platform}"


def entry_title(kind: str, entry: Json) -> str:
    """What people call a package, a pack or a prefix of a record."""
    if kind == "packages":
        return f"{entry['name']} {entry.get('version')} ({entry.get('subdir')})"
    return f"{_WORDS[kind]} {entry['environment']} {entry['platform']}"


class Scope:
    """What one workspace of a record covers; one that does not say covers all."""

    def __init__(self, workspace: Json) -> None:
        told: Mapping[str, Sequence[str]] = workspace.get("scope") or {}
        self._checks = {*told.get("checks", _CHECKS.values())}
        self._environments = {*told.get("environments", ())}
        self._platforms = {*told.get("platforms", ())}
        self._packages = {*told.get("packages", ())}
        self._missing = {*workspace.get("missing", ())}
        # A package is missing whatever platform it was to be built for: `noarch` names none.
        parts = (label.split(" ") for label in self._missing)
        self._names = {part[1] for part in parts if len(part) > 2 and part[0] == "package"}

    def covers(self, kind: str, entry: Json, other: Scope) -> bool:
        """Whether an entry of another record had to be in this one, if there still is such a thing;
        `other` is the scope that it is from.
        """
        if _CHECKS[kind] not in self._checks:
            return False
        platform = str(entry.get("subdir" if kind == "packages" else "platform"))
        if self._platforms and platform not in {*self._platforms, "noarch"}:
            return False
        if kind == "packages":
            known = not self._packages or entry["name"] in self._packages
            return known and entry["name"] not in self._names and self._reaches(other)
        environment = entry["environment"]
        if self._environments and environment not in self._environments:
            return False
        return place_label(_CHECKS[kind], environment, platform) not in self._missing

    def _reaches(self, other: Scope) -> bool:
        """Whether all environments of the other one are in this one; packages do not say theirs."""
        if not self._environments:
            return True
        return bool(other._environments) and other._environments <= self._environments
