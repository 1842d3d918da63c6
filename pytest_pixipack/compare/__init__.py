"""What differs between two things of one layer, how much it matters, and why.

comparison = compare_locks(left, right)              two `Lock`s
comparison = compare_artifacts(left, right)          two package files
comparison = compare_packs(left, right)              two packs of any form
comparison = compare_prefixes(left, right)           two environments
comparison = compare_paths(left, right).comparison   two files or directories, whatever they are
comparison.verdict                                   identical, order-only, metadata or payload

Each is imported when it is first used: a comparison of packs needs nothing of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.model import CAUSES, VERDICTS, Comparison, Difference, Kind, Verdict

if TYPE_CHECKING:
    from pytest_pixipack.compare.artifacts import compare_artifacts
    from pytest_pixipack.compare.layers import compare_paths
    from pytest_pixipack.compare.locks import compare_locks
    from pytest_pixipack.compare.packs import compare_packs
    from pytest_pixipack.compare.prefixes import compare_prefixes

__all__ = [
    "CAUSES",
    "VERDICTS",
    "Comparison",
    "Difference",
    "Kind",
    "Verdict",
    "compare_artifacts",
    "compare_locks",
    "compare_packs",
    "compare_paths",
    "compare_prefixes",
]

_HOME_OF = {
    "compare_artifacts": "artifacts",
    "compare_locks": "locks",
    "compare_packs": "packs",
    "compare_paths": "layers",
    "compare_prefixes": "prefixes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
