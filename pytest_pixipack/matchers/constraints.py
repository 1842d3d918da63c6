"""Matchers that understand conda's versions and match specs, by way of py-rattler.

py-rattler is imported when the first of them is made: its errors are none of Python's own classes,
so all of them are caught here and turned into `ValueError`, or into "does not match".
"""

from __future__ import annotations

import re
from typing import Any

from pytest_pixipack.matchers.base import Matcher
from pytest_pixipack.spec_limits import is_too_complex

SpecKey = frozenset[tuple[str, Any]]

# In `>=8` trailing zeros of the version say nothing; in `8.*` or `~=8.0` they do.
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)(.+?)(?<!\*)")
_FIELD = re.compile(r"""(\w+)=("(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]]*\]|[^,\]]*)""")


class IsVersion(Matcher):
    """A conda version that satisfies a constraint; without one, any version.

    `spec` is a version or a constraint in conda's language, compared as conda compares: `"8"` is
    exactly 8 (and 8.0), `"8.*"` all of 8, `">=8,<9|10.*"` has its usual meaning. Raises
    `ValueError` for a `spec` that conda would not read and `TypeError` for one that is not text.

    >>> "8.11.1" == IsVersion(">=8,<9"), "1.1.1w" == IsVersion(">=3"), 8 == IsVersion("8")
    (True, False, False)
    """

    def __init__(self, spec: str = "*") -> None:
        from rattler import VersionSpec

        if not isinstance(spec, str):
            raise TypeError(f"IsVersion() takes a constraint as text, not {spec!r}.")
        try:
            VersionSpec(spec)
        except Exception as error:
            raise ValueError(f"{spec!r} is not a version or a constraint: {error}.") from error
        self.spec = spec
        super().__init__(*(() if spec == "*" else (spec,)))

    def accepts(self, other: Any) -> bool:
        """Whether `other` is a text that holds such a version."""
        from rattler import Version, VersionSpec

        return isinstance(other, str) and VersionSpec(self.spec).matches(Version(other))

    def expectation(self) -> str:
        """The constraint."""
        return "a version" if self.spec == "*" else self.spec

    def reason(self, other: Any) -> str | None:
        """Says where what was found is not a version at all."""
        from rattler import Version

        if not isinstance(other, str):
            return "not a text" if other is not None else None
        try:
            Version(other)
        except Exception:
            return "not a conda version"
        return None


class IsSpec(Matcher):
    """A match spec (a requirement such as those in `depends`) that means the same; or just any.

    The same name, and constraints that are equal once parsed: spelling, white space, the order of
    clauses and trailing zeros of a compared version do not matter, and a `*` that allows everything
    is the same as nothing. Two constraints that happen to admit the same versions but say it
    differently (`>=8,<9` and `8.*`) are not equal. Raises `ValueError` for a spec that conda would
    not read.

    >>> "curl >=8,<9.0" == IsSpec("curl<9,>=8"), "curl *" == IsSpec("curl")
    (True, True)
    >>> "curl >=8" == IsSpec("curl"), "curl 8.*" == IsSpec("curl >=8,<9")
    (False, False)
    >>> from dirty_equals import Contains
    >>> ("zlib *", "curl >=8") == Contains(IsSpec("curl >=8.0"))
    True
    """

    def __init__(self, spec: str | None = None) -> None:
        # Only text is kept, so that the matcher can be copied and sent to another process.
        self.spec = spec
        if spec is not None:
            if not isinstance(spec, str):
                raise TypeError(f"IsSpec() takes a requirement as text, not {spec!r}.")
            try:
                spec_key(spec)
            except Exception as error:
                raise ValueError(f"{spec!r} is not a match spec: {error}.") from error
        super().__init__(*(() if spec is None else (spec,)))

    def accepts(self, other: Any) -> bool:
        """Whether `other` is a text with an equal requirement."""
        if not isinstance(other, str):
            return False
        found = spec_key(other)
        return self.spec is None or found == spec_key(self.spec)

    def expectation(self) -> str:
        """The requirement."""
        return "a match spec" if self.spec is None else self.spec

    def reason(self, other: Any) -> str | None:
        """Says where what was found is not a match spec."""
        if not isinstance(other, str):
            return "not a text"
        return None if spec_name(other) is not None else "not a match spec"


def spec_name(spec: Any) -> str | None:
    """The lower-case name in a match spec, None where there is none to be read.

    >>> spec_name("Curl >=8"), spec_name("!")
    ('curl', None)
    """
    try:
        return str(dict(spec_key(spec))["name"])
    except Exception:
        return None


def spec_key(spec: str) -> SpecKey:
    """Equal for two match specs that say the same. Raises py-rattler's errors for a bad one."""
    from rattler import MatchSpec

    if is_too_complex(spec):
        raise ValueError("The match spec is too long, or has too many parentheses.")
    name, _, brackets = MatchSpec(spec).to_canonical_string().partition("[")
    fields: dict[str, Any] = {"name": name}
    for key, value in _FIELD.findall(brackets.removesuffix("]")):
        fields[key] = _field_key(key, value)
    return frozenset((key, value) for key, value in fields.items() if value != "*")


def _field_key(key: str, value: str) -> Any:
    if value.startswith("["):
        return frozenset(item.strip() for item in value[1:-1].split(","))
    text = value[1:-1] if value[:1] in ("'", '"') else value
    return _version_key(text) if key == "version" else text


def _version_key(constraint: str) -> Any:
    """The clauses of a constraint without their order: sets of alternatives of sets."""
    tokens = re.findall(r"[(),|]|[^(),|]+", constraint)
    return _alternatives(tokens)


def _alternatives(tokens: list[str]) -> Any:
    groups = [_conjunction(tokens)]
    while tokens and tokens[0] == "|":
        tokens.pop(0)
        groups.append(_conjunction(tokens))
    return "*" if "*" in groups else _flat("|", groups)


def _conjunction(tokens: list[str]) -> Any:
    clauses = [_clause(tokens)]
    while tokens and tokens[0] == ",":
        tokens.pop(0)
        clauses.append(_clause(tokens))
    narrowing = [clause for clause in clauses if clause != "*"]
    return _flat(",", narrowing or ["*"])


def _clause(tokens: list[str]) -> Any:
    from rattler import Version

    token = tokens.pop(0)
    if token == "(":
        inner = _alternatives(tokens)
        tokens.pop(0)
        return inner
    comparison = _COMPARISON.fullmatch(token.strip())
    return (comparison[1], Version(comparison[2])) if comparison else token.strip()


def _flat(operator: str, parts: list[Any]) -> Any:
    """`(operator, set of parts)`; one part is itself, nested ones of one operator are joined."""
    members: set[Any] = set()
    for part in parts:
        nested = isinstance(part, tuple) and part[0] == operator
        members |= part[1] if nested else {part}
    return next(iter(members)) if len(members) == 1 else (operator, frozenset(members))
