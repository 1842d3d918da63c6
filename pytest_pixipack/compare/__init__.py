"""What differs between two things of one layer, how much it matters, and why.

found = compare(left, right)             two files or directories, whatever they are
found = compare_locks(left, right)       two `Lock`s
found = compare_artifacts(left, right)   two package files
found = compare_packs(left, right)       two packs of any form
found = compare_prefixes(left, right)    two environments
found.verdict                            identical, order-only, metadata or payload
found.differences                        where, what and why

`compare_paths` is another name of `compare`, for where this module has that name.

Each is imported when it is first used: a comparison of packs needs nothing of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.model import CAUSES, VERDICTS, Comparison, Difference, Kind, Verdict

if TYPE_CHECKING:
    from pytest_pixipack.compare.artifacts import compare_artifacts
    from pytest_pixipack.compare.layers import Compared, compare_paths
    from pytest_pixipack.compare.layers import compare_paths as compare
    from pytest_pixipack.compare.locks import compare_locks
    from pytest_pixipack.compare.packs import compare_packs
    from pytest_pixipack.compare.prefixes import compare_prefixes

__all__ = [
    "CAUSES",
    "VERDICTS",
    "Compared",
    "Comparison",
    "Difference",
    "Kind",
    "Verdict",
    "compare",
    "compare_artifacts",
    "compare_locks",
    "compare_packs",
    "compare_paths",
    "compare_prefixes",
]

# The module that a name is in, and what it is called there.
_HOME_OF = {
    "Compared": ("layers", "Compared"),
    "compare": ("layers", "compare_paths"),
    "compare_artifacts": ("artifacts", "compare_artifacts"),
    "compare_locks": ("locks", "compare_locks"),
    "compare_packs": ("packs", "compare_packs"),
    "compare_paths": ("layers", "compare_paths"),
    "compare_prefixes": ("prefixes", "compare_prefixes"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, known_as = _HOME_OF[name]
    return getattr(import_module(f"{__name__}.{module}"), known_as)
