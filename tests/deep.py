"""Directories deeper than any path can say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def deep_directories(place: Path, count: int) -> Iterator[None]:
    """Makes directories in one another below `place`, and removes them afterwards.

    pytest cannot: it goes down by a call for each.
    """
    above = [os.open(place, os.O_RDONLY)]
    try:
        for _ in range(count):
            os.mkdir("d", dir_fd=above[-1])
            above.append(os.open("d", os.O_RDONLY, dir_fd=above[-1]))
            if len(above) > 2:
                os.close(above.pop(0))
        yield
    finally:
        number = above[-1]
        for each in above[:-1]:
            os.close(each)
        for _ in range(count):
            parent = os.open("..", os.O_RDONLY, dir_fd=number)
            os.close(number)
            os.rmdir("d", dir_fd=parent)
            number = parent
        os.close(number)
