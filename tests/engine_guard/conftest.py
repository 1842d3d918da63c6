from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_pixipack.engine.guard import NetworkIsolation, network_isolation


@pytest.fixture
def isolation() -> NetworkIsolation:
    """A way into a network namespace; a machine that permits none skips the test and says why."""
    found = network_isolation()
    if not found.applied:
        pytest.skip(found.reason)
    return found


def in_use() -> dict[str, object]:
    """Threads, children and open files (where they can be counted) of this process."""
    psutil = pytest.importorskip("psutil")
    gc.collect()
    me = psutil.Process()
    descriptors = Path("/proc/self/fd")
    return {
        "threads": {thread.name for thread in threading.enumerate()},
        "children": {child.pid for child in me.children(recursive=True)},
        "listening": {c.laddr for c in me.net_connections() if c.status == psutil.CONN_LISTEN},
        "descriptors": len(os.listdir(descriptors)) if descriptors.is_dir() else 0,  # noqa: PTH208
    }


@pytest.fixture
def nothing_left() -> Iterator[Callable[[], dict[str, object]]]:
    """The test leaves no thread, process, socket or open file; gives what is in use now."""
    before = in_use()
    yield in_use
    assert in_use() == before
