"""Texts that match other texts: exact ones, globs, and `^regular expressions$`.

Follows rattler_conda_types/src/match_spec/matcher.rs.
"""

from __future__ import annotations

import re
import warnings

from pytest_pixipack.manifest.reader import Table


def read_matcher(entry: Table, key: str) -> str | None:
    """A text such as `py312*`, or None. Raises `InvalidInput`."""
    text = entry.string(key)
    if text is not None:
        _check(entry, text, key)
    return text


def read_matchers(entry: Table, key: str) -> tuple[str, ...] | None:
    """An array of them, or None. Raises `InvalidInput`."""
    texts = entry.strings(key)
    for index, text in enumerate(texts or ()):
        _check(entry, text, key, index)
    return texts


def _check(entry: Table, text: str, *keys: str | int) -> None:
    if text.startswith("^") and text.endswith("$"):
        if problem := _regex_problem(text):
            raise entry.error(f"`{text}` is not a regular expression: {problem}.", *keys)
    elif "*" in text and (problem := _glob_problem(text)):
        raise entry.error(
            f"`{text}` is not a pattern: {problem}.",
            *keys,
            remedy="Use `*` for any characters, as in `py312*`.",
        )


def _regex_problem(text: str) -> str | None:
    # Rust spells a few things that Python does not know (`\\p{L}`, `(?<name>`): those pass.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            known = not re.search(r"bad escape|unknown extension|global flags", str(error))
            return str(error) if known else None
    return None


def _glob_problem(text: str) -> str | None:
    """As the `glob` crate has it: `**` only as a whole path segment, each `[` closed."""
    if "***" in text:
        return "`***` means nothing"
    if any("**" in part and part != "**" for part in text.split("/")):
        return "`**` has to stand alone"
    # The first character within brackets, or the one after `!`, can be a `]` itself.
    if "[" in re.sub(r"\[!?.[^\]]*\]", "", text, flags=re.DOTALL):
        return "a `[` is not closed"
    return None
