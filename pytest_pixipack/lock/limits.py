"""How large and how deep the text of a lock may be, looked at before it is parsed.

The limits are far above what environments need: a lock of 3 MB has 90,000 values. They keep time
and memory bounded for a file that was made to exhaust them: the parser needs time that grows with
the square of the depth of brackets, and up to 400 bytes for each value, rattler_lock up to 1100.
"""

from __future__ import annotations

import re

from pytest_pixipack.errors import InvalidInput

MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 400_000
# Where rattler_lock reads the text as well.
MAX_RATTLER_VALUES = 200_000
MAX_DEPTH = 500
# Parentheses are in requirements and markers, which rattler_lock and `packaging` parse recursively.
MAX_PARENTHESES = 100

_BRACKET = re.compile(r"[\[\]{}]")
_PARENTHESIS = re.compile(r"[()]")


def check_text(text: str, file: str | None) -> None:
    """Raises `InvalidInput` for a text that is too large or too deep to be a lock."""
    if len(text) > MAX_BYTES:
        raise too_large(file)
    check_values(text, file, MAX_VALUES)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text, file, _BRACKET, "brackets", MAX_DEPTH)
    if text.count("(") > MAX_PARENTHESES:
        _check_depth(text, file, _PARENTHESIS, "parentheses", MAX_PARENTHESES)


def check_values(text: str, file: str | None, limit: int) -> None:
    """Raises `InvalidInput` for a text with more values than `limit`."""
    # Every value of a sequence or mapping follows one of these, or starts a line.
    if sum(map(text.count, "\n,[{")) > limit:
        raise InvalidInput(
            f"The lock file has more than {limit:,} values, which no lock needs.", file=file
        )


def too_large(file: str | None) -> InvalidInput:
    """The error for a file of more than `MAX_BYTES`."""
    return InvalidInput(
        f"The lock file is larger than {MAX_BYTES // 1024**2} MiB, which no lock needs.", file=file
    )


def _check_depth(
    text: str, file: str | None, pattern: re.Pattern[str], what: str, limit: int
) -> None:
    depth = 0
    for found in pattern.finditer(text):
        depth = depth + 1 if found[0] in "[{(" else max(depth - 1, 0)
        if depth > limit:
            raise InvalidInput(
                f"The lock file is not valid: {what} are nested more than {limit} deep.",
                file=file,
                line=text.count("\n", 0, found.start()) + 1,
                remedy="Restore it, or remove it and run `pixi lock`.",
            )
