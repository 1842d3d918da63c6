"""What the wheels inside a pack say of themselves, read without extracting them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pytest_pixipack.artifact import zip_layout
from pytest_pixipack.artifact.wheel_files import BadFile, headers
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.pack.container import open_container
from pytest_pixipack.pack.model import WHEELS, Pack

_LARGEST = 16 << 20  # bytes of a METADATA that is read
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


@dataclass(frozen=True, slots=True)
class WheelMetadata:
    """A wheel's file name and what its `METADATA` says; `problem` where it cannot be read."""

    file_name: str
    name: str = ""
    version: str = ""
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None
    problem: str | None = None


def wheel_metadata(pack: Pack) -> Iterator[WheelMetadata]:
    """The wheels of a pack, in the order of their names. Raises as `open_container` does."""
    with open_container(pack.path) as container:
        for file_name in pack.wheels:
            with container.open(f"{WHEELS}/{file_name}") as stream:
                yield _read(stream, file_name)


def _read(stream: IO[bytes], file_name: str) -> WheelMetadata:
    try:
        entries = zip_layout.read_entries(stream, file_name, what="wheel")
        found = (each for each in entries if _METADATA.fullmatch(each.name))
        if (entry := next(found, None)) is None:
            return WheelMetadata(file_name, problem="it has no METADATA")
        if entry.size > _LARGEST:
            return WheelMetadata(file_name, problem="its METADATA is too large")
        head = headers(b"".join(zip_layout.content(stream, entry, file_name)))
    except InvalidInput as error:
        return WheelMetadata(file_name, problem=_problem(error))
    except BadFile as reason:
        return WheelMetadata(file_name, problem=f"its METADATA cannot be used: {reason}")
    return WheelMetadata(
        file_name,
        name=head.get("name", ("",))[0],
        version=head.get("version", ("",))[0],
        requires_dist=head.get("requires-dist", ()),
        requires_python=head.get("requires-python", (None,))[0],
    )


def _problem(error: InvalidInput) -> str:
    message = error.message.rstrip(".")
    for begin, short in (("The wheel ", "it "), ("The member ", "its member ")):
        if message.startswith(begin):
            return short + message.removeprefix(begin)
    return message
