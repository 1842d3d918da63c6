"""Files of a copy that are edited for one build and then put back, and which ones to choose."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path

from pytest_pixipack.errors import Infrastructure

_MARK = b"\nedited, to see what depends on it\n"
# Seconds: the same edit made twice is the same for what looks at times.
_LATER = 10


@contextmanager
def edited(changes: Mapping[Path, bytes | None]) -> Iterator[None]:
    """Files with other content, None being a line more; afterwards they are as they were, with
    their times. Raises `Infrastructure` for a file that cannot be written.
    """
    with ExitStack() as stack:
        for path, content in changes.items():
            stack.enter_context(_edited(path, content))
        yield


@contextmanager
def _edited(path: Path, content: bytes | None) -> Iterator[None]:
    try:
        facts = path.stat()
        # All files belong to a copy of ours, those that nobody may write as well.
        path.chmod(facts.st_mode | stat.S_IWUSR)
        old = None if content is None else path.read_bytes()
        with path.open("ab" if content is None else "wb") as stream:
            stream.write(_MARK if content is None else content)
        later = facts.st_mtime_ns + _LATER * 10**9
        os.utime(path, ns=(later, later))
    except OSError as error:
        raise _not_editable(path, error) from error
    try:
        yield
    finally:
        try:
            if old is None:
                os.truncate(path, facts.st_size)
            else:
                path.write_bytes(old)
            path.chmod(facts.st_mode)
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        except OSError as error:
            raise _not_editable(path, error) from error


@contextmanager
def emptied(paths: Iterable[Path], aside: Path) -> Iterator[None]:
    """Files with nothing in them; afterwards they are as they were, with their times.

    What they hold, which may be much, waits in `aside`, a directory of the same file system. Raises
    `Infrastructure` for a file that cannot be written.
    """
    aside.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for number, path in enumerate(paths):
            stack.enter_context(_emptied(path, aside / str(number)))
        yield


@contextmanager
def _emptied(path: Path, kept: Path) -> Iterator[None]:
    try:
        facts = path.stat()
        path.replace(kept)
        path.touch()
        path.chmod(facts.st_mode)
        later = facts.st_mtime_ns + _LATER * 10**9
        os.utime(path, ns=(later, later))
    except OSError as error:
        raise _not_editable(path, error) from error
    try:
        yield
    finally:
        try:
            if os.name == "nt":
                path.chmod(facts.st_mode | stat.S_IWUSR)  # where others are not replaced
            kept.replace(path)
        except OSError as error:
            raise _not_editable(path, error) from error


def _not_editable(path: Path, error: OSError) -> Infrastructure:
    return Infrastructure(f"It cannot be edited: {error.strerror or error}.", file=path)


def spread(paths: Iterable[str], most: int | None) -> list[str]:
    """So many of the paths, sorted: of each kind of file and of each directory before more of one.

    >>> spread(["a/1.c", "a/2.c", "a/3.c", "b/1.c", "b/x.h"], 3)
    ['a/1.c', 'b/1.c', 'b/x.h']
    """
    kinds: dict[str, dict[str, list[str]]] = {}
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        kinds.setdefault(Path(name).suffix, {}).setdefault(folder, []).append(path)
    turns = _in_turns([_in_turns([*folders.values()]) for folders in kinds.values()])
    return sorted(turns if most is None else turns[:most])


def _in_turns(lists: Sequence[Sequence[str]]) -> list[str]:
    """The first of each list, then the second of each, and so on."""
    return [each for turn in zip_longest(*lists) for each in turn if each is not None]
