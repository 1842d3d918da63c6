"""How long and how deep a match spec, a version constraint or a marker may be.

rattler's parsers recurse into parentheses: some thousands of them end the process, fewer where
stacks are small. Alternatives take time that grows with the square of their number. Real ones have
some hundred characters and hardly any parentheses.
"""

from __future__ import annotations

MAX_LENGTH = 10_000
MAX_PARENTHESES = 100


def is_too_complex(text: str) -> bool:
    """Whether a text must not be given to a parser that recurses."""
    return len(text) > MAX_LENGTH or text.count("(") > MAX_PARENTHESES
