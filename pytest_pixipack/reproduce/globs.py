"""The files that a backend's globs name, as pixi 0.77 reads them (prefix-dev/pixi, `pixi_glob`).

The last pattern that matches decides; `!` excludes. A name without wildcards is the file beside the
manifest, a pattern with wildcards and without a slash matches in every directory. Files and
directories whose names begin with a dot only match patterns that name them with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_META = re.compile(r"[*?\[{]")


def matching(paths: Iterable[str], patterns: Sequence[str], directory: str = "") -> list[str]:
    """Those of the paths that the patterns name; `directory` is where the patterns start.

    Paths and `directory` have `/` and a common root, above which no pattern can reach.
    """
    rules = [_rule(pattern, directory) for pattern in patterns]
    found = []
    for path in paths:
        taken = False
        for negated, rule, hidden in rules:
            if rule.fullmatch(path) and (negated or hidden or not _is_hidden(path, directory)):
                taken = not negated
        if taken:
            found.append(path)
    return found


def _rule(pattern: str, directory: str) -> tuple[bool, re.Pattern[str], bool]:
    """Whether it excludes, what it matches, and whether it names something hidden."""
    negated = pattern.startswith("!")
    text = pattern[1:] if negated else pattern
    everywhere = bool(_META.search(text)) and "/" not in text
    steps = [step for step in text.split("/") if step not in ("", ".")]
    base = [step for step in directory.split("/") if step]
    while steps and steps[0] == "..":
        steps, base = steps[1:], base[:-1]
    hidden = any(step.startswith(".") for step in steps)
    if negated and text.startswith("**/"):
        base = []
    if everywhere:
        steps = ["**", *steps]
    expression = "/".join([*map(re.escape, base), *map(_step, steps)])
    # `**/` also stands for no directory at all, `/**` for all that is inside.
    expression = expression.replace("\0/", "(?:[^/]+/)*").replace("\0", ".+")
    try:
        return negated, re.compile(expression), hidden
    except re.error:  # a range that ends before it begins, a brace that is never closed
        return negated, re.compile(re.escape(text)), hidden


def _step(step: str) -> str:
    if step == "**":
        return "\0"
    out, at, depth = "", 0, 0
    while at < len(step):
        char = step[at]
        end = step.find("]", at + 2) if char == "[" else -1
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif end > 0:
            inner = step[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out += f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
            at = end
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}" and depth:
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        else:
            out += re.escape(char)
        at += 1
    return out


def _is_hidden(path: str, directory: str) -> bool:
    start = len([step for step in directory.split("/") if step])
    return any(step.startswith(".") for step in path.split("/")[start:])
