"""JSON and YAML: what two texts say, apart from how they say it."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_pixipack.compare.inside.comments import yaml_comments
from pytest_pixipack.compare.inside.displays import order_cause
from pytest_pixipack.compare.inside.lines import around
from pytest_pixipack.compare.inside.numbers import exact_number, lost_numbers
from pytest_pixipack.compare.inside.text import Text
from pytest_pixipack.compare.inside.tokens import line_reasons
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
# Values that are told one by one.
_MOST = 200
_LARGEST_YAML = 4 << 20
_MOST_ALIASES = 40
_ALIAS = re.compile(r"(?:^|[\s,\[{:-])\*[\w-]", re.MULTILINE)
_MISSING = object()
# A key or a value in JSON without escapes.
_VALUE = re.compile(r'"[^"]*"|-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity')


def parsed_json(text: str) -> Any:
    """The value of a JSON text, its numbers exact (`exact_number`).

    Raises `ValueError` where it is none, or holds a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=exact_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def parsed_yaml(text: str) -> Any:
    """The value of a YAML text. Raises `ValueError` where it is none, or could become too large."""
    from ryaml import InvalidYamlError, loads  # type: ignore[attr-defined]

    # Texts with n aliases become largest where each level has three of the one below.
    aliases = sum(1 for _ in itertools.islice(_ALIAS.finditer(text), _MOST_ALIASES + 1))
    if aliases > _MOST_ALIASES or len(text) * 3 ** (aliases / 3) > _LARGEST_YAML:
        raise ValueError("it is too large, or could become so")
    try:
        return loads(text)
    except (ValueError, InvalidYamlError, RecursionError) as error:
        raise ValueError(str(error)) from None


def structured_differences(
    where: Where, name: str, left: Text, right: Text
) -> list[Difference] | None:
    """What two JSON or YAML texts say differently; None where they are not both such."""
    yaml = name.endswith((".yaml", ".yml"))
    if not yaml and not all(each.text.lstrip()[:1] in ("{", "[") for each in (left, right)):
        return None
    try:
        parse = parsed_yaml if yaml else parsed_json
        first, second = parse(left.plain), parse(right.plain)
        if yaml and _comments(left) != _comments(right):
            return None  # they are compared as texts
        if yaml and lost_numbers(left.plain) != lost_numbers(right.plain):
            return None
        if not isinstance(first, dict | list) or not isinstance(second, dict | list):
            return None
        found = list(value_differences(where, first, second))
        found += notation_differences(where, first, second, left.plain, right.plain)
        return found or None
    except (ValueError, RecursionError):
        return None


def is_json(text: Text) -> bool:
    """Whether a text is a JSON object or array."""
    if text.text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(parsed_json(text.plain), dict | list)
    except ValueError:
        return False


def as_white_space(carried: Iterable[Difference]) -> list[Difference]:
    """How two structured texts are carried, beside what is said of their notation.

    Their line ends are white space, and one at the end is of their notation.
    """
    return [
        replace(each, kind="metadata") if each.cause == "line-endings" else each
        for each in carried
        if not (each.cause == "line-endings" and _is_final(each))
    ]


def _is_final(difference: Difference) -> bool:
    """Whether line ends differ only at the end of the text."""
    at_the_end = difference.field == "line ends at the end"
    return at_the_end or "none" in (difference.left, difference.right)


def notation_differences(
    where: Where, first: Any, second: Any, left: str, right: str
) -> Iterator[Difference]:
    """What two texts differ in apart from their values: order of keys, and form."""
    ordered = _same_order(first, second)
    if not ordered:
        yield Difference(where, "order of keys", "order-only", None, None, "member-order")
    if first != second and _alike(left, right):
        return
    digest = _Digests()
    same = digest(first) == digest(second)
    styles = _style(first, left), _style(second, right)
    if None in styles:
        other = same and left != right and (ordered or len(left.strip()) != len(right.strip()))
    else:
        other = styles[0] != styles[1]
    if other or (same and ordered and left != right):
        yield Difference(where, "notation", "metadata", len(left), len(right), "json-format")


def _alike(left: str, right: str) -> bool:
    """Whether two texts that do not say the same are written alike: they differ in values only."""
    if "\\" in left or "\\" in right:
        return False
    return _VALUE.sub("0", left) == _VALUE.sub("0", right)


