"""A lock as rattler_lock itself writes it, through py-rattler.

Locks of versions 1 to 6 are upgraded this way, and so are locks of version 7 that were edited by
hand in places where only rattler_lock knows what pixi would make of them.
"""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.cache.scratch import scratch_directory


class RattlerRefusesError(Exception):
    """Why rattler_lock refuses a lock: one line without a final full stop."""


def rattler_text(text: str) -> str:
    """The same lock in the current version. Raises `RattlerRefusesError`."""
    from rattler import LockFile

    with scratch_directory() as scratch:
        old, new = Path(scratch, "old.lock"), Path(scratch, "new.lock")
        old.write_bytes(text.encode("utf-8"))
        try:
            LockFile.from_path(old).to_path(new)
            return new.read_bytes().decode("utf-8")
        except BaseException as error:
            # A panic of the library is a BaseException.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            reason = str(error).replace("Caused by:", ":").replace(str(old), "it")
            reason = " ".join(reason.split()).replace(" : ", ": ").rstrip(".")
            raise RattlerRefusesError(reason) from None
