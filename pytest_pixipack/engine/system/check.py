"""What pixi says of a lock: `pixi lock --check`, with the reasons that it logs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_pixipack.engine.system.messages import plain
from pytest_pixipack.engine.system.process import Finished

_REASON = re.compile(r"pixi_core\S*:\s*(.*out of date because.*)")
_OLDER = re.compile(r"older format \((v\d+)\)")
_NOT_UP_TO_DATE = "lock file not up-to-date with the workspace"


@dataclass(frozen=True, slots=True)
class LockCheck:
    """pixi's verdict on a lock; `reasons` are its own words, sorted, without repetitions."""

    up_to_date: bool
    reasons: tuple[str, ...] = ()


def read_lock_check(done: Finished) -> LockCheck | None:
    """The verdict in the output of `pixi lock --check -v`; None where pixi failed otherwise."""
    printed = plain(done.stderr)
    if done.code != 0 and _NOT_UP_TO_DATE not in printed:
        return None
    found = {match[1].strip() for line in printed.splitlines() if (match := _REASON.search(line))}
    if match := _OLDER.search(printed):
        found.add(f"the lock file uses an older format ({match[1]})")
    return LockCheck(done.code == 0, tuple(sorted(found)))
