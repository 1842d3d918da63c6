"""Records as files: written as a whole, and read with care."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported
from pytest_pixipack.regular_files import read_regular
from pytest_pixipack.reproduce.digests import KIND
from pytest_pixipack.reproduce.record_shape import shape_problem

SCHEMA = 1
_MOST_BYTES = 64 * 1024 * 1024

Json = dict[str, Any]


def record_text(record: Mapping[str, Any]) -> str:
    """A record as it is written."""
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Writes a record. Raises `Infrastructure` where that is not possible."""
    from pytest_pixipack.outputs import write_output

    write_output(path, record_text(record), "The record")


def read_record(path: Path) -> Json:
    """Reads a record.

    Raises `InvalidInput` for what is none, or has a field of another shape, `Unsupported` for one
    of a later schema.
    """
    try:
        data = read_regular(path, _MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InvalidInput("This file is too large for a record.", file=path)
        found = json.loads(data)
    except FileNotFoundError:
        raise InvalidInput("There is no such record.", file=path) from None
    except OSError as error:
        raise Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"This is no record: {error}.", file=path) from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InvalidInput(
            "This is no record.", file=path, remedy="Write one with --pixipack-record FILE."
        )
    schema = found.get("schema")
    if schema != SCHEMA or type(schema) is not int:
        raise Unsupported(
            f"The record has schema {schema!r}; schema {SCHEMA} is supported.",
            file=path,
            remedy="Read it with the version of pytest-pixipack that wrote it, or write it again.",
        )
    problem = shape_problem(found) or _twice(found)
    if problem is not None:
        raise InvalidInput(f"The record is broken: {problem}.", file=path, remedy="Write it again.")
    return found


def _twice(record: Json) -> str | None:
    """A workspace, a pack or a prefix that is there twice; packages can have several builds."""
    names = Counter(each["name"] for each in record["workspaces"])
    places = Counter(
        f"{kind} of environment {each['environment']} on {each['platform']} in {workspace['name']}"
        for workspace in record["workspaces"]
        for kind in ("packs", "prefixes")
        for each in workspace[kind]
    )
    workspaces = {f"workspace {name}": number for name, number in names.items()}
    found = (what for what, number in {**workspaces, **places}.items() if number > 1)
    return next((f"{what} is there twice" for what in found), None)
