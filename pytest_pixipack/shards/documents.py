"""The files that shards leave: reports of `--pixipack-report`, records of `--pixipack-record`, and
what `check`, `verify` and `compare` write with `--json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported
from pytest_pixipack.regular_files import read_regular
from pytest_pixipack.reproduce.record import KIND, read_record

Json = dict[str, Any]

REPORT_COMMAND = "pytest --pixi-pack"
# Commands of which each shard does a part.
COMMANDS = ("check", "compare", "verify")
SCHEMA = 1
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shard:
    """One document and where it is from."""

    file: Path
    content: Json


def read_shards(files: Sequence[Path]) -> tuple[str, list[Shard]]:
    """All documents, in the order of their names, and what they are: `report`, `record`, or the
    command that wrote them.

    Raises `InvalidInput` for a file that is none of these, twice there, or of another kind than the
    first, `Unsupported` for a later schema, `Infrastructure` where one cannot be read.
    """
    shards = [_read(file) for file in sorted(files)]
    seen: set[Path] = set()
    kinds: dict[str, Path] = {}
    for shard in shards:
        if shard.file.resolve() in seen:
            raise InvalidInput("This file is named twice.", file=shard.file)
        seen.add(shard.file.resolve())
        kinds.setdefault(_kind(shard), shard.file)
    if len(kinds) > 1:
        (one, first), (other, second) = sorted(kinds.items())[:2]
        raise InvalidInput(
            f"Documents of two kinds cannot be merged: {first} ({one}) and {second} ({other}).",
            remedy="Merge reports with reports, and records with records.",
        )
    return next(iter(kinds)), shards


def _kind(shard: Shard) -> str:
    if shard.content.get("kind") == KIND:
        return "record"
    command = str(shard.content["command"])
    return command if command in COMMANDS else "report"


def _read(file: Path) -> Shard:
    try:
        data = read_regular(file, _MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InvalidInput("This file is too large for a report.", file=file)
        found = json.loads(data)
    except FileNotFoundError:
        raise InvalidInput("There is no such report.", file=file) from None
    except OSError as error:
        raise Infrastructure(f"It cannot be read: {error.strerror or error}.", file=file) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"This is no report: {error}.",
            file=file,
            remedy="Was the file transferred as a whole? Run the shard again.",
        ) from None
    if isinstance(found, dict) and found.get("kind") == KIND:
        return Shard(file, read_record(file))
    if isinstance(found, dict) and found.get("command") in COMMANDS:
        _check_findings(found, file)
        _check_schema(found, file)
    else:
        _check_report(found, file)
    return Shard(file, found)


def _check_schema(found: Json, file: Path) -> None:
    if found.get("schema") != SCHEMA:
        raise Unsupported(
            f"The report has schema {found.get('schema')!r}; schema {SCHEMA} is supported.",
            file=file,
            remedy="Merge it with the version of pytest-pixipack that wrote it.",
        )


def _check_findings(found: Json, file: Path) -> None:
    part = found.get("differences" if found["command"] == "compare" else "findings", [])
    errors = found.get("errors", [])
    lists = all(
        isinstance(each, list) and all(isinstance(entry, dict) for entry in each)
        for each in (part, errors)
    )
    if not (lists and isinstance(found.get("outcome"), str) and has_parts(found)):
        raise InvalidInput("The document is broken.", file=file, remedy="Run the shard again.")


def _check_report(found: Any, file: Path) -> None:
    if not isinstance(found, dict) or found.get("command") != REPORT_COMMAND:
        raise InvalidInput(
            "This is no report of a run.",
            file=file,
            remedy="Write one with pytest --pixi-pack --pixipack-report FILE.json, or with --json "
            "of check, verify or compare.",
        )
    _check_schema(found, file)
    checks, crashed = found.get("checks"), found.get("crashed")
    if not (
        isinstance(checks, list)
        and all(_is_check(each) for each in checks)
        and isinstance(crashed, list)
        and all(isinstance(each, str) for each in crashed)
        and type(found.get("exit_code")) is int
        and has_parts(found)
    ):
        raise InvalidInput("The report is broken.", file=file, remedy="Run the shard again.")


def _is_check(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and value.get("outcome") in ("ok", "failed", "error", "skipped")
        and isinstance(value.get("findings"), list)
        and all(isinstance(each, dict) for each in value["findings"])
    )


def has_parts(content: Json) -> bool:
    """Whether what a document says of its parts can be read."""
    parts = content.get("parts", [])
    return (
        isinstance(content.get("shard", ""), str)
        and isinstance(parts, list)
        and all(isinstance(part, str) for part in parts)
    )
