"""The words of a stub channel spec, and what may stand behind each.

The TOML form and the Python builder share them; where a value is wrong, `Problem` says at which
path of the spec, and the caller adds the file and the line.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_pixipack.artifact.safety import unsafe
from pytest_pixipack.channel.files import SHELLS, File
from pytest_pixipack.facts import RUN_EXPORT_KINDS
from pytest_pixipack.platforms import SUBDIRS
from pytest_pixipack.toml_positions import did_you_mean

SpecPath = tuple[str | int, ...]
Check = Callable[[Any, SpecPath], Any]

FORMATS = ("conda", "tar.bz2")
FAMILIES = ("unix", "linux", "osx", "win", "freebsd", "emscripten", "wasi", "zos")
_NAME = re.compile(r"^[a-z0-9_][a-z0-9_.-]*$")
_BUILD = re.compile(r"^[A-Za-z0-9_.+]+$")
_ENTRY_POINT = re.compile(r"^[^\s=]+\s*=\s*[\w.]+:[\w.]+$")


class Problem(Exception):
    """Something in a spec that cannot be used; `path` leads to it."""

    def __init__(self, message: str, path: SpecPath, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message, self.path, self.remedy = message, path, remedy


def table(value: Any, path: SpecPath) -> Mapping[str, Any]:
    """A table with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise Problem(f"{_what(path)} has to be a table.", path)
    return value


def keys(
    value: Mapping[str, Any], known: Sequence[str], where: str, path: SpecPath
) -> dict[str, SpecPath]:
    """Maps each key as the spec defines it (`run-exports`) to its path as written here."""
    found: dict[str, SpecPath] = {}
    for key in value:
        plain = key.replace("_", "-")
        if plain not in known:
            remedy = did_you_mean(key, known) or f"Known keys: {', '.join(sorted(known))}."
            raise Problem(f"`{key}` is not a key of {where}.", (*path, key), remedy)
        if plain in found:
            raise Problem(f"`{plain}` is given twice, also as `{key}`.", (*path, key))
        found[plain] = (*path, key)
    return found


def text(value: Any, path: SpecPath) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise Problem(f"{_what(path)} has to be a text.", path, _quote(value))
    return value


def texts(value: Any, path: SpecPath) -> tuple[str, ...]:
    """A list of texts."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        remedy = f'Write `["{value}"]`.' if isinstance(value, str) else None
        raise Problem(f"{_what(path)} has to be a list of texts.", path, remedy)
    return tuple(text(item, (*path, index)) for index, item in enumerate(value))


def channel_name(value: Any, path: SpecPath) -> str:
    """The name of a channel: one part of a URL and of a path."""
    if text(value, path) in (".", "..") or set(value) & set('/\\:*?"<>|'):
        raise Problem(f"`{value}` cannot name a directory.", path)
    return str(value)


def name(value: Any, path: SpecPath) -> str:
    """The name of a package."""
    if not _NAME.match(text(value, path)):
        lower = re.sub(r"[^a-z0-9_.-]", "-", value.lower())
        remedy = f"Did you mean `{lower}`?" if _NAME.match(lower) else None
        raise Problem(f"`{value}` is not a valid package name.", path, remedy)
    return str(value)


def version(value: Any, path: SpecPath) -> str:
    """A version that conda understands."""
    text(value, path)
    if problem := _version_problem(value):
        near = next((v for v in _repaired(value) if v and not _version_problem(v)), None)
        raise Problem(
            f"`{value}` is not a valid version: {problem}.",
            path,
            f"Did you mean `{near}`?" if near else None,
        )
    return str(value)


def _version_problem(value: str) -> str | None:
    import rattler

    if "-" in value:
        return "a dash would divide the file name in another place"
    try:
        rattler.Version(value)
    except Exception as error:  # rattler's errors have no common class
        return str(error).partition("': ")[2] or str(error)
    return None


def _repaired(value: str) -> list[str]:
    plain = re.sub(r"\s+", "", value).replace("-", "_").replace(",", ".")
    plain = re.sub(r"^(?:v|==?)", "", plain)
    bare = re.sub(r"[^A-Za-z0-9_.+!]", "", plain)
    return [plain, bare, re.sub(r"([._+!])[._+!]*", r"\1", bare).strip("._+!")]


def specs(value: Any, path: SpecPath) -> tuple[str, ...]:
    """A list of match specs."""
    found = texts(value, path)
    for index, spec in enumerate(found):
        if problem := _spec_problem(spec):
            raise Problem(
                f"`{spec}` is not a valid match spec: {problem}.",
                (*path, index),
                "Write a name, then perhaps a version and a build: `libz >=1.2,<2 h0*`.",
            )
    return found


def _spec_problem(spec: str) -> str | None:
    import rattler

    try:
        parsed = rattler.MatchSpec(spec)
    except Exception as error:  # rattler's errors have no common class
        return str(error).splitlines()[0].rstrip(".")
    build = str(parsed.build or "")
    if build[:1] in ("<", ">", "=", "!", "~"):
        return f"`{build}` stands where a build string belongs, bounds are joined by commas"
    return None


def run_exports(value: Any, path: SpecPath) -> dict[str, tuple[str, ...]]:
    """A list (that means `weak`), or a table by kind."""
    if isinstance(value, Sequence):
        return {"weak": specs(value, path)}
    given = table(value, path)
    known = [kind.replace("_", "-") for kind in RUN_EXPORT_KINDS]
    where = keys(given, known, "`run-exports`", path)
    return {kind.replace("-", "_"): specs(given[str(at[-1])], at) for kind, at in where.items()}


def spec_groups(value: Any, path: SpecPath) -> dict[str, tuple[str, ...]]:
    """A table of lists of match specs."""
    return {group: specs(items, (*path, group)) for group, items in table(value, path).items()}


def number(value: Any, path: SpecPath) -> int:
    """A whole number, not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Problem(f"{_what(path)} has to be a whole number.", path)
    return value


