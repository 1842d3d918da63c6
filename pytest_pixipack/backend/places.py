"""Paths in transcripts: placeholders instead of the machine that recorded them.

A front end names its directories in its requests; these become placeholders, in that request and in
all that follows in its session:

| placeholder | directory |
|---|---|
| `@WORKSPACE@` | `workspaceDirectory` |
| `@SOURCE@` | `sourceDirectory`, where it lies outside of the workspace |
| `@CHECKOUT@` | `checkoutRoot` |
| `@CACHE@`, `@SCRATCH@` | `cacheDirectory`, `workspaceScratchDirectory` |
| `@WORK@`, `@BUILD@`, `@HOST@` | those of the latest request: `workDirectory`, both prefixes |
| `@PARENT@` | what the workspace lies in |
| `@HOME@`, `@TMP@` | of the user who records |

Separators behind a placeholder are `/` on every system.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.file_urls import file_url
from pytest_pixipack.redaction import redact

Json = dict[str, Any]

# Parameters that name a directory of the front end's choice, by method.
_NAMED: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "initialize": (
        ("WORKSPACE", ("workspaceDirectory",)),
        ("CHECKOUT", ("checkoutRoot",)),
        ("CACHE", ("cacheDirectory",)),
        ("SCRATCH", ("workspaceScratchDirectory",)),
        ("SOURCE", ("sourceDirectory",)),
    ),
    "conda/outputs": (("WORK", ("workDirectory",)),),
    "conda/build_v1": (
        ("WORK", ("workDirectory",)),
        ("BUILD", ("buildPrefix", "prefix")),
        ("HOST", ("hostPrefix", "prefix")),
    ),
}
PLACEHOLDER = re.compile(r"@([A-Z]+)@")
_ABSOLUTE = re.compile(r"(?:/|[A-Za-z]:[\\/]|\\\\).")


class Places:
    """The directories of one session, as far as its requests have named them."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self._known: dict[str, str] = {"TMP": tempfile.gettempdir()}
        home = env.get("HOME") or env.get("USERPROFILE")
        if home and _is_deep(home):
            self._known["HOME"] = home

    def learn(self, request: Mapping[str, Any]) -> None:
        """Takes the directories that a request names."""
        params = request.get("params")
        for name, keys in _NAMED.get(str(request.get("method")), ()):
            value: Any = params
            for key in keys:
                value = value.get(key) if isinstance(value, Mapping) else None
            if isinstance(value, str) and _ABSOLUTE.match(value):
                self._add(name, value.rstrip("/\\"))

    def _add(self, name: str, path: str) -> None:
        if name == "SOURCE" and _within(path, self._known.get("WORKSPACE")):
            return
        self._known[name] = path
        if name == "WORKSPACE":
            parent = str(Path(path).parent)
            if _is_deep(parent) and parent != self._known.get("HOME"):
                self._known["PARENT"] = parent

    def scrub(self, value: Any) -> Any:
        """A JSON value with placeholders for paths and without secrets in URLs."""
        spellings = sorted(self._spellings(), key=lambda entry: (-len(entry[0]), entry[1]))
        return _mapped(value, lambda text: _scrubbed(text, spellings))

    def _spellings(self) -> Iterator[tuple[str, str]]:
        for name, path in self._known.items():
            yield path, f"@{name}@"
            if "\\" in path:
                yield path.replace("\\", "/"), f"@{name}@"
            if _is_native(path):
                # The whole of the URL: `file://@X@` would not do where a path is no URL.
                yield file_url(Path(path)), f"file://@{name}@"


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(entry, change) for entry in value]
    if isinstance(value, dict):
        return {change(key): _mapped(entry, change) for key, entry in value.items()}
    return value


def _scrubbed(text: str, spellings: list[tuple[str, str]]) -> str:
    # A placeholder would look like a user in a URL.
    if "://" in text and not PLACEHOLDER.search(text):
        text = redact(text)
    for spelled, placeholder in spellings:
        start = text.find(spelled)
        while start >= 0:
            end = start + len(spelled)
            if _is_end(text[end : end + 1]):
                rest = text[end:]
                if start == 0:
                    rest = rest.replace("\\", "/")
                text = text[:start] + placeholder + rest
                end = start + len(placeholder)
            start = text.find(spelled, end)
    return text


def _is_end(character: str) -> bool:
    return not character or not (character.isalnum() or character in "-_.")


def _is_native(path: str) -> bool:
    return (os.name == "nt") == (not path.startswith("/"))


def _is_deep(path: str) -> bool:
    """Whether a path is worth a placeholder: `/`, `C:\\` and `/tmp` say nothing of a machine."""
    return len([part for part in re.split(r"[\\/]", path) if part]) > 1


def _within(path: str, directory: str | None) -> bool:
    if directory is None:
        return False
    inside, outside = path.replace("\\", "/"), directory.replace("\\", "/")
    return inside == outside or inside.startswith(outside + "/")
