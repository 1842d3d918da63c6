"""Walks through two values side by side and collects where they differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Any

from dirty_equals import Contains, HasAttributes, IsDict, IsListOrTuple

from pytest_pixipack.difference.leaf import instance, leaf
from pytest_pixipack.difference.model import Difference
from pytest_pixipack.matchers.base import Matcher, alike
from pytest_pixipack.matchers.constraints import IsSpec, spec_name
from pytest_pixipack.matchers.describe import MISSING, describe, exactly, is_matcher
from pytest_pixipack.matchers.packages import attribute

Path = tuple[str, ...]

_DEEPEST = 16
# The pairing of two lists is quadratic; beyond this many items they are compared by position.
_LONGEST_PAIRED = 300


def difference(expected: Any, actual: Any) -> list[Difference]:
    """Where `actual` is not as `expected`; empty where they are equal, else never. Never raises.

    `expected` is a matcher, a class of matchers, or a plain value that may contain them; a matcher
    in `actual` opposite to a plain value is taken for what is expected. The order is that of
    `expected`; what is only in `actual` comes last.

    >>> from pytest_pixipack.facts import PackageFacts
    >>> from pytest_pixipack.matchers import IsPackage, IsVersion
    >>> found = {"openssl": PackageFacts(name="openssl", version="1.1.1w")}
    >>> for each in difference({"openssl": IsPackage(version=IsVersion(">=3"))}, found):
    ...     print(each.path, each.expected, each.actual)
    ('openssl', 'version') >=3 1.1.1w
    """
    try:
        return _walk((), expected, actual)
    except Exception:
        # Whatever a hostile value does, it is still known that the two are not equal.
        return [leaf((), expected, actual)]


def _walk(path: Path, expected: Any, actual: Any) -> list[Difference]:
    if expected is not MISSING and actual is not MISSING:
        if alike(expected, actual):
            return []
        if is_matcher(actual) and not is_matcher(expected):
            expected, actual = actual, expected
        if len(path) < _DEEPEST:
            closer = _look_closer(path, instance(expected), actual)
            if closer:
                return closer
    return [leaf(path, expected, actual)]


def _look_closer(path: Path, expected: Any, actual: Any) -> list[Difference]:
    """The differences within two unequal values; empty where they can only be seen as a whole."""
    if isinstance(expected, Matcher):
        return _matcher(path, expected, actual)
    if is_matcher(expected):
        return _dirty(path, expected, actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _mapping(path, expected, actual)
    if isinstance(expected, str) and isinstance(actual, str):
        return _lines(path, expected, actual)
    if isinstance(expected, (list, tuple)) and type(expected) is type(actual):
        return _sequence(path, expected, actual)
    if isinstance(expected, AbstractSet) and isinstance(actual, AbstractSet):
        return _extra_and_missing(path, list(expected - actual), list(actual - expected))
    if is_dataclass(expected) and type(expected) is type(actual):
        names = [field.name for field in fields(expected) if field.compare]
        return _attributes(path, {name: attribute(expected, name) for name in names}, actual)
    return []


def _matcher(path: Path, expected: Matcher, actual: Any) -> list[Difference]:
    found: list[Difference] = []
    for each in expected.aspects(actual) or ():
        here = (*path, each.segment)
        if each.actual is None and not alike(each.expected, None):
            # Layers differ in what they record: a lock has no version of a source package.
            found.append(leaf(here, each.expected, None, "not recorded here"))
        else:
            found += _walk(here, each.expected, each.actual)
    return found


def _dirty(path: Path, expected: Any, actual: Any) -> list[Difference]:
    kind = type(expected).__name__
    if kind == "DirtyAnd":
        broken = (each for each in expected.dirties if not alike(each, actual))
        return _flat(_walk(path, each, actual) for each in broken)
    if kind == "DirtyOr":
        return _alternatives(path, expected.dirties, actual)
    for known, look in _LOOKS.items():
        if isinstance(expected, known):
            return look(path, expected, actual)
    return []


def _alternatives(path: Path, expected: Iterable[Any], actual: Any) -> list[Difference]:
    """The nearest alternative, where one of them can be looked into."""
    found = [_walk(path, each, actual) for each in expected]
    deep = [each for each in found if any(len(one.path) > len(path) for one in each)]
    if not deep:
        return []
    first, *more = min(deep, key=len)
    note = f"nearest of {len(found)} alternatives"
    note = f"{first.note}; {note}" if first.note else note
    return [Difference(first.path, first.expected, first.actual, note), *more]


def _contains(path: Path, expected: Contains, actual: Any) -> list[Difference]:
    if not isinstance(actual, Collection):
        return []
    return [
        Difference(path, f"contains {describe(value)}", _nearest(value, actual))
        for value in expected.contained_values
        if not _is_in(value, actual)
    ]


def _is_in(value: Any, actual: Collection[Any]) -> bool:
    try:
        return value in actual
    except Exception:
        return False


def _nearest(value: Any, actual: Collection[Any]) -> str:
    """Of a list of requirements, those of the same name; else all that is there."""
    if len(actual) == 0:
        return "nothing"
    spec = value.spec if isinstance(value, IsSpec) else value
    name = spec_name(spec) if isinstance(spec, str) else None
    if name is not None and isinstance(actual, (list, tuple)):
        same = [each for each in actual if spec_name(each) == name]
        return describe(same or actual)
    return describe(actual)


def _dict(path: Path, expected: IsDict, actual: Any) -> list[Difference]:
    if not isinstance(actual, dict):
        return []
    wanted = {k: v for k, v in expected.expected_values.items() if not _ignored(expected, v)}
    there = {k: v for k, v in actual.items() if not _ignored(expected, v)}
    if expected.partial:
        there = {key: value for key, value in there.items() if key in wanted}
    found = _mapping(path, wanted, there)
    if not found and expected.strict:
        return [leaf(path, list(wanted), list(there), "the order of the keys")]
    return found


def _ignored(expected: IsDict, value: Any) -> bool:
    try:
        if not expected.ignore or is_matcher(value):
            return False
        return bool(
            expected.ignore(value) if callable(expected.ignore) else value in expected.ignore
        )
    except Exception:
        return False


def _list_or_tuple(path: Path, expected: IsListOrTuple[Any], actual: Any) -> list[Difference]:
    if not isinstance(actual, expected.allowed_type):
        return []
    if expected.positions is not None:
        there = {position: _item(actual, position) for position in expected.positions}
        pairs = ((f"[{at}]", expected.positions[at], there[at]) for at in expected.positions)
        return _flat(_walk((*path, segment), left, right) for segment, left, right in pairs)
    items, found = list(expected.items), list(actual)
    if not expected.check_order:
        missing, extra = _unpaired(items, found)
        return _extra_and_missing(path, missing, extra if expected.length is None else [])
    if expected.length is not None:
        found = found[: len(items)]
    # Where the items are right it is the length that is not, which the matcher itself says best.
    return [] if alike(items, found) else _sequence(path, items, found)


def _item(actual: Any, position: Any) -> Any:
    try:
        return actual[position]
    except Exception:
        return MISSING


def _attributes(path: Path, expected: Mapping[str, Any], actual: Any) -> list[Difference]:
    return _flat(
        _walk((*path, str(name)), value, attribute(actual, str(name)))
        for name, value in expected.items()
    )


def _mapping(
    path: Path, expected: Mapping[Any, Any], actual: Mapping[Any, Any]
) -> list[Difference]:
    extra = [key for key in actual if key not in expected]
    found: list[Difference] = []
    for key, value in expected.items():
        here = (*path, _segment(key))
        if key in actual:
            found += _walk(here, value, actual[key])
        else:
            found.append(leaf(here, value, MISSING, _similar(key, extra)))
    return [*found, *(leaf((*path, _segment(key)), MISSING, actual[key]) for key in extra)]


def _similar(key: Any, others: Iterable[Any]) -> str | None:
    names = [other for other in others if isinstance(other, str)]
    close = get_close_matches(key, names, n=1) if isinstance(key, str) else []
    return f"there is {close[0]}" if close else None


def _segment(key: Any) -> str:
    # A text in quotes only where it could be taken for something else.
    return describe(key) if not isinstance(key, str) or not key.startswith("[") else exactly(key)


def _sequence(path: Path, expected: Any, actual: Any) -> list[Difference]:
    if max(len(expected), len(actual)) <= _LONGEST_PAIRED:
        missing, extra = _unpaired(expected, actual)
        if not missing and not extra:
            return [leaf(path, list(expected), list(actual), "the order")]
        if len(expected) != len(actual):
            return _extra_and_missing(path, missing, extra)
    pairs = zip(
        chain(expected, [MISSING] * (len(actual) - len(expected))),
        chain(actual, [MISSING] * (len(expected) - len(actual))),
        strict=True,
    )
    return _flat(_walk((*path, f"[{at}]"), *pair) for at, pair in enumerate(pairs))


def _unpaired(expected: Iterable[Any], actual: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Items of each side that have no equal on the other; each item is paired once."""
    missing, extra = [], list(actual)
    for value in expected:
        at = next((index for index, other in enumerate(extra) if alike(value, other)), None)
        if at is None:
            missing.append(value)
        else:
            del extra[at]
    return missing, extra


def _extra_and_missing(path: Path, missing: list[Any], extra: list[Any]) -> list[Difference]:
    return [
        *(leaf(path, value, MISSING) for value in sorted(missing, key=describe)),
        *(leaf(path, MISSING, value) for value in sorted(extra, key=describe)),
    ]


def _lines(path: Path, expected: str, actual: str) -> list[Difference]:
    """The first line that differs, of texts of several lines."""
    left, right = expected.splitlines(), actual.splitlines()
    if max(len(left), len(right)) < 2:
        return []
    for at in range(max(len(left), len(right))):
        ours, theirs = _item(left, at), _item(right, at)
        if ours is MISSING or ours != theirs:
            return [leaf((*path, f"line {at + 1}"), ours, theirs)]
    return []


def _flat(found: Iterable[list[Difference]]) -> list[Difference]:
    return list(chain.from_iterable(found))


_LOOKS: dict[type, Callable[[Path, Any, Any], list[Difference]]] = {
    Contains: _contains,
    IsDict: _dict,
    IsListOrTuple: _list_or_tuple,
    HasAttributes: lambda path, expected, actual: _attributes(
        path, expected.expected_attrs, actual
    ),
}
