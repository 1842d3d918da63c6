"""The explanation of a failed `==` that a test report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirty_equals import DirtyEquals, IsDict

from pytest_pixipack.difference.leaf import instance
from pytest_pixipack.difference.model import Difference
from pytest_pixipack.difference.render import render_difference
from pytest_pixipack.difference.walk import difference
from pytest_pixipack.matchers.base import Matcher
from pytest_pixipack.matchers.describe import describe, is_matcher
from pytest_pixipack.matchers.packages import IsPackage, facts_of

# Within pytest's margin ("E       ") this fits a terminal of 80 columns.
_WIDTH = 72
_MOST_LOOKED_AT = 5000


def explain_comparison(left: Any, right: Any, *, width: int = _WIDTH) -> list[str] | None:
    """A summary and the lines of `render_difference`, or None.

    The side that holds matchers is what is expected; otherwise the right one.

    None where the two are equal, and where neither side holds a matcher or a type of this project,
    so that another explanation can speak. Never raises.

    >>> from pytest_pixipack.facts import PackageFacts
    >>> from pytest_pixipack.matchers import IsPackage, IsVersion
    >>> openssl = PackageFacts(name="openssl", version="1.1")
    >>> lock = {"app": PackageFacts(name="app"), "openssl": openssl}
    >>> wanted = {"app": IsPackage(), "openssl": IsPackage(version=IsVersion(">=3"))}
    >>> print("\\n".join(explain_comparison(lock, wanted)))
    1 of 2 packages is not as expected
      openssl   version   expected >=3   found 1.1
    >>> explain_comparison([1], [2])
    """
    try:
        if not (_holds_ours(left) or _holds_ours(right)):
            return None
        swap = _holds(left, is_matcher) and not _holds(right, is_matcher)
        expected, actual = (left, right) if swap else (right, left)
        found = difference(expected, actual)
        if not found:
            return None
        lines = render_difference(found, width=width - 2)
        if len(lines) == 1 and not found[0].path:
            return lines
        return [_summary(instance(expected), actual, found), *(f"  {line}" for line in lines)]
    except Exception:
        return None


def _holds_ours(value: Any) -> bool:
    return _holds(value, _is_ours)


def _is_ours(value: Any) -> bool:
    kind = value if isinstance(value, type) else type(value)
    return issubclass(kind, Matcher) or kind.__module__.partition(".")[0] == "pytest_pixipack"


def _holds(value: Any, asked: Any) -> bool:
    """Whether the value, or anything within it, is what is asked for."""
    waiting, looked_at = [value], 0
    while waiting and looked_at < _MOST_LOOKED_AT:
        each = waiting.pop()
        looked_at += 1
        if asked(each):
            return True
        waiting += _children(each)
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, DirtyEquals):
        # What a matcher was given; the value that it compared last is private, and not asked.
        return [given for name, given in vars(value).items() if not name.startswith("_")]
    return []


def _summary(expected: Any, actual: Any, found: list[Difference]) -> str:
    asked = _keys(expected)
    if asked is not None and isinstance(actual, Mapping):
        partial = isinstance(expected, IsDict) and expected.partial
        total = len(asked) if partial else len({*asked, *actual})
        values = [*asked.values(), *actual.values()]
        word = "package" if any(map(_is_package, values)) else "entry"
        return _count(len({each.path[:1] for each in found}), total, word)
    if isinstance(expected, Matcher):
        aspects = expected.aspects(actual)
        if aspects is not None:
            wrong, total = len({each.path[:1] for each in found}), len(list(aspects))
            return f"{describe(actual)}: {_count(wrong, total, 'field')}"
    return "not as expected"


def _keys(expected: Any) -> Mapping[Any, Any] | None:
    if isinstance(expected, IsDict):
        return expected.expected_values
    return expected if isinstance(expected, Mapping) else None


def _is_package(value: Any) -> bool:
    return isinstance(instance(value), IsPackage) or facts_of(value) is not None


def _count(wrong: int, total: int, word: str) -> str:
    plural = "entries" if word == "entry" else f"{word}s"
    verb = "is" if wrong == 1 else "are"
    return f"{wrong} of {total} {word if total == 1 else plural} {verb} not as expected"
