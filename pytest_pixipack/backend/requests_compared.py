"""What is different between a recorded request and another one, field by field.

Placeholders of the recorded one (`@WORKSPACE@`) stand for whatever the other has in their place,
but for the same everywhere; `@KEY@`, `@PAD@`, `@REV@`, `@TMP@`, `@TIME@`, `@ANY@` and `@VOLATILE@`
for anything at all. Null and absent are the same, as they are for pixi and its backends.
Directories that a front end may choose are not compared, nor whether it installs or publishes a
package (`editable`, `packageFormat`): what was recorded serves both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend.places import PLACEHOLDER
from pytest_pixipack.redaction import redact

FREE = frozenset({
    "cacheDirectory", "workspaceScratchDirectory", "workDirectory", "outputDirectory",
    "buildPrefix.prefix", "hostPrefix.prefix", "editable", "packageFormat",
})  # fmt: skip
# What is installed has no order that means anything; pixi's differs from run to run.
_UNORDERED = frozenset({"buildPrefix.packages", "hostPrefix.packages"})
_ANYTHING = frozenset({"KEY", "PAD", "REV", "TMP", "TIME", "ANY", "VOLATILE"})
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
    if "@" not in recorded:
        return False
    # Paths of Windows are recorded with `/`; a URL there has one more before the drive.
    now = now.replace("\\", "/")
    for text in (recorded, recorded.replace("file://@", "file:///@")):
        found = _matched(text, now, bindings)
        if found is not None:
            bindings |= found
            return True
    return False


def _matched(text: str, now: str, bindings: Bindings) -> Bindings | None:
    """What the placeholders of a text stand for in another; None where they fit nothing there.

    Each stands for as little as it can, which is found in one pass, however odd the texts are.
    """
    found: Bindings = {}
    waiting: str | None = None  # a placeholder whose end is not found yet
    position, parts = 0, PLACEHOLDER.split(text)
    for number, part in enumerate(parts):
        known = bindings.get(part) or found.get(part) if number % 2 else part
        if known is None or (number % 2 and part in _ANYTHING):
            if waiting is not None and part not in _ANYTHING:
                return None  # nobody can say where one ends and the other begins
            waiting = waiting or part
            continue
        if waiting is None:
            if not now.startswith(known, position):
                return None
            position += len(known)
        elif known or number == len(parts) - 1:
            start = position + (waiting not in _ANYTHING)
            is_last = not any(parts[number + 1 :])
            end = len(now) - len(known) if is_last else now.find(known, start)
            if end < start or not now.startswith(known, end):
                return None
            if waiting not in _ANYTHING:
                found[waiting] = now[position:end]
            position, waiting = end + len(known), None
    return found if position == len(now) else None


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