class _Digests:
    """Digests of values, which are the same whatever the order of keys, and for NaN.

    Each list and mapping is looked at once, however often it is asked for: it has to stay.
    """

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}

    def __call__(self, value: Any) -> bytes:
        """The digest of one value."""
        if not isinstance(value, dict | list):
            return _digest(
                [f"{type(value).__name__} {value!r}".encode("utf-8", "backslashreplace")]
            )
        if id(value) not in self._known:
            if isinstance(value, list):
                parts = [b"list", *map(self, value)]
            else:
                parts = [b"dict", *sorted(self(key) + self(each) for key, each in value.items())]
            self._known[id(value)] = _digest(parts)
        return self._known[id(value)]

    def counted(self, values: Sequence[Any]) -> Counter[bytes]:
        """How often each value occurs."""
        return Counter(map(self, values))


def _digest(parts: Iterable[bytes]) -> bytes:
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.digest()


def _same_order(left: Any, right: Any) -> bool:
    """Whether the keys that two values have in common are in the same order."""
    if isinstance(left, dict) and isinstance(right, dict):
        common = [key for key in left if key in right]
        if common != [key for key in right if key in left]:
            return False
        return all(_same_order(left[key], right[key]) for key in common)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return all(_same_order(*pair) for pair in zip(left, right, strict=True))
    return True


def _style(value: Any, text: str) -> tuple[Any, ...] | None:
    """How Python's `json` would have written a text, where it would have."""
    text = text.strip()
    indented = re.match(r"[\[{](?:\r?\n([ \t]*))", text)
    indent = indented[1] if indented else None
    separators = ((",", ": "), (",", ":")) if indented else ((", ", ": "), (",", ":"))
    for separator in separators:
        for ascii_only in (True, False) if not text.isascii() or "\\u" in text else (True,):
            written = json.dumps(
                value, indent=indent, separators=separator, ensure_ascii=ascii_only, default=str
            )
            if written == text:
                return (indent, separator)
    return None


def _comments(text: Text) -> Counter[str]:
    return Counter(comment for _, comment in yaml_comments(text.plain))


def value_differences(where: Where, left: Any, right: Any) -> Iterator[Difference]:
    """The places in which two values differ, each with its cause."""
    digest = _Digests()
    for number, (path, old, new) in enumerate(_walk((), left, right, digest)):
        if number == _MOST:
            return
        yield from _leaf(where, path, old, new)


def _walk(path: Where, left: Any, right: Any, digest: _Digests) -> Iterator[tuple[Where, Any, Any]]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in [*left, *(key for key in right if key not in left)]:
            sides = left.get(key, _MISSING), right.get(key, _MISSING)
            yield from _walk((*path, str(key)), *sides, digest)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        if digest.counted(left) == digest.counted(right):
            if digest(left) != digest(right):
                yield path, left, right
            return
        for number, (old, new) in enumerate(zip(left, right, strict=True)):
            yield from _walk((*path, str(number)), old, new, digest)
    elif digest(left) != digest(right):
        yield path, left, right


def _leaf(where: Where, path: Where, left: Any, right: Any) -> Iterator[Difference]:
    field = ".".join(path) or "content"
    sides = (_plain(left), _plain(right))
    for cause in dict.fromkeys(_causes(path, left, right)):
        yield Difference(where, field, "payload", *sides, cause)


def _causes(path: Where, left: Any, right: Any) -> tuple[str, ...]:
    if _MISSING in (left, right):
        return ("content",)
    if isinstance(left, list) and isinstance(right, list):
        digest = _Digests()
        if digest.counted(left) == digest.counted(right):
            return ("line-order",)
    label = next((part for part in reversed(path) if not part.isdigit()), "value")
    if "system_tools" in path:
        return ("tool-version",)
    texts = f'"{label}": {_said(left)}', f'"{label}": {_said(right)}'
    if (reordered := order_cause(*texts)) is not None:
        return (reordered,)
    reasons = line_reasons(*texts, label)
    if "version-change" in reasons.causes and not (
        isinstance(left, str) and isinstance(right, str)
    ):
        return ("content",)  # a number is the version of a format, not of a package
    if not reasons.causes and any(part.lower() in _ENVIRONMENTS for part in path[:-1]):
        return ("environment-variable",)
    if reasons.complete and reasons.causes:
        return reasons.causes
    return (*reasons.causes, "content") if reasons.alike else ("content",)


# Names under which programs write down the environment.
_ENVIRONMENTS = ("env", "environ", "environment", "env_vars", "environment_variables")


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _plain(value: Any) -> Any:
    if value is _MISSING:
        return None
    if isinstance(value, str):
        return around(value, value)[0]
    text = json.dumps(value, default=str)
    return value if len(text) <= 1000 else f"{text[:999]}…"
