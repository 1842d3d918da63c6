"""Stages that items and xdist workers share: whoever comes first does the work."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from pytest_pixipack.plugin.outcomes import Outcome, guarded
from pytest_pixipack.whole_files import write_file

_OUTCOME = "outcome.json"


class Store:
    """The stages of one workspace in `root`, a directory that all workers see.

    An outcome is written when a stage is over, failures included. A process that is killed leaves
    a directory without an outcome, and the operating system frees its lock, so that the next one
    starts the stage again in a directory of its own.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def outcome(self, stage: str, make: Callable[[Path], Outcome]) -> Outcome:
        """The stored outcome of a stage; `make` is called with a fresh directory if there is none.

        What cannot be stored says nothing about the product: then the outcome is `infrastructure`,
        and the next one tries again. Raises what `make` raises beyond `PixipackError` and
        `OSError`; that is not stored.
        """
        from filelock import FileLock

        folder = self.root / short_key(stage)
        stored = folder / _OUTCOME
        if (found := _load(stored)) is not None:
            return found
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / f"{folder.name}.lock"):
                if (found := _load(stored)) is not None:
                    return found
                attempt = Path(tempfile.mkdtemp(dir=folder, prefix=""))
                found = guarded(lambda: make(attempt))
                write_file(stored, json.dumps(found.to_json()).encode())
        except OSError as error:
            return _not_stored(folder, error, found)
        return found


def short_key(*parts: str | bytes) -> str:
    """A short name for some content; short because Windows limits the length of paths."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:10]


def _not_stored(folder: Path, error: OSError, found: Outcome | None) -> Outcome:
    """What was found out, if it is a failure; of what passed, others need what is stored."""
    if found is not None and not found.passed:
        return found
    return Outcome(
        "infrastructure",
        f"What was found out cannot be kept: {error.strerror or error}.",
        details={
            "file": str(folder),
            "remedy": "Check free space and permissions of the directory for temporary files "
            "(TMPDIR, --basetemp).",
        },
    )


def _load(path: Path) -> Outcome | None:
    try:
        return Outcome.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
