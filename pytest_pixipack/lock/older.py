"""Locks of versions 1 to 5, upgraded by rattler_lock itself (`parse/`), through py-rattler."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pytest_pixipack.errors import InvalidInput


def upgraded_text(text: str, version: int, file: str | None) -> str:
    """The same lock in the current version. Raises `InvalidInput` where the library refuses it."""
    from rattler import LockFile

    with tempfile.TemporaryDirectory(prefix="pixipack-") as scratch:
        old, new = Path(scratch, "old.lock"), Path(scratch, "new.lock")
        old.write_bytes(text.encode("utf-8"))
        try:
            LockFile.from_path(old).to_path(new)
            return new.read_bytes().decode("utf-8")
        except BaseException as error:
            # A panic of the library is a BaseException.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            reason = " ".join(str(error).split()).replace(str(old), "it").rstrip(".")
            raise InvalidInput(
                f"The lock file of version {version} cannot be read: {reason}.",
                file=file,
                remedy="Run `pixi lock` to write the lock file again.",
            ) from None