def build(value: Any, path: SpecPath) -> str:
    """A build string."""
    if not _BUILD.match(text(value, path)):
        near = re.sub(r"[^A-Za-z0-9_.+]", "_", value)
        message = f"`{value}` is not a valid build string: letters, digits and `_.+` may occur."
        raise Problem(message, path, f"Did you mean `{near}`?")
    return str(value)


def timestamp(value: Any, path: SpecPath) -> int:
    """Milliseconds since 1970, or a date and time with its offset."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise Problem(
                f"{_what(path)} has no offset from UTC.", path, f"Write `{value.isoformat()}Z`."
            )
        zero = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (value - zero) // datetime.timedelta(milliseconds=1)
    return number(value, path)


def choice(*allowed: str) -> Check:
    """One of these texts."""

    def check(value: Any, path: SpecPath) -> str:
        if value not in allowed:
            options = ", ".join(f"`{option}`" for option in allowed)
            remedy = did_you_mean(str(value), allowed) or f"It is one of {options}."
            raise Problem(f"`{value}` is no {path[-1]}.", path, remedy)
        return str(value)

    return check


def subdir(value: Any, path: SpecPath) -> str:
    """The name of a platform."""
    if value not in SUBDIRS:
        remedy = did_you_mean(str(value), SUBDIRS) or f"Known: {', '.join(SUBDIRS)}."
        raise Problem(f"`{value}` is not a platform that conda knows.", path, remedy)
    return str(value)


def subdirs(value: Any, path: SpecPath) -> tuple[str, ...]:
    """A list of platforms, each once."""
    found = texts(value, path)
    for index, item in enumerate(found):
        subdir(item, (*path, index))
        if item in found[:index]:
            raise Problem(f"`{item}` is listed twice.", (*path, index))
    if not found:
        raise Problem(f"{_what(path)} is empty.", path)
    return found


def scripts(value: Any, path: SpecPath) -> dict[str, str]:
    """A table of texts by shell."""
    given = table(value, path)
    where = keys(given, SHELLS, f"`{path[-1]}`", path)
    return {shell: text(given[str(at[-1])], at) for shell, at in where.items()}


def entry_points(value: Any, path: SpecPath) -> tuple[str, ...]:
    """A list of `command = module:function`."""
    found = texts(value, path)
    for index, item in enumerate(found):
        if not _ENTRY_POINT.match(item):
            message = f"`{item}` is not an entry point."
            raise Problem(message, (*path, index), "Write `command = package.module:function`.")
    return found


def about(value: Any, path: SpecPath) -> dict[str, Any]:
    """Whatever `about.json` is to hold."""
    import json

    given = dict(table(value, path))
    try:
        json.dumps(given)
    except (TypeError, ValueError):
        raise Problem(f"{_what(path)} holds what JSON cannot.", path) from None
    return given


def files(value: Any, path: SpecPath) -> dict[str, File | None]:
    """A table from paths to texts, bytes, or tables; `false` takes a file away again."""
    found: dict[str, File | None] = {}
    for given, content in table(value, path).items():
        at = (*path, given)
        problem = unsafe(given)
        plain = PurePath(given.replace("\\", "/")).as_posix()
        if problem or plain != given:
            reason = problem or "is not in its plain form"
            raise Problem(f"The path `{given}` {reason}.", at, "Write it with single `/`.")
        if given.partition("/")[0] == "info":
            raise Problem("`info/` is not for files of the prefix.", at)
        found[given] = None if content is False else file(content, at)
    return found


def file(value: Any, path: SpecPath) -> File:
    """A text, bytes, a `File`, or a table with its words."""
    if isinstance(value, str):
        value = File(text=value)
    elif isinstance(value, (bytes, bytearray)):
        value = File(data=bytes(value))
    elif isinstance(value, Mapping):
        value = _file_table(value, path)
    if not isinstance(value, File):
        raise Problem("A file is a text, bytes, or a table.", path)
    if problem := value.problem():
        raise Problem(problem, path)
    return value


_FILE_KEYS = ("text", "base64", "link", "executable", "mode", "placeholder", "placeholder-mode")


def _file_table(value: Mapping[str, Any], path: SpecPath) -> File:
    where = keys(table(value, path), _FILE_KEYS, "a file", path)
    given = {key: (value[str(at[-1])], at) for key, at in where.items()}
    fields: dict[str, Any] = {}
    for key, (content, at) in given.items():
        if key == "base64":
            fields["data"] = _decoded(content, at)
        elif key == "text":
            if not isinstance(content, str):
                raise Problem("`text` has to be a text.", at, "Bytes are given as `base64`.")
            fields["text"] = content
        elif key == "link":
            fields["link"] = text(content, at)
        elif key == "mode":
            fields["mode"] = number(content, at)
        elif key == "placeholder-mode":
            fields["placeholder_mode"] = choice("text", "binary")(content, at)
        elif key == "placeholder":
            fields["placeholder"] = True if content is True else text(content, at)
        elif not isinstance(content, bool):
            raise Problem("`executable` is `true` or `false`.", at)
        else:
            fields["executable"] = content
    return File(**fields)


def _decoded(value: Any, path: SpecPath) -> bytes:
    try:
        return base64.b64decode("".join(text(value, path).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(f"This is not valid base64: {error}.", path) from None


def _what(path: SpecPath) -> str:
    return f"`{next((part for part in reversed(path) if isinstance(part, str)), 'this')}`"


def _quote(value: Any) -> str | None:
    return f'Write it in quotes: `"{value}"`.' if isinstance(value, (int, float)) else None
