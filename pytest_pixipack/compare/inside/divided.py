"""A program as a reader has divided it: fields without meaning, parts, and what its headers say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

# strings    texts that end with zeros, in any order
# tools      texts by which tools name themselves
# code       instructions
# symbols    a table of symbols, or of relocations
# entries    symbols of ELF; the first part it refers to has their names
# relocates  relocations of ELF: the parts with the symbols, and with what is relocated
# table      addresses and hashes of names, and nothing else
# debug      for debuggers alone
# index      names, and where they are in debug data, maybe of another file
# unread     it repeats what is elsewhere, in a form that is not read here
# sealed     compressed in a form of its own: it is the same, or it is not
# apart      a file of its own
# empty      it has a size, but no bytes in the file
PartKind = Literal[
    "strings", "tools", "code", "symbols", "entries", "relocates", "table", "debug", "index",
    "unread", "sealed", "apart", "empty",
]  # fmt: skip


_GO_ID = re.compile(rb"\xff Go build ID: \"(?P<id>[^\"\n\0]{1,400})\"\n \xff")
# Where it is looked for.
MOST_BEFORE_GO_ID = 4096


@dataclass(frozen=True, slots=True)
class Mark:
    """A field without meaning: `label` and `value` for people, `start` and `size` in bytes.

    One that `follows` is a consequence of whatever else differs. One that `repeats` says what is
    true of another part; it is in a part itself, and belongs to that where only one side has it.
    """

    label: str
    cause: str
    start: int
    size: int
    value: Any
    follows: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Packed:
    """How a part is compressed: sizes of the header in front, and of what it unpacks to."""

    compression: str
    header: int
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """A section, or what else has a name: where it is in the file, and what is known about it.

    `traits` are what its header says beside places and sizes. `address` is given where it is
    loaded; `refers` names the parts into which it may hold offsets.
    """

    name: str
    start: int
    size: int
    traits: tuple[Any, ...] = ()
    address: int | None = None
    kinds: frozenset[PartKind] = frozenset()
    refers: tuple[str, ...] = ()
    packed: Packed | None = None

    def has(self, *kinds: PartKind) -> bool:
        """Whether it is of one of these kinds."""
        return any(kind in self.kinds for kind in kinds)


@dataclass(frozen=True, slots=True)
class Machine:
    """How numbers are written: size of an address, order of bytes, and what addresses count from.

    `chained` says that pointers may carry more than an address (Mach-O's chained fixups); `arm64`
    that the instructions are those of 64-bit ARM.
    """

    word: int = 8
    order: Literal["little", "big"] = "little"
    base: int = 0
    chained: bool = False
    arm64: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """What a reader found.

    `facts` are fields of headers that have a meaning and do not depend on where parts are: values,
    and the causes where they differ. `sections` are the names of parts by their numbers.
    """

    marks: tuple[Mark, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    facts: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    sections: tuple[str, ...] = ()

    def ranges(self) -> list[tuple[int, int]]:
        """Starts and sizes of all that has bytes in the file."""
        stored = [(part.start, part.size) for part in self.parts.values() if not part.has("empty")]
        return [*((mark.start, mark.size) for mark in self.marks), *stored]


def go_build_id(code: bytes, at: int) -> list[Mark]:
    """The id that Go writes in front of the instructions where there are no notes.

    `at` is where the code begins in the file. See `cmd/internal/buildid` of Go.
    """
    found = _GO_ID.search(code)
    if found is None:
        return []
    value = found["id"].decode("latin-1")
    return [Mark("build id", "build-id", at + found.start("id"), len(found["id"]), value)]


def zlib_section(head: bytes) -> Packed | None:
    """How a section is compressed whose name begins with `.zdebug`, by its first bytes."""
    size = int.from_bytes(head[4:12], "big")
    return Packed("zlib", 12, size) if head[:4] == b"ZLIB" and len(head) >= 12 else None


def with_references(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The parts, where data for debuggers may hold offsets into each other and tables of texts."""
    found = [part.name for part in parts.values() if part.has("debug")]
    return {
        name: replace(part, refers=tuple(found))
        if part.has("debug") and not part.has("strings")
        else part
        for name, part in parts.items()
    }


def kinds(**found: object) -> frozenset[PartKind]:
    """The kinds that are said to be true."""
    return frozenset(kind for kind, true in found.items() if true)  # type: ignore[misc]


class Names:
    """Gives names that occur once: the second of one name is `name (2)`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def free(self, name: str) -> str:
        """The name, or one like it that has not been given yet."""
        found = name
        while found in self._taken:
            self._numbers[name] = self._numbers.get(name, 1) + 1
            found = f"{name} ({self._numbers[name]})"
        self._taken.add(found)
        return found
