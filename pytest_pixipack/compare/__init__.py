"""What differs between two things of one layer, how much it matters, and why.

comparison = compare_locks(left, right)              two `Lock`s
comparison = compare_artifacts(left, right)          two package files
comparison = compare_packs(left, right)              two packs of any form
comparison = compare_prefixes(left, right)           two environments
comparison.verdict                                   identical, order-only, metadata or payload
"""

from __future__ import annotations

from pytest_pixipack.compare.artifacts import compare_artifacts
from pytest_pixipack.compare.locks import compare_locks
from pytest_pixipack.compare.model import CAUSES, VERDICTS, Comparison, Difference, Kind, Verdict
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
    "compare_prefixes",
]
