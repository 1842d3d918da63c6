"""Digests of package files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.regular_files import open_regular


@dataclass(frozen=True, slots=True)
class Digests:
    """What repodata and locks say of a file: hexadecimal digests, and the size in bytes."""

    sha256: str
    md5: str
    size: int


def file_digests(path: Path) -> Digests:
    """Reads the file once. Raises `InvalidInput` if there is none, `Infrastructure` otherwise."""
    sha256, size = hashlib.sha256(), 0
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with open_regular(path) as stream:
            while block := stream.read(1 << 20):
                sha256.update(block)
                md5.update(block)
                size += len(block)
    except OSError as error:
        raise unreadable(path, error) from None
    return Digests(sha256.hexdigest(), md5.hexdigest(), size)


def unreadable(path: Path, error: OSError) -> InvalidInput | Infrastructure:
    """The error for a package file that cannot be opened or read."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return InvalidInput("The package file does not exist.", file=path)
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return InvalidInput("This is a directory, not a package file.", file=path)
    return Infrastructure(f"The file cannot be read: {error.strerror or error}.", file=path)
