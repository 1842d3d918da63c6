"""Build and pack again under changed conditions: does the same come out, and if not, why?

result = reproduce(root, options)                    all variations, as many builds as that takes
result.verdict                                       identical, order-only, metadata or payload
result.variation("timezone").verdict                 what differs through this one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_pixipack.reproduce.experiment import reproduce
    from pytest_pixipack.reproduce.model import Attributed, Reproduction, VariationResult
    from pytest_pixipack.reproduce.variations import VARIATIONS, Variation

_HOMES = {
    "reproduce": "experiment",
    "Attributed": "model",
    "Reproduction": "model",
    "VariationResult": "model",
    "VARIATIONS": "variations",
    "Variation": "variations",
}

__all__ = [
    "VARIATIONS",
    "Attributed",
    "Reproduction",
    "Variation",
    "VariationResult",
    "reproduce",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
