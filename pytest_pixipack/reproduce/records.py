"""Two records compared: what is another one now, and what that follows from.

A package that was built differently is explained by what is recorded with it: its variant, its
build and host packages, its backend, its sources, the tools that took part. Where nothing of that
has changed, it is a finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.reproduce.changes import Change, Reason, RecordComparison, printable
from pytest_pixipack.reproduce.explained import Workspaces
from pytest_pixipack.reproduce.record_file import read_record
from pytest_pixipack.reproduce.scope import KINDS, Scope, entry_title

__all__ = [
    "Change", "Reason", "RecordComparison", "compare_records", "few", "losses", "of_the_same",
    "refuse_to_lose",
]  # fmt: skip

_FEW = 6

Json = Mapping[str, Any]


def compare_records(left: Json, right: Json) -> RecordComparison:
    """What is another one in the second record, and why, as far as both say.

    A workspace under another name is the same one where it is the only one left on both sides and
    has a package of the same name, or no name but its directory's.
    """
    changes: list[Change] = []
    not_compared: list[str] = []
    compared = 0
    for first, second in _paired(left["workspaces"], right["workspaces"]):
        if first is None or second is None:
            name = (first or second or {})["name"]
            sides = (name if first else None, name if second else None)
            changes.append(Change((name,), "workspace", "payload", *sides))
            continue
        if first["name"] != second["name"] and not _is_unnamed(first, second):
            sides = (first["name"], second["name"])
            changes.append(Change((second["name"],), "name", "metadata", *sides))
        both = Workspaces(first, second, (left, right))
        changes += both.changes()
        compared += both.compared
        not_compared += both.not_compared
    return RecordComparison(tuple(changes), compared, tuple(sorted(not_compared)))


def of_the_same(earlier: Json, names: Mapping[str, bool], file: Path) -> dict[str, Any]:
    """An earlier record, of the workspaces with these names only; the values say whether one has
    no name but its directory's, which may be another one on another machine.

    Raises `InvalidInput` where it is a record of none of them: nothing could be compared.
    """
    kept = [each for each in earlier["workspaces"] if each["name"] in names]
    others = [each for each in earlier["workspaces"] if each["name"] not in names]
    known = {each["name"] for each in kept}
    wanted = [name for name in names if name not in known]
    if len(others) == len(wanted) == 1 and (names[wanted[0]] or others[0].get("unnamed")):
        kept.append({**others[0], "name": wanted[0]})
    if not kept:
        recorded = ", ".join(sorted(each["name"] for each in others)) or "none at all"
        raise InvalidInput(
            f"This is a record of another workspace: of {recorded}, not of "
            f"{', '.join(sorted(names)) or 'any'}.",
            file=file,
            remedy="Name the record of this workspace, or write one with --record.",
        )
    return {**earlier, "workspaces": kept}


def losses(earlier: Json, made: Json) -> list[str]:
    """What would be lost if a record were replaced by one that covers less: titles, sorted.

    What is not built any more is no loss.
    """
    by_name = {each["name"]: each for each in made["workspaces"]}
    lost: list[str] = []
    for workspace in earlier["workspaces"]:
        new = by_name.get(workspace["name"])
        if new is None:
            if any(workspace[kind] for kind in KINDS):
                lost.append(f"workspace {workspace['name']}")
            continue
        own, scope = Scope(workspace), Scope(new)
        for kind in KINDS:
            there = {_identity(kind, each) for each in new[kind]}
            lost += [
                entry_title(kind, each)
                for each in workspace[kind]
                if _identity(kind, each) not in there and not scope.covers(kind, each, own)
            ]
    return sorted(lost)


def refuse_to_lose(path: Path, made: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` where a record holds what a new one in its place would not cover."""
    if not path.is_file():
        return
    try:
        earlier = read_record(path)
    except PixipackError:
        return  # what cannot be read is nothing that could be lost
    lost = losses(earlier, made)
    if lost:
        raise InvalidInput(
            f"It is not written: the record that is there has more than this run made, "
            f"{few(lost)}.",
            file=path,
            remedy="Name another file, or remove this one first.",
        )


def few(names: Sequence[str]) -> str:
    """The first of many names, and how many more there are."""
    more = len(names) - _FEW
    return printable(", ".join(names[:_FEW])) + (f" and {more} more" if more > 0 else "")


def _identity(kind: str, entry: Json) -> tuple[Any, ...]:
    if kind == "packages":
        return entry["name"], entry.get("subdir")
    return entry["environment"], entry["platform"]


def _paired(
    left: Collection[Json], right: Collection[Json]
) -> Iterator[tuple[Json | None, Json | None]]:
    old, new = ({each["name"]: each for each in side} for side in (left, right))
    gone, come = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    for name in sorted(old.keys() & new.keys()):
        yield old[name], new[name]
    if len(gone) == len(come) == 1 and _is_renamed(old[gone[0]], new[come[0]]):
        yield old[gone[0]], new[come[0]]
        return
    yield from ((old[name], None) for name in gone)
    yield from ((None, new[name]) for name in come)


def _is_renamed(left: Json, right: Json) -> bool:
    names = [{package["name"] for package in each["packages"]} for each in (left, right)]
    return _is_unnamed(left, right) or bool(names[0] & names[1])


def _is_unnamed(left: Json, right: Json) -> bool:
    return bool(left.get("unnamed") or right.get("unnamed"))
