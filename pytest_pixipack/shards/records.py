"""Provenance records of several runs as the record of one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce.record import entry_label
from pytest_pixipack.shards.documents import Json, Shard
from pytest_pixipack.shards.parts import merged_parts

_PARTS = {
    "packages": ("name", "version", "build", "subdir", "variants"),
    "packs": ("environment", "platform"),
    "prefixes": ("environment", "platform"),
}
# What a lock asks for: which version and build a package is, its build decides.
_ASKED = ("name", "subdir", "variants")
_OF_A_PART = ("shard", "shards", "parts")
_DIGESTS = ("sha256", "normalised")


def merged_record(shards: Sequence[Shard]) -> tuple[Json, list[str]]:
    """One record, and what shards have made differently of the same inputs, a sentence each.

    What was made differently is in the record as the first shard made it. Raises `InvalidInput`
    where shards had other tools, platforms or locks, which is no one run. A shard that has made
    nothing says nothing of tools. Where shards say which part they are, the record does as well.
    """
    first = shards[0]
    for shard in shards[1:]:
        _same(
            first, shard, "platform", first.content.get("platform"), shard.content.get("platform")
        )
    tools = _tools([shard for shard in shards if shard.content["workspaces"]])
    workspaces: dict[str, tuple[Shard, Json]] = {}
    differing: list[str] = []
    for shard in shards:
        for workspace in shard.content["workspaces"]:
            name = workspace["name"]
            if name not in workspaces:
                workspaces[name] = shard, {**workspace}
                continue
            known, merged = workspaces[name]
            for field in ("engine", "lock", "scope"):
                _same(known, shard, f"{field} of {name}", merged.get(field), workspace.get(field))
            for part, identity in _PARTS.items():
                merged[part] = _together(
                    merged.get(part, []), workspace.get(part, []), identity, name, differing
                )
            if "missing" in merged:
                merged["missing"] = _in_both(merged["missing"], workspace.get("missing", []))
    sharded = any({"shard", "parts"} & shard.content.keys() for shard in shards)
    record = {
        **{key: value for key, value in first.content.items() if key not in _OF_A_PART},
        "tools": tools,
        "workspaces": [workspaces[name][1] for name in sorted(workspaces)],
        **(merged_parts(shards) if sharded else {}),
    }
    return record, differing


def _tools(shards: Sequence[Shard]) -> dict[str, Any]:
    """All tools of all shards: which ones a shard has depends on the engines of its workspaces."""
    alike: dict[tuple[str, ...], Shard] = {}
    found: dict[str, tuple[Shard, Any]] = {}
    for shard in shards:
        engines = {str(each.get("engine")) for each in shard.content["workspaces"]}
        other, tools = alike.setdefault(tuple(sorted(engines)), shard), shard.content["tools"]
        _same(other, shard, "tools", other.content["tools"], tools)
        for name, version in tools.items():
            known, first = found.setdefault(name, (shard, version))
            _same(known, shard, f"the version of {name}", first, version)
    return {name: found[name][1] for name in sorted(found)}


def _together(
    left: list[Json], right: list[Json], identity: tuple[str, ...], name: str, differing: list[str]
) -> list[Json]:
    found = {_key(each, identity): each for each in left}
    lone, other = _lone(left), _lone(right)
    for each in right:
        asked = _key(each, _ASKED)
        if "build" in each and _key(each, identity) not in found and {asked} <= lone.keys() & other:
            known = lone[asked]
            differing.append(
                f"{name}: shards have made {_title(each, _ASKED)} differently: {_dist(known)} and "
                f"{_dist(each)}"
            )
            continue
        known = found.setdefault(_key(each, identity), each)
        fields = [field for field in _DIGESTS if known.get(field) != each.get(field)]
        if fields:
            differing.append(
                f"{name}: shards have made {_title(each, identity)} differently: "
                + ", ".join(f"{f} {known.get(f)} and {each.get(f)}" for f in fields)
            )
    return sorted(found.values(), key=entry_label)


def _lone(parts: list[Json]) -> dict[str, Json]:
    """Packages of which there is one build alone: of several, nobody can say which one another
    shard has made differently."""
    counted = Counter(_key(each, _ASKED) for each in parts)
    return {key: each for each in parts if counted[key := _key(each, _ASKED)] == 1}


def _dist(package: Json) -> str:
    return f"{package.get('version')} {package.get('build')}"


def _in_both(left: list[str], right: list[str]) -> list[str]:
    """What no shard has made."""
    return sorted((Counter(left) & Counter(right)).elements())


def _key(part: Json, identity: tuple[str, ...]) -> str:
    return json.dumps([part.get(field) for field in identity], sort_keys=True)


def _title(part: Json, identity: tuple[str, ...]) -> str:
    return " ".join(str(part[field]) for field in identity if part.get(field))


def _same(first: Shard, other: Shard, what: str, left: Any, right: Any) -> None:
    if left != right:
        raise InvalidInput(
            f"These shards are not of one run: {what} is {_short(right)}, in {first.file.name} it "
            f"is {_short(left)}.",
            file=other.file,
            remedy="Run all shards from one commit, with the same tools, on one platform.",
        )


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) < 200 else f"{text[:200]}..."
