"""Files that a user asked for: reports, records, documents."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.whole_files import write_named


def write_output(target: Path, text: str, what: str) -> None:
    """Writes a text where the user has said, as `write_named` does, and the directories above it.

    Half a character, as in a file name that is not UTF-8, becomes an escape. `what` begins the
    sentence. Raises `Infrastructure` where it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_named(target, text.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise Infrastructure(
            f"{what} cannot be written: {error.strerror or error}.", file=target
        ) from error
