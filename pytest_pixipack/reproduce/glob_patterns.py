"""Patterns of a `.gitignore` file as regular expressions.

Sources: the crates `ignore` (`gitignore.rs`, `add_line`) and `globset` (`glob.rs`, `Parser` and
`to_regex_with`), with the options that `ignore` sets: `*` and `?` match no slash, `\\` escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ONE, _SOME = "[^/]", "[^/]*"
_RECURSIVE_PREFIX, _RECURSIVE_SUFFIX, _RECURSIVE = "(?:/?|.*/)", "/.*", "(?:/|/.*/)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern: whether it excludes, what it matches, and whether only directories."""

    negated: bool
    pattern: re.Pattern[str]
    directories: bool


class _BadPatternError(Exception):
    """A pattern that pixi refuses."""


def rules_of(lines: Iterable[str]) -> list[Rule]:
    """The rules of lines, in their order; a line that says nothing, or is no pattern, has none."""
    return [rule for line in lines if (rule := _rule(line)) is not None]


def _rule(line: str) -> Rule | None:
    text = line if line.endswith("\\ ") else line.rstrip()
    if not text or text.startswith("#"):
        return None
    negated = anchored = False
    if text.startswith(("\\!", "\\#")):
        text = text[1:]
    else:
        negated = text.startswith("!")
        text = text.removeprefix("!")
        anchored = text.startswith("/")
        text = text.removeprefix("/")
    directories = text.endswith("/")
    text = text.removesuffix("/")
    if not anchored and "/" not in text and text != "**":
        text = f"**/{text}"
    if text.endswith("/**"):
        text += "/*"
    try:
        return Rule(negated, re.compile(_Parser(text).expression(), re.DOTALL), directories)
    except (_BadPatternError, re.error):
        return None


class _Parser:
    """Reads one glob; what is between braces is on top of `stack` while it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._stack: list[list[list[str]]] = [[[]]]

    def expression(self) -> str:
        """The regular expression. Raises `_BadPatternError` for what is no glob."""
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            self._read(char)
        if self._is_nested:
            raise _BadPatternError
        return ".*" if self._tokens == [_RECURSIVE_PREFIX] else "".join(self._tokens)

    @property
    def _tokens(self) -> list[str]:
        return self._stack[-1][-1]

    @property
    def _is_nested(self) -> bool:
        return len(self._stack) > 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _read(self, char: str) -> None:
        if char == "*":
            self._star()
        elif char == "?":
            self._tokens.append(_ONE)
        elif char == "[":
            self._tokens.append(self._class())
        elif char == "{":
            self._stack.append([[]])
        elif char == "}":
            self._close()
        elif char == "," and self._is_nested:
            self._stack[-1].append([])
        elif char == "\\":
            if not self._peek():
                raise _BadPatternError
            self._tokens.append(re.escape(self._peek()))
            self._at += 1
        else:
            self._tokens.append(re.escape(char))

    def _close(self) -> None:
        if not self._is_nested:
            raise _BadPatternError
        choices = filter(None, ("".join(tokens) for tokens in self._stack.pop()))
        self._tokens.append(f"(?:{'|'.join(choices)})")

    def _star(self) -> None:
        before = self._text[self._at - 2 : self._at - 1] if self._at > 1 else ""
        if self._peek() != "*":
            self._tokens.append(_SOME)
            return
        self._at += 1
        after = self._peek()
        if not self._tokens:
            self._tokens.append(_SOME if after not in ("", "/") else _RECURSIVE_PREFIX)
            self._at += after == "/"
        elif before != "/" and not (self._is_nested and before in (",", "{")):
            self._tokens.append(_SOME)
        elif not after or (after in (",", "}") and self._is_nested):
            self._replace(_RECURSIVE_SUFFIX)
        elif after == "/":
            self._at += 1
            self._replace(_RECURSIVE)
        else:
            self._tokens.append(_SOME)

    def _replace(self, recursive: str) -> None:
        """Takes the slash before `**` into it; one `**` after another says nothing more."""
        last = self._tokens.pop()
        self._tokens.append(last if last in (_RECURSIVE_PREFIX, _RECURSIVE_SUFFIX) else recursive)

    def _class(self) -> str:
        end = self._at + (self._peek() in ("!", "^"))
        end = self._text.find("]", end + 1)
        if end < 0:
            raise _BadPatternError
        inner = self._text[self._at : end]
        self._at = end + 1
        negated = inner[0] in "!^"
        ranges = inner[1:] if negated else inner
        escaped = "".join(f"\\{char}" if char in "\\[]^&~|" else char for char in ranges)
        return f"[{'^' if negated else ''}{escaped}]"
