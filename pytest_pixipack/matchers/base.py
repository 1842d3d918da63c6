"""What all matchers have in common: dirty-equals behaviour, and the means to explain a mismatch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

from dirty_equals import DirtyEquals, IsDict, IsList, IsListOrTuple, IsTuple

from pytest_pixipack.facts import RUN_EXPORT_KINDS, RunExports
from pytest_pixipack.matchers.describe import describe
from pytest_pixipack.redaction import hide


@dataclass(frozen=True, slots=True)
class Aspect:
    """One place that a matcher looks at: what should be there, and what is."""

    segment: str
    expected: Any
    actual: Any


class Matcher(DirtyEquals[Any]):
    """Base of the matchers: what `difference` needs beside dirty-equals' own interface.

    A matcher compares equal on either side of `==`, combines with `&`, `|` and `~`, and never
    raises while it compares. `repr` is the call that makes an equal matcher, but for the secrets of
    URLs, also after a match, where dirty-equals' own matchers show the matched value instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call = (args, kwargs)

    def accepts(self, other: Any) -> bool:  # noqa: ARG002
        """Whether `other` is as expected. An exception means that it is not."""
        return False

    def equals(self, other: Any) -> bool:
        """As dirty-equals asks for it; never raises."""
        try:
            return self.accepts(other)
        except Exception:
            return False

    def expectation(self) -> str:
        """What is asked for, in a few words, to stand behind "expected"."""
        return repr(self)

    def contrast(self, other: Any) -> tuple[str, str]:
        """The texts behind "expected" and "found" for an `other` that does not match."""
        return self.expectation(), describe(other)

    def aspects(self, other: Any) -> Iterable[Aspect] | None:  # noqa: ARG002
        """The places to compare one by one, or None where `other` can only be seen as a whole."""
        return None

    def reason(self, other: Any) -> str | None:  # noqa: ARG002
        """Why `other` does not match, where the two texts do not say it."""
        return None

    def __repr__(self) -> str:
        args, kwargs = self._call
        given = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return hide(f"{type(self).__name__}({', '.join(given)})")


def alike(expected: Any, actual: Any) -> bool:
    """`expected == actual` as a plain bool; a comparison that raises is no equality.

    >>> alike([1, 2], [1, 2]), alike("1", 1)
    (True, False)
    """
    try:
        return bool(expected == actual)
    except Exception:
        return False


def align(expected: Any, actual: Any) -> tuple[Any, Any]:
    """Both values in one form, so that `==` compares what they say and not how facts store it.

    Facts hold tuples and read-only mappings; a test may write lists and dicts. Run exports can be
    written as a mapping of their kinds, where an empty list is the same as an absent kind.

    >>> align(["a"], ("a",))
    (('a',), ('a',))
    >>> align({"weak": ["libz >=1"], "strong": []}, RunExports(weak=("libz >=1",)))
    ({'weak': ('libz >=1',)}, {'weak': ('libz >=1',)})
    """
    if isinstance(actual, RunExports) and isinstance(expected, (Mapping, IsDict)):
        actual = {kind: getattr(actual, kind) for kind in RUN_EXPORT_KINDS if getattr(actual, kind)}
        if isinstance(expected, Mapping):
            expected = {kind: specs for kind, specs in expected.items() if not _is_empty(specs)}
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _align_mappings(expected, actual)
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        return _align_sequences(expected, actual)
    if isinstance(expected, IsListOrTuple) and isinstance(actual, (list, tuple)):
        return expected, _as_allowed(expected, actual)
    if isinstance(actual, Mapping):
        # dirty-equals' matchers of dicts take nothing but a dict.
        return expected, dict(actual)
    return expected, actual


def refuse_unknown(
    owner: str, given: Iterable[str], known: Iterable[str], noun: str = "field"
) -> None:
    """Raises `TypeError` for the first name in `given` that is not `known`, with a suggestion."""
    names = sorted(known)
    for name in given:
        if name not in names:
            _refuse(owner, name, names, noun)


def _refuse(owner: str, name: str, names: list[str], noun: str) -> NoReturn:
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}."
    raise TypeError(f"{owner}() has no {noun} {name!r}; {hint}")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (list, tuple)) and not value)


def _as_allowed(expected: IsListOrTuple[Any], actual: Any) -> Any:
    if isinstance(expected, IsList):
        return list(actual)
    return tuple(actual) if isinstance(expected, IsTuple) else actual


def _align_mappings(
    expected: Mapping[Any, Any], actual: Mapping[Any, Any]
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    left, right = dict(expected), dict(actual)
    for key in left.keys() & right.keys():
        left[key], right[key] = align(left[key], right[key])
    return left, right


def _align_sequences(expected: Any, actual: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if len(expected) != len(actual):
        return tuple(expected), tuple(actual)
    pairs = [align(left, right) for left, right in zip(expected, actual, strict=True)]
    return tuple(left for left, _ in pairs), tuple(right for _, right in pairs)
