"""`transcript_regression`: what a front end and its backends said, kept beside the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.plugin.snapshots import _Snapshots

if TYPE_CHECKING:
    from pytest_pixipack.backend.transcript import Transcript
    from pytest_pixipack.plugin.stubs import StubBackend


class TranscriptRegression:
    """Compares transcripts with stored ones: messages by their content, whatever their order."""

    def __init__(self, request: pytest.FixtureRequest, datadir: Path, original: Path) -> None:
        self._snapshots = _Snapshots(request, datadir, original, ".transcript")

    def check(
        self,
        transcript: Transcript | StubBackend | Path,
        *,
        basename: str | None = None,
        fullpath: Path | None = None,
    ) -> None:
        """Fails where other messages were exchanged than those that were stored.

        `transcript` is one, a stub backend, or a transcript's file. Paths become placeholders;
        ids, order, nulls, and the digests of installed packages do not count. The second check of a
        test is stored under `<name>_2`, unless `basename` or `fullpath` says where.
        """
        __tracebackhide__ = True
        self._snapshots.check(_text(transcript), basename, fullpath)


def _text(transcript: Transcript | StubBackend | Path) -> str:
    from pytest_pixipack.backend.normalised import overview
    from pytest_pixipack.backend.transcript import Transcript
    from pytest_pixipack.lock.yaml import dump_yaml

    if isinstance(transcript, Path):
        transcript = Transcript.load(transcript)
    elif not isinstance(transcript, Transcript):
        transcript = transcript.transcript
    return dump_yaml(dict(_fields(overview(transcript), "")))


def _fields(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every field with its whole place, so that a difference names that and nothing else."""
    if value and isinstance(value, dict):
        for key, entry in value.items():
            yield from _fields(entry, f"{place} > {key}" if place else key)
    elif value and isinstance(value, list) and not all(isinstance(v, str) for v in value):
        for number, entry in enumerate(value):
            yield from _fields(entry, f"{place}[{number}]")
    elif value or not isinstance(value, (dict, list)):
        yield place, value
