"""`--pixipack-shard I/N`: each of N machines runs a part of the tests.

The part of a test depends on its id alone: whatever else a machine collects, each test is in one
part, and no machine has to know of the others.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from pytest_pixipack.plugin.items import WorkspaceItem
from pytest_pixipack.plugin.options import SETTINGS

_OTHERS = pytest.StashKey[int]()


def leave_out_other_shards(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects what other machines run."""
    shard = config.stash[SETTINGS].shard
    assert shard is not None
    part, parts = shard
    _note_shared_names(items)
    others = [item for item in items if part_of(item.nodeid, parts) != part]
    config.stash[_OTHERS] = len(others)
    if others:
        items[:] = [item for item in items if part_of(item.nodeid, parts) == part]
        config.hook.pytest_deselected(items=others)


def _note_shared_names(items: list[pytest.Item]) -> None:
    """A record calls a workspace the same in all parts, whichever others are in them."""
    told = [item.result["workspace"] for item in items if isinstance(item, WorkspaceItem)]
    counted = Counter({each["file"]: each["name"] for each in told}.values())
    for each in told:
        if "record" in each and counted[each["name"]] > 1:
            each["record"]["shares_name"] = True


def forgive_an_empty_shard(session: pytest.Session) -> None:
    """A part without tests is all right where other parts have some."""
    empty = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if empty and session.testscollected == 0 and session.config.stash.get(_OTHERS, 0):
        session.exitstatus = pytest.ExitCode.OK


def part_of(nodeid: str, parts: int) -> int:
    """In which part a test is, counted from 1."""
    digest = hashlib.sha256(nodeid.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % parts + 1
