"""Work that child processes take a share of.

Only where a child begins at once and safely with all that its parent knows: on Linux, by `fork` of
a process that has no other thread, of Python or not. What comes out is the same everywhere.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from pytest_pixipack.errors import PixipackError

Item = TypeVar("Item")
Result = TypeVar("Result")

# For less, a process is not worth its start; more of them wait for the disk.
_FEWEST_ITEMS, _MOST_PROCESSES = 8, 8


def done_in_shares(
    items: Sequence[Item],
    here: Callable[[Sequence[Item]], Iterable[Result]],
    there: Callable[[Sequence[Item]], Iterable[Result]],
) -> list[Result]:
    """One result for each item, in their order.

    `here` is called in this process, `there` in others: it must not read from files that are open
    here, whose position all processes share. Where an item fails, raises what the first of them
    raises `here`.
    """
    number = processes_for(len(items))
    if number < 2:
        return list(here(items))
    shares = [items[start::number] for start in range(number)]
    children: list[_Child[Item, Result]] = []
    done: list[list[Result]] = []
    try:
        for share in shares[1:]:
            children.append(_Child(there, share))
        done.append(list(here(shares[0])))
        done += [found for child in children if (found := child.results()) is not None]
    except (PixipackError, OSError):
        pass  # another one may come first, or no process could begin
    finally:
        for child in children:
            child.close()
    if len(done) < number:
        return list(here(items))
    return [done[place % number][place // number] for place in range(len(items))]


def processes_for(items: int) -> int:
    """How many processes, this one included, are to share so many items."""
    if sys.platform != "linux" or items < 2 * _FEWEST_ITEMS:
        return 1
    try:
        alone = len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
    except OSError:
        return 1
    usable = len(os.sched_getaffinity(0))
    return min(usable, items // _FEWEST_ITEMS, _MOST_PROCESSES) if alone else 1


class _Child(Generic[Item, Result]):
    """A process that does one share."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Iterable[Result]], share: Sequence[Item]
    ) -> None:
        self._share = share
        reading, writing = os.pipe()
        try:
            self._pid = _fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if self._pid == 0:
            _work(work, share, writing)
        os.close(writing)
        self._done = False
        self._results = os.fdopen(reading, "rb")

    def results(self) -> list[Result] | None:
        """What came out; None where anything went wrong."""
        try:
            found: list[Result] = pickle.load(self._results)
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        self._done = True
        return found if len(found) == len(self._share) else None

    def close(self) -> None:
        """Ends it, whatever it still does."""
        self._results.close()
        with contextlib.suppress(OSError):
            if not self._done and sys.platform != "win32":
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _fork() -> int:
    if sys.platform == "win32":
        raise NotImplementedError
    return os.fork()


def _work(
    work: Callable[[Sequence[Item]], Iterable[Result]], share: Sequence[Item], writing: int
) -> None:
    """In the child: nothing of the parent's is flushed, closed or removed by it."""
    code = 1
    try:
        with os.fdopen(writing, "wb") as stream:
            pickle.dump(list(work(share)), stream)
        code = 0
    finally:
        os._exit(code)
