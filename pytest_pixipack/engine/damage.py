"""What is said where something in the cache was damaged and cannot be made anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_pixipack.cache.seals import is_whole
from pytest_pixipack.errors import Infrastructure, Offline, PixipackError

_CLEAN = "`pixipack cache clean --all` removes all that is in the cache and not in use."


@contextmanager
def mended(homes: Sequence[Path], what: str) -> Iterator[None]:
    """Within it, things of the cache are made; `what` starts a sentence about them.

    A failure where one of them was there and damaged says nothing about the product: it becomes
    `Infrastructure`, or stays `Offline`.
    """
    try:
        yield
    except PixipackError as error:
        damaged = next((home for home in homes if is_damaged(home)), None)
        if damaged is None or error.file == str(damaged):  # the latter has been said
            raise
        raise damage(damaged, what, error) from error


def is_damaged(home: Path) -> bool:
    """Whether something is there that is not what was made."""
    return (home.exists() or home.is_symlink()) and not is_whole(home)


def damage(home: Path, what: str, error: PixipackError) -> Infrastructure:
    """The error for something damaged, after making it anew failed with `error`."""
    kind = Offline if isinstance(error, Offline) else Infrastructure
    return kind(
        f"{what} is damaged, and it cannot be made anew: {error.message}",
        file=home,
        package=error.package,
        remedy=" ".join(filter(None, (error.remedy, _CLEAN))),
    )
