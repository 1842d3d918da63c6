"""Line numbers inside the text of a lock, found only when somebody asks for them.

The text is searched for the lines that pixi writes. A lock in another layout (flow style, other
indentation) has no line numbers, which is better than wrong ones.
"""

from __future__ import annotations

import re


def line_of_entry(text: str, key: str, identifier: str) -> int | None:
    """The line of the entry `- key: identifier` in the top-level list `packages`."""
    start = _section(text, "packages")
    return None if start is None else _line(text, _entry(key, identifier, indent=""), start)


def line_of_field(text: str, key: str, identifier: str, name: str) -> int | None:
    """The line of a field of such an entry, or of the entry where the field is not found."""
    first = line_of_entry(text, key, identifier)
    if first is None:
        return None
    lines = text.splitlines()
    for number in range(first, len(lines)):
        if lines[number].startswith(f"  {name}:"):
            return number + 1
        if lines[number].startswith("-"):
            break
    return first


def line_of_older_field(text: str, place: str, name: str) -> int | None:
    """The line of a field of the entry with a URL or path, in a lock of an older version."""
    here = re.compile(rf"(?:- |  )(?:conda|pypi|url): {_scalar(place)}\s*\Z")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if here.match(line):
            first = number
            while not lines[first].startswith("-") and first:
                first -= 1
            for other in range(first, len(lines)):
                if other > first and lines[other].startswith("-"):
                    break
                if lines[other][2:].startswith(f"{name}:"):
                    return other + 1
            return number + 1
    return None


def line_of_selector(
    text: str,
    key: str,
    identifier: str,
    environment: str | None = None,
    platform: str | None = None,
) -> int | None:
    """The line where an environment, for a platform, refers to a package."""
    start = _section(text, "environments")
    if start is None:
        return None
    for name, indent in ((environment, "  "), (platform, "      ")):
        if name is not None:
            found = re.compile(rf"^{indent}{_scalar(name)}:", re.M).search(text, start)
            start = found.start() if found else start
    return _line(text, _entry(key, identifier, indent="      "), start)


def line_of_reference(text: str, identifier: str) -> int | None:
    """The first line where a package refers to one of its build or host packages."""
    start = _section(text, "packages")
    return None if start is None else _line(text, _entry(r"\w+", identifier, indent="  "), start)


def line_of_key(text: str, key: str) -> int | None:
    """The line of a top-level key."""
    return _line(text, rf"^{re.escape(key)}\s*:", 0)


def _section(text: str, key: str) -> int | None:
    found = re.compile(rf"^{key}\s*:", re.M).search(text)
    return found.start() if found else None


def _entry(key: str, identifier: str, *, indent: str) -> str:
    return rf"^{indent}- {key}: {_scalar(identifier)}\s*$"


def _scalar(value: str) -> str:
    # Plain, or in either kind of quotes.
    return rf"""(?:['"]?){re.escape(value)}(?:['"]?)"""


def _line(text: str, pattern: str, start: int) -> int | None:
    found = re.compile(pattern, re.M).search(text, start)
    return text.count("\n", 0, found.start()) + 1 if found else None
