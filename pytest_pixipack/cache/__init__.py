"""What is made once and shared: by tests, by workers of pytest-xdist, by runs.

Below one directory (`place`), things are kept by their content (`made_once`), never longer than
there is room (`limit`), and never removed under a process that uses them (`users`). `entries` says
what is there.
"""

from __future__ import annotations

from pytest_pixipack.cache.made_once import is_there, made_once, taken, used
from pytest_pixipack.cache.place import default_cache_dir, user_cache_dir

__all__ = ["default_cache_dir", "is_there", "made_once", "taken", "used", "user_cache_dir"]
