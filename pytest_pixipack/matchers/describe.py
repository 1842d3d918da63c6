"""Values in a few words, for the columns of a failure report: without the secrets of their URLs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dirty_equals import AnyThing, Contains, DirtyEquals, IsOneOf

from pytest_pixipack.facts import FileFacts, PackageFacts, RunExports
from pytest_pixipack.redaction import hide

LONGEST = 400
_MOST_ITEMS = 12
_DEEPEST = 4


class _Missing:
    """Stands where one side has nothing at all (None is a value)."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def describe(value: Any) -> str:
    """What `value` is or asks for, on one line and at most 400 characters. Never raises.

    >>> describe("curl >=8"), describe(""), describe(None), describe(("a", 1))
    ('curl >=8', "''", 'None', 'a, 1')
    >>> describe(PackageFacts(name="curl", version="8.1", build="h0_0"))
    'curl 8.1 h0_0'
    """
    try:
        return shorten(hide(_describe(value, 0)))
    except Exception:
        return f"<{type(value).__name__}>"


def exactly(value: Any) -> str:
    """`repr(value)` under the same promises, for two values that `describe` does not tell apart."""
    try:
        return shorten(hide(" ".join(repr(value).split("\n"))))
    except Exception:
        return f"<{type(value).__name__}>"


def shorten(text: str, longest: int = LONGEST) -> str:
    """The text, its middle left out where it is longer than `longest` characters.

    >>> shorten("abcdefghij", 7)
    'abc…hij'
    """
    if len(text) <= longest:
        return text
    head = longest // 2
    return f"{text[:head]}…{text[len(text) - (longest - head - 1) :]}"


def is_matcher(value: Any) -> bool:
    """Whether this is a dirty-equals matcher, or the class of one used without a call."""
    return isinstance(value, DirtyEquals) or is_matcher_class(value)


def is_matcher_class(value: Any) -> bool:
    """Whether this is a class of matchers, as in `{"app": IsSource}`."""
    return isinstance(value, type) and issubclass(value, DirtyEquals)


def _describe(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        return value if value and value.isprintable() and value == value.strip() else repr(value)
    if is_matcher(value):
        return _describe_matcher(value, depth)
    facts = getattr(value, "facts", None)
    if isinstance(facts, PackageFacts):
        return _describe_package(facts)
    if isinstance(value, PackageFacts):
        return _describe_package(value)
    if isinstance(value, RunExports):
        return _describe(value.to_json(), depth)
    if isinstance(value, FileFacts):
        return _describe_file(value)
    if isinstance(value, Mapping):
        items = (f"{_describe(k, depth + 1)}: {_describe(v, depth + 1)}" for k, v in value.items())
        return f"{{{_join(items, len(value))}}}"
    if isinstance(value, (list, tuple)) and value:
        return _join((_describe(item, depth + 1) for item in value), len(value))
    return " ".join(repr(value).split("\n"))


def _describe_package(facts: PackageFacts) -> str:
    known = [facts.name, *(text for text in (facts.version, facts.build) if text is not None)]
    return " ".join(known) + (" (source)" if facts.is_source else "")


def _describe_file(file: FileFacts) -> str:
    known = [
        file.kind,
        f"-> {file.target}" if file.target else "",
        f"{file.size} bytes" if file.size is not None else "",
        "executable" if file.executable else "",
        f"sha256 {file.sha256}" if file.sha256 else "",
    ]
    return " ".join(word for word in known if word)


def _describe_matcher(value: Any, depth: int) -> str:
    if is_matcher_class(value):
        try:
            value = value()
        except TypeError:
            return repr(value)
    # Matchers of this project say it themselves.
    expectation = getattr(value, "expectation", None)
    if callable(expectation):
        return str(expectation())
    dirties = getattr(value, "dirties", None)
    if isinstance(dirties, tuple):
        word = " and " if type(value).__name__ == "DirtyAnd" else " or "
        return word.join(_describe(each, depth + 1) for each in dirties)
    if type(value).__name__ == "DirtyNot":
        return f"not {_describe(value.subject, depth + 1)}"
    if isinstance(value, Contains):
        return f"contains {_join(map(describe, value.contained_values))}"
    if isinstance(value, IsOneOf):
        return " or ".join(map(describe, value.expected_values))
    if isinstance(value, AnyThing):
        return "anything"
    # After a match a dirty-equals matcher shows the matched value; what it asks for is then only to
    # be seen behind the `~` of a negation.
    return repr(~value)[1:]


def _join(texts: Iterable[str], count: int | None = None) -> str:
    shown: list[str] = []
    for text in texts:
        if len(shown) == _MOST_ITEMS:
            rest = f"{count - len(shown)} more" if count is not None else "more"
            return ", ".join([*shown, f"… {rest}"])
        shown.append(text)
    return ", ".join(shown)
