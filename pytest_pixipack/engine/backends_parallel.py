"""Steps that need each other, run side by side where their order allows it.

Whatever happens at the same time, the outcome is that of running them one after the other: of
several that fail, the first one in their order counts, and none before it is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: `needs` are the keys of steps that come before it in the list."""

    key: Hashable
    needs: frozenset[Hashable]
    run: Callable[[], object]


def cpu_count() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def run_steps(steps: Sequence[Step], workers: int) -> None:
    """Runs all steps, at most `workers` at a time; the first one that can start starts first.

    Where steps fail, those that come after the first of them are not started any more, and the
    error of the first one in the list is raised.
    """
    if workers < 2 or len(steps) < 2:
        for step in steps:
            step.run()
        return
    with ThreadPoolExecutor(max_workers=min(workers, len(steps))) as pool:
        _Run(steps, pool, workers).to_the_end()


class _Run:
    def __init__(self, steps: Sequence[Step], pool: ThreadPoolExecutor, workers: int) -> None:
        self._steps = steps
        self._pool = pool
        self._workers = workers
        self._waiting = list(range(len(steps)))
        self._under_way: dict[Future[object], int] = {}
        self._done: set[Hashable] = set()
        self._failed: dict[int, BaseException] = {}

    def to_the_end(self) -> None:
        self._start()
        while self._under_way:
            finished, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
            for future in finished:
                at = self._under_way.pop(future)
                error = future.exception()
                if error is None:
                    self._done.add(self._steps[at].key)
                else:
                    self._failed[at] = error
            self._start()
        if self._failed:
            raise self._failed[min(self._failed)]

    def _start(self) -> None:
        """Starts what can start, as long as there is a worker for it."""
        end = min(self._failed, default=len(self._steps))
        for at in list(self._waiting):
            if len(self._under_way) >= self._workers or at >= end:
                return
            step = self._steps[at]
            if step.needs <= self._done:
                self._waiting.remove(at)
                self._under_way[self._pool.submit(step.run)] = at
