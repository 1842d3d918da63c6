"""The files of a package that is in a pack, read when they are asked for."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.pack.container import open_container

_CHUNK = 1 << 20


class PackedFiles(Mapping[str, FileFacts]):
    """The files that a package in a pack says it has, by path; the package is read once.

    Each access raises as `read_artifact` does where the package cannot be read.
    """

    def __init__(self, pack: Path, member: str) -> None:
        self._pack, self._member = pack, member
        self._known: Mapping[str, FileFacts] | None = None

    def __getitem__(self, path: str) -> FileFacts:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"PackedFiles({self._member!r})"

    @property
    def _files(self) -> Mapping[str, FileFacts]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> Mapping[str, FileFacts]:
        from pytest_pixipack.artifact import read_artifact

        try:
            with (
                open_container(self._pack) as container,
                tempfile.TemporaryDirectory(prefix="pixipack-") as scratch,
            ):
                copied = Path(scratch, self._member.rpartition("/")[2])
                with container.open(self._member) as source, copied.open("xb") as copy:
                    shutil.copyfileobj(source, copy, _CHUNK)
                artifact = read_artifact(copied)
        except OSError as error:
            raise Infrastructure(
                f"The package in the pack cannot be read: {error.strerror or error}.",
                file=error.filename or self._pack,
            ) from None
        listed = artifact.facts.files
        return artifact.payload if listed is None else listed
