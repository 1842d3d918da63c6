"""Tables of strings in programs, compared as sets.

Linkers sort and merge strings, also into the ends of longer ones: where another directory is named,
other strings are in other places, and a name may be a table's own on one side only.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pytest_pixipack.compare.inside.tokens import line_reasons

# Strings that differ and are set side by side, and how long each may be.
_MOST = 2000
_LONGEST = 4096
# Shorter ends of strings are others by accident.
_SHORTEST = 8
# What compilers say of themselves in debug data: name and version, then the options.
_PRODUCER = re.compile(
    r"^(?:GNU [A-Z][\w+ ]{0,20}?"
    r"|(?:[\w.+-]{1,30} ){0,3}clang (?:LLVM )?\(?(?:[a-z]{1,12} )?version)"
    r" (?P<version>\d[\w.+~-]*(?: \d{8})?(?: \[[^\]]{1,60}\]| \([^)]{1,120}\)){0,2}\)?)"
)

_ABSOLUTE = re.compile(r"(?:/|[A-Za-z]:[/\\])[^\0\n]*")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,4}$")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two strings that stand for each other; without causes, nothing shows why they differ."""

    left: str
    right: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strings:
    """What two tables differ in.

    `explained` are strings with causes that say all; `others` those of one side (None on the other)
    or without such causes. `same_order` says that what both have comes in the same order.
    """

    explained: tuple[Pair, ...] = ()
    others: tuple[tuple[str | None, str | None], ...] = ()
    same_order: bool = True
    known: frozenset[tuple[bytes, bytes]] = field(default=frozenset())


def compare_strings(left: bytes, right: bytes, *, sources: bool = False) -> Strings:
    """Compares two tables of strings that end with a zero byte each.

    `sources` says that absolute paths in them lead to where things were built.
    """
    sides = left.split(b"\0"), right.split(b"\0")
    if not sources:
        sides = _without_front(*sides)
    first, second = (list(dict.fromkeys(each)) for each in sides)
    common = set(first) & set(second)
    same_order = [each for each in first if each in common] == [
        each for each in second if each in common
    ]
    gone = _without_tails([each for each in first if each not in common], second)
    come = _without_tails([each for each in second if each not in common], first)
    if max(len(gone), len(come)) > _MOST:
        rest = [(_shown(old), None) for old in gone[:1]] + [(None, _shown(new)) for new in come[:1]]
        return Strings(others=tuple(rest), same_order=same_order)
    explained: list[tuple[bytes, bytes, tuple[str, ...]]] = []
    for key in _KEYS:
        gone, come = _paired(gone, come, key, explained, sources=sources)
    gone = _without_parts(gone, [old for old, _, _ in explained])
    come = _without_parts(come, [new for _, new, _ in explained])
    return Strings(
        tuple(Pair(_shown(old), _shown(new), causes) for old, new, causes in explained),
        tuple(_leftover(gone, come)),
        same_order,
        frozenset((old, new) for old, new, _ in explained),
    )


def string_causes(left: str, right: str) -> tuple[str, ...]:
    """The causes that explain all that two strings differ in, else nothing."""
    if max(len(left), len(right)) > _LONGEST:
        return ()
    producers = _PRODUCER.match(left), _PRODUCER.match(right)
    if producers[0] and producers[1]:
        rests = [
            each.string[: each.start("version")] + each.string[each.end("version") :]
            for each in producers
            if each
        ]
        if rests[0] == rests[1]:
            return ("tool-version",)
    reasons = line_reasons(left, right)
    return reasons.causes if reasons.complete else ()


def _without_front(left: list[bytes], right: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The strings without constants that have no zero behind them, in front of all strings.

    They are there on both sides, and what follows them on one side is elsewhere on the other, where
    each string is once. A path is not taken apart.
    """
    old, new = left[0], right[0]
    if old == new or max(len(old), len(new)) > _LONGEST:
        return left, right
    first, second = frozenset(left[1:]), frozenset(right[1:])
    pairs = enumerate(zip(old, new, strict=False))
    alike = next((at for at, pair in pairs if pair[0] != pair[1]), min(len(old), len(new)))
    for length in range(len(re.split(rb"[/\\]", old[:alike], maxsplit=1)[0]), 0, -1):
        rests = old[length:], new[length:]
        moved = (rests[0] in second and rests[0] not in first) or (
            rests[1] in first and rests[1] not in second
        )
        if moved and min(map(len, rests)) >= _SHORTEST:
            front = old[:length]
            return [front, rests[0], *left[1:]], [front, rests[1], *right[1:]]
    return left, right


def _both_sources(left: str, right: str) -> bool:
    """Whether both are directories, or the same file in two of them."""
    if not (_ABSOLUTE.match(left) and _ABSOLUTE.match(right)):
        return False
    names = [re.split(r"[/\\]", each)[-1] for each in (left, right)]
    return names[0] == names[1] or not any(_SUFFIX.search(name) for name in names)


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _without_tails(strings: list[bytes], others: Iterable[bytes]) -> list[bytes]:
    """Without those that are the end of a string of the other side, where they are as well."""
    ends = sorted(each[::-1] for each in others)
    found = []
    for each in strings:
        key = each[::-1]
        at = bisect.bisect_left(ends, key)
        if at == len(ends) or not ends[at].startswith(key):
            found.append(each)
    return found


def _last_part(data: bytes) -> bytes:
    return re.split(rb"[/\\]", data.rstrip(b"/\\"))[-1]


def _skeleton(data: bytes) -> bytes:
    """The words that are neither paths nor numbers."""
    words = data[:_LONGEST].split()
    return b" ".join(b"?" if re.search(rb"[\d/\\]", word) else word for word in words)


def _nothing(_: bytes) -> bytes:
    return b""


# How strings are looked for that stand for each other: those that end alike, that have the same
# words, and all that are left, in their order.
_KEYS: tuple[Callable[[bytes], bytes], ...] = (_last_part, _skeleton, _nothing)


def _paired(
    gone: list[bytes],
    come: list[bytes],
    key: Callable[[bytes], bytes],
    explained: list[tuple[bytes, bytes, tuple[str, ...]]],
    *,
    sources: bool,
) -> tuple[list[bytes], list[bytes]]:
    """What is left when strings with equal keys are explained by each other."""
    waiting: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for each in come:
        waiting[key(each)].append(each)
    left = []
    taken: set[bytes] = set()
    for old in gone:
        candidates = waiting[key(old)]
        causes: tuple[str, ...] = ()
        if candidates:
            texts = _shown(old), _shown(candidates[0])
            causes = string_causes(*texts)
            if not causes and sources and _both_sources(*texts):
                causes = ("embedded-path",)
        if causes:
            new = candidates.pop(0)
            taken.add(new)
            explained.append((old, new, causes))
        else:
            left.append(old)
    return left, [each for each in come if each not in taken]


def _without_parts(strings: list[bytes], explained: list[bytes]) -> list[bytes]:
    """Without the directories and names of paths that are explained: they follow from these."""
    parts: set[bytes] = set()
    for each in explained:
        for match in re.finditer(rb"[/\\]+", each):
            parts.add(each[: match.start()])
            parts.add(each[: match.end()])
            parts.add(each[match.end() :])
    return [each for each in strings if each not in parts]


def _leftover(gone: list[bytes], come: list[bytes]) -> Iterator[tuple[str | None, str | None]]:
    for number in range(max(len(gone), len(come))):
        yield (
            _shown(gone[number]) if number < len(gone) else None,
            _shown(come[number]) if number < len(come) else None,
        )
