"""What pixi says of a lock: `pixi lock --check`, with the reasons that it logs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_pixipack.engine.system.messages import plain
from pytest_pixipack.engine.system.process import Finished
from pytest_pixipack.errors import PixipackError

_REASON = re.compile(r"pixi_core\S*:\s*(.*out of date because.*)")
_OLDER = re.compile(r"older format \((v\d+)\)")
_NOT_UP_TO_DATE = "lock file not up-to-date with the workspace"


@dataclass(frozen=True, slots=True)
class LockCheck:
    """pixi's verdict on a lock; `reasons` are its own words, sorted, without repetitions.

    `failure` is why pixi could not make a new lock, where it tried and failed: the verdict on the
    old one stands.
    """

    up_to_date: bool
    reasons: tuple[str, ...] = ()
    failure: PixipackError | None = None


def read_lock_check(done: Finished, error: Callable[[Finished], PixipackError]) -> LockCheck:
    """The verdict in the output of `pixi lock --check -v`.

    `error` makes the error of a command that failed; it is raised where pixi failed before it came
    to a verdict.
    """
    printed = plain(done.stderr)
    found = {match[1].strip() for line in printed.splitlines() if (match := _REASON.search(line))}
    if match := _OLDER.search(printed):
        found.add(f"the lock file uses an older format ({match[1]})")
    reasons = tuple(sorted(found))
    if done.code == 0 or _NOT_UP_TO_DATE in printed:
        return LockCheck(done.code == 0, reasons)
    failure = error(done)
    if not reasons:
        raise failure
    return LockCheck(False, reasons, failure)
