"""The cache of a run: what all of its tests and workers share, and the next run, too."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_pixipack.cache import default_cache_dir
from pytest_pixipack.cache.limit import shared

_CACHE = pytest.StashKey[Path]()


def shared_cache(config: pytest.Config) -> Path:
    """The directory of the cache; nothing that this run uses in it is removed while it lasts.

    At the end of the run, a cache that has grown is brought to its size. Raises `InvalidInput` for
    a size that is none.
    """
    if _CACHE not in config.stash:
        root = default_cache_dir()
        stack = ExitStack()
        stack.enter_context(shared(root))
        config.add_cleanup(stack.close)
        config.stash[_CACHE] = root
    return config.stash[_CACHE]
