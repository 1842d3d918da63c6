"""What is different between a recorded request and another one, field by field.

Placeholders of the recorded one (`@WORKSPACE@`) stand for whatever the other has in their place,
but for the same everywhere; `@KEY@`, `@PAD@`, `@REV@`, `@TMP@`, `@TIME@`, `@ANY@` and `@VOLATILE@`
for anything at all. Null and absent are the same, as they are for pixi and its backends.
Directories that a front end is free to choose are not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend.places import PLACEHOLDER
from pytest_pixipack.redaction import redact

FREE = frozenset({
    "cacheDirectory", "workspaceScratchDirectory", "workDirectory", "outputDirectory",
    "buildPrefix.prefix", "hostPrefix.prefix",
})  # fmt: skip
# What is installed has no order that means anything; pixi's differs from run to run.
_UNORDERED = frozenset({"buildPrefix.packages", "hostPrefix.packages"})
_ANYTHING = frozenset({"KEY", "PAD", "REV", "TMP", "TIME", "ANY", "VOLATILE"})
_MOST_PLACEHOLDERS = 6  # in one text: each more makes a match that fails slower
_LONGEST = 120  # characters of a value in a sentence

Bindings = dict[str, str]


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field: its place (`projectModel.version`), and both values, None where there is none."""

    place: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.place} (recorded {_shown(self.recorded)}, now {_shown(self.now)})"


def request_differences(
    recorded: Mapping[str, Any], now: Mapping[str, Any], bindings: Bindings
) -> list[FieldDifference]:
    """The fields in which the parameters of two requests differ, in the order of the recorded one.

    `bindings` are what placeholders stand for; those that are seen first here are added.
    """
    return list(_differences(recorded, now, "", bindings))


def _differences(
    recorded: Any, now: Any, place: str, bindings: Bindings
) -> Iterator[FieldDifference]:
    if place in FREE:
        if isinstance(recorded, str) and isinstance(now, str):
            _same_text(recorded, now, bindings)  # for the placeholders in it
        return
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for key in [*recorded, *(key for key in now if key not in recorded)]:
            at = f"{place}.{key}" if place else str(key)
            yield from _differences(recorded.get(key), now.get(key), at, bindings)
    elif isinstance(recorded, list) and isinstance(now, list):
        if place in _UNORDERED and (pair := _by_name(recorded, now)) is not None:
            yield from _differences(*pair, place, bindings)
        else:
            yield from _of_lists(recorded, now, place, bindings)
    elif isinstance(recorded, str) and isinstance(now, str):
        if not _same_text(recorded, now, bindings):
            yield FieldDifference(place, recorded, now)
    elif type(recorded) is not type(now) or recorded != now:
        yield FieldDifference(place, recorded, now)


def _by_name(recorded: list[Any], now: list[Any]) -> tuple[Any, Any] | None:
    """Both lists of installed packages as objects by name; None where that says less."""
    found = []
    for packages in (recorded, now):
        named = {p["name"]: p for p in packages if isinstance(p, Mapping) and "name" in p}
        if len(named) != len(packages):
            return None
        found.append(named)
    return found[0], found[1]


def _of_lists(
    recorded: list[Any], now: list[Any], place: str, bindings: Bindings
) -> Iterator[FieldDifference]:
    if len(recorded) == len(now):
        for number, (left, right) in enumerate(zip(recorded, now, strict=True)):
            yield from _differences(left, right, f"{place}[{number}]", bindings)
        return
    left_over = list(now)
    for number, left in enumerate(recorded):
        found = next((r for r in left_over if _same(left, r, bindings)), _NOTHING)
        if found is _NOTHING:
            yield FieldDifference(f"{place}[{number}]", left, None)
        else:
            left_over.remove(found)
    for right in left_over:
        yield FieldDifference(f"{place}[{now.index(right)}]", None, right)


_NOTHING = object()


def _same(recorded: Any, now: Any, bindings: Bindings) -> bool:
    tried = dict(bindings)
    if any(_differences(recorded, now, "", tried)):
        return False
    bindings |= tried
    return True


def _same_text(recorded: str, now: str, bindings: Bindings) -> bool:
    if recorded == now:
        return True
    if "://" in now:
        now = redact(now)
    if "@" not in recorded or len(PLACEHOLDER.findall(recorded)) > _MOST_PLACEHOLDERS:
        return recorded == now
    # Paths of Windows are recorded with `/`; a URL there has one more before the drive.
    now = now.replace("\\", "/")
    for text in (recorded, recorded.replace("file://@", "file:///@")):
        match = re.fullmatch(_pattern(text, bindings), now, flags=re.S)
        if match:
            bindings |= {name: value for name, value in match.groupdict().items() if value}
            return True
    return False


def _pattern(text: str, bindings: Bindings) -> str:
    """A regular expression for the texts that a recorded one stands for."""
    parts, seen = [], set()
    for number, part in enumerate(PLACEHOLDER.split(text)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        elif part in _ANYTHING:
            parts.append(".*?")
        elif part in bindings:
            parts.append(re.escape(bindings[part]))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>.+?)")
    return "".join(parts)


def restored(value: Any, bindings: Bindings) -> Any:
    """A recorded answer with what its placeholders stand for; others stay."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: bindings.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [restored(entry, bindings) for entry in value]
    if isinstance(value, dict):
        return {restored(key, bindings): restored(entry, bindings) for key, entry in value.items()}
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
