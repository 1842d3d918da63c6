"""Environment markers as trees, read and evaluated as uv does.

`packaging` evaluates markers, too, but not those that compare words by order, and it takes versions
for words after `in`. Source: astral-sh/uv, crates/uv-pep508/src/marker/parse.rs: a comparison that
makes no sense is left out, as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

VERSIONS = ("python_version", "python_full_version", "implementation_version")
_NAMES = (
    *VERSIONS, "os_name", "sys_platform", "platform_machine", "platform_python_implementation",
    "platform_release", "platform_system", "platform_version", "implementation_name", "extra",
)  # fmt: skip
_ALIASES = {
    "os.name": "os_name", "sys.platform": "sys_platform", "platform.machine": "platform_machine",
    "platform.version": "platform_version",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<op>===|[<>=!~]=|<|>|not\s+in\b|in\b)"""
    r"""|(?P<word>[A-Za-z_.]+)|(?P<bracket>[()]))"""
)
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "in": "contains", "not in": "lacks"}


class NotAMarker(ValueError):
    """A marker that cannot be read."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variable against a text; `'x' in name` has the operator `contains`, else `lacks`."""

    name: str
    operator: str
    text: str

    @property
    def is_version(self) -> bool:
        """Whether versions are compared and not words."""
        return self.name in VERSIONS


@dataclass(frozen=True, slots=True)
class Node:
    """`and` or `or` of what it holds; one without parts always holds."""

    word: str
    parts: tuple[Node | Comparison, ...]


@lru_cache(maxsize=1024)
def parse_marker(text: str) -> Node:
    """The tree of a marker. Raises `NotAMarker`."""
    if not text.strip():
        return Node("and", ())
    parser = _Parser(text)
    found = parser.either()
    if parser.at != len(parser.tokens):
        raise NotAMarker(f'"{text}" is not an environment marker')
    return found


def comparisons(node: Node | Comparison) -> Iterator[Comparison]:
    """All comparisons of a tree."""
    if isinstance(node, Comparison):
        yield node
    else:
        for part in node.parts:
            yield from comparisons(part)


def holds(node: Node | Comparison, environment: Mapping[str, str], extras: frozenset[str]) -> bool:
    """Whether a marker holds in an environment, with these extras."""
    if isinstance(node, Node):
        if not node.parts:
            return True
        found = (holds(part, environment, extras) for part in node.parts)
        return all(found) if node.word == "and" else any(found)
    if node.name == "extra":
        return (normalised(node.text) in extras) == (node.operator == "==")
    value = environment.get(node.name, "")
    if node.is_version:
        return _compare_versions(value, node.operator, node.text)
    return _compare_words(value, node.operator, node.text)


def normalised(name: str) -> str:
    """A PyPI name or extra as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                self._fail()
            assert match is not None
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind]))
            position = match.end()

    def either(self) -> Node:
        return self._joined("or", lambda: self._joined("and", self._one))

    def _joined(self, word: str, read: object) -> Node:
        assert callable(read)
        parts = [read()]
        while self._peek() == ("word", word):
            self.at += 1
            parts.append(read())
        # What was left out does not count, neither beside `and` nor beside `or`.
        return Node(word, tuple(p for p in parts if isinstance(p, Comparison) or (p and p.parts)))

    def _one(self) -> Node | Comparison | None:
        if self._peek() == ("bracket", "("):
            self.at += 1
            inner = self.either()
            if self._peek() != ("bracket", ")"):
                self._fail()
            self.at += 1
            return inner
        left, operator, right = self._value(), self._operator(), self._value()
        if left[0] == "word" and right[0] == "text":
            return _comparison(left[1], operator, right[1])
        if left[0] == "text" and right[0] == "word":
            return _comparison(right[1], _TURNED.get(operator, operator), left[1])
        return None

    def _value(self) -> tuple[str, str]:
        kind, text = self._next()
        if kind == "text":
            return kind, text[1:-1]
        text = _ALIASES.get(text, text)
        if kind != "word" or text not in _NAMES:
            self._fail()
        return kind, text

    def _operator(self) -> str:
        kind, text = self._next()
        if kind != "op":
            self._fail()
        return " ".join(text.split())

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ("", "")

    def _fail(self) -> None:
        raise NotAMarker(f'"{self.text}" is not an environment marker')


def _comparison(name: str, operator: str, text: str) -> Comparison | None:
    found = Comparison(name, operator, text)
    if name == "extra":
        return found if operator in ("==", "!=") else None
    if not found.is_version:
        return None if operator == "~=" else found
    return found if _is_comparable(operator, text) else None


def _is_comparable(operator: str, text: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, Specifier
    from packaging.version import InvalidVersion, Version

    try:
        if operator in ("in", "not in"):
            return bool([Version(word) for word in text.split()])
        if operator in ("contains", "lacks"):
            return False
        Specifier(operator + text)
    except (InvalidSpecifier, InvalidVersion):
        return False
    return True


def _compare_versions(value: str, operator: str, text: str) -> bool:
    from packaging.specifiers import Specifier
    from packaging.version import InvalidVersion, Version

    try:
        if operator in ("in", "not in"):
            found = Version(value) in [Version(word) for word in text.split()]
            return found == (operator == "in")
        return Specifier(operator + text).contains(value, prereleases=True)
    except InvalidVersion:
        return False


def _compare_words(value: str, operator: str, text: str) -> bool:
    results = {
        "==": value == text, "===": value == text, "!=": value != text, "<": value < text,
        "<=": value <= text, ">": value > text, ">=": value >= text, "in": value in text,
        "not in": value not in text, "contains": text in value, "lacks": text not in value,
    }  # fmt: skip
    return results[operator]
