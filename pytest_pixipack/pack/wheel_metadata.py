"""What the wheels inside a pack say of themselves, read without extracting them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pytest_pixipack.pack.container import open_container
from pytest_pixipack.pack.model import WHEELS, Pack

_LARGEST = 16 << 20  # bytes of a METADATA that is read


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
    from email.parser import HeaderParser

    try:
        with zipfile.ZipFile(stream) as archive:
            info = next(
                (
                    each
                    for each in archive.infolist()
                    if each.filename.endswith(".dist-info/METADATA")
                    and each.filename.count("/") == 1
                ),
                None,
            )
            if info is None:
                return WheelMetadata(file_name, problem="it has no METADATA")
            if info.file_size > _LARGEST:
                return WheelMetadata(file_name, problem="its METADATA is too large")
            with archive.open(info) as member:
                text = member.read(_LARGEST).decode("utf-8", "replace")
    except (
        zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        return WheelMetadata(file_name, problem=f"it is no zip archive ({error})")
    head = HeaderParser().parsestr(text)
    return WheelMetadata(
        file_name,
        name=str(head.get("Name", "")),
        version=str(head.get("Version", "")),
        requires_dist=tuple(map(str, head.get_all("Requires-Dist") or ())),
        requires_python=head.get("Requires-Python"),
    )
