"""A difference between two values that are seen as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from dirty_equals import Contains, HasLen, IsListOrTuple

from pytest_pixipack.difference.model import Difference
from pytest_pixipack.matchers.base import Matcher
from pytest_pixipack.matchers.describe import MISSING, describe, exactly, is_matcher_class
from pytest_pixipack.redaction import hide

_Answer = TypeVar("_Answer")

_LONG = 60
_CONTEXT = 16
_SECRET = "they differ in what is not shown: user, password or query of a URL"


def leaf(path: tuple[str, ...], expected: Any, actual: Any, note: str | None = None) -> Difference:
    """Both values in words that differ, with a note where the words do not say why."""
    if expected is MISSING or actual is MISSING:
        return Difference(path, describe(expected), describe(actual), hide(note) if note else None)
    expected = instance(expected)
    if isinstance(expected, Matcher):
        texts = _guarded(expected.contrast, actual)
        left, right = texts or (describe(expected), describe(actual))
        note = note or _guarded(expected.reason, actual)
    else:
        left, right = _texts(expected, actual)
        note = note or _guarded(_why, expected, actual)
    if left == right and _has_secret(expected, actual):
        return Difference(path, left, right, note or _SECRET)
    if left == right:
        left, right = exactly(expected), exactly(actual)
    if left == right:
        left, right = f"{left} ({type(expected).__name__})", f"{right} ({type(actual).__name__})"
    if left == right:
        note = note or "two that look the same and compare unequal"
    return Difference(path, left, right, hide(note) if note else None)


def instance(expected: Any) -> Any:
    """The matcher that a class of matchers stands for; other values as they are."""
    if is_matcher_class(expected):
        try:
            return expected()
        except Exception:
            return expected
    return expected


def _has_secret(*values: Any) -> bool:
    return all(isinstance(each, str) for each in values) and any(hide(v) != v for v in values)


def _guarded(ask: Callable[..., _Answer], *values: Any) -> _Answer | None:
    """The answer, or None where a hostile value raises."""
    try:
        return ask(*values)
    except Exception:
        return None


def _texts(expected: Any, actual: Any) -> tuple[str, str]:
    if isinstance(expected, str) and isinstance(actual, str):
        # Before anything is cut off: what is left of a secret is not known as one.
        expected, actual = _focus(hide(expected), hide(actual))
    return describe(expected), describe(actual)


def _focus(left: str, right: str) -> tuple[str, str]:
    """Two long texts, what they share left out at both ends, but for a little context."""
    shortest = min(len(left), len(right))
    if max(len(left), len(right)) <= _LONG:
        return left, right
    head = next((i for i in range(shortest) if left[i] != right[i]), shortest)
    rest = shortest - head
    tail = next((i for i in range(rest) if left[-1 - i] != right[-1 - i]), rest)
    start, stop = max(head - _CONTEXT, 0), max(tail - _CONTEXT, 0)
    if start + stop <= 2:
        return left, right
    return _middle(left, start, stop), _middle(right, start, stop)


def _middle(text: str, start: int, stop: int) -> str:
    shown = text[start : len(text) - stop]
    return f"{'…' if start else ''}{shown}{'…' if stop else ''}"


def _why(expected: Any, actual: Any) -> str | None:
    if isinstance(expected, HasLen):
        return f"its length is {len(actual)}" if hasattr(actual, "__len__") else "without length"
    if isinstance(expected, Contains):
        return "not a collection" if not hasattr(actual, "__contains__") else None
    if isinstance(expected, IsListOrTuple):
        allowed = isinstance(actual, expected.allowed_type)
        return None if allowed else type(actual).__name__
    if isinstance(expected, (str, int, float, list, tuple, dict, set)) and not isinstance(
        actual, type(expected)
    ):
        return f"{type(actual).__name__}, not {type(expected).__name__}"
    return None
