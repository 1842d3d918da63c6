"""Extracts package files to where rattler looks for them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import zip_layout
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.regular_files import open_regular

_LONG = 1 << 31  # from here on, sizes do not fit into each header
_SYSTEM_ERRORS = (
    "No space left", "Permission denied", "Read-only file system", "Disk quota exceeded",
    "Too many open files", "Access is denied", "not enough space", "no eligible writable",
    # Of what it has just written itself: that was cut off where there was no more room.
    "failed to determine the currently installed packages",
)  # fmt: skip
_LONG_PREFIX = "target prefix cannot be longer than the placeholder prefix"


def extract_packages(
    packages: Sequence[tuple[Path, Mapping[str, Any]]], cache: Path
) -> tuple[Path, ...]:
    """Extracts package files to where rattler's cache has them, one after the other.

    Left to itself, rattler extracts in threads of its own, which go on writing after one failed.
    The records were checked. Raises `InvalidInput` naming a package that is broken.
    """
    from rattler.package_streaming import extract

    done = []
    for path, record in packages:
        target = cache / _directory(record)
        with (
            _with_sizes(path, cache) as plain,
            rattler_errors(f"The package {path.name} cannot be extracted", path),
        ):
            extract(plain, target)
        done.append(target)
    return tuple(done)


@contextmanager
def _with_sizes(path: Path, cache: Path) -> Iterator[Path]:
    """The package, or a copy whose headers have the sizes, without which rattler cannot read it.

    Info-ZIP leaves them out where it writes to a pipe, for example.
    """
    import zipfile

    if path.suffix != ".conda":
        yield path
        return
    with open_regular(path) as file:
        entries = zip_layout.read_entries(file, path)
        if not any(entry.sizes_behind for entry in entries):
            yield path
            return
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            copy = Path(scratch, path.name)
            with zipfile.ZipFile(copy, "w") as archive:
                for entry in entries:
                    with archive.open(entry.name, "w", force_zip64=entry.size >= _LONG) as member:
                        for piece in zip_layout.content(file, entry, path):
                            member.write(piece)
            yield copy


@contextmanager
def rattler_errors(what: str, file: Path | None) -> Iterator[None]:
    """Turns what rattler raises into an error of ours; `what` starts its sentence."""
    try:
        yield
    except BaseException as error:
        # A panic of the library is a BaseException.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _failure(what, error, file) from None


def _failure(
    what: str, error: BaseException, file: Path | None = None
) -> InvalidInput | Infrastructure:
    lines = [line.removeprefix("Caused by: ").strip(" .") for line in str(error).splitlines()]
    causes = list(dict.fromkeys(line for line in lines if line)) or [type(error).__name__]
    message = f"{what}: {'; '.join(causes)}."
    system = isinstance(error, OSError) and error.errno is not None
    if system or any(sign in message for sign in _SYSTEM_ERRORS):
        return Infrastructure(message, file=file, remedy="Check free space and permissions.")
    if _LONG_PREFIX in message:
        remedy = "Unpack to a shorter path, or build the package with a longer placeholder."
        return InvalidInput(message, file=file, remedy=remedy)
    return InvalidInput(message, file=file, remedy="Get or build the package again.")


def _directory(record: Mapping[str, Any]) -> str:
    return "-".join(str(record[key]) for key in ("name", "version", "build"))
