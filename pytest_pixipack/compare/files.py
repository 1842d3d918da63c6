"""Two files of no layer of their own: wheels, archives, libraries, texts."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.model import Comparison
from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.regular_files import open_regular


def compare_files(left: Path, right: Path) -> Comparison:
    """Compares two files, whatever they are. Raises `Infrastructure` where one is unreadable."""
    with Scratch() as scratch:
        contents = content(left), content(right)
        found = Inside(scratch).differences((left.name,), left.name, *contents)
        return Comparison.of(found)


def content(path: Path) -> Content:
    """The content of a file. Raises `InvalidInput` for a pipe, `Infrastructure` as `unreadable`."""
    try:
        with open_regular(path):
            return Content.file(path)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path | str, error: OSError) -> Infrastructure:
    """The error for a file that cannot be read."""
    return Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path)
