"""Python's marshal format, read without making any object of Python's code (`Python/marshal.c`).

Nothing is executed, and nothing is trusted: sizes are checked against what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.compare.inside.content import Unreadable

_DEEPEST = 150
_MOST_ITEMS = 2_000_000
_REFERRED = 0x80  # a flag of the type: other objects may refer to this one
_PLAIN = {b"N": None, b"T": True, b"F": False, b".": Ellipsis, b"S": StopIteration, b"0": "NULL"}
_LINES = ("firstlineno", "lnotab")
_OLD = ("names", "varnames", "freevars", "cellvars", "filename", "name", *_LINES)
# The fields of code by the first magic number of the versions that write them so; `i` are numbers.
_LAYOUTS: tuple[tuple[int, int, str, tuple[str, ...]], ...] = (
    (3450, 3700, "iiiii", (
        "argcount", "posonlyargcount", "kwonlyargcount", "stacksize", "flags", "code", "consts",
        "names", "localsplusnames", "localspluskinds", "filename", "name", "qualname",
        "firstlineno", "linetable", "exceptiontable")),
    (3410, 3450, "iiiiii", (
        "argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code",
        "consts", *_OLD)),
    (3000, 3410, "iiiii", (
        "argcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts", *_OLD)),
    (62171, 62300, "iiii", (
        "argcount", "nlocals", "stacksize", "flags", "code", "consts", *_OLD)),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A tuple, list, set, frozenset, dict (keys and values in turn), or slice."""

    kind: str
    items: list[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """A code object: its fields by their names, without `co_`."""

    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Real:
    """A floating-point number, or two of a complex one, as it is written."""

    written: bytes

    def __str__(self) -> str:
        """As a number, where it is one of 8 bytes each."""
        if len(self.written) % 8:
            return self.written.decode("latin-1")
        return ", ".join(f"{value!r}" for (value,) in struct.iter_unpack("<d", self.written))


def read_marshal(data: bytes, magic: int) -> Any:
    """What a compiled file holds behind its header: strings, bytes, numbers, `Group` and `Code`.

    `magic` is the number of the version that has written it. Raises `Unreadable` for what is
    damaged, and for versions that are not known.
    """
    layout = next((each for each in _LAYOUTS if each[0] <= magic < each[1]), None)
    if layout is None:
        raise Unreadable("it is compiled by an unknown version of Python")
    reader = _Reader(data, layout[2], layout[3])
    found = reader.value(0)
    if reader.at != len(data):
        raise Unreadable("it holds data behind its code")
    return found


class _Reader:
    """Reads one value after the other; `at` is how far it has come."""

    def __init__(self, data: bytes, numbers: str, fields: tuple[str, ...]) -> None:
        self.at = 0
        self._data = data
        self._numbers = len(numbers)
        self._fields = fields
        self._known: list[Any] = []
        self._interned: list[str] = []
        self._items = 0
        self._readers: dict[bytes, Callable[[int], Any]] = {
            b"i": lambda _: self._number(4),
            b"I": lambda _: self._number(8),
            b"l": lambda _: self._long(),
            b"f": lambda _: Real(self._take(self._number(1, signed=False))),
            b"g": lambda _: Real(self._take(8)),
            b"x": lambda _: self._old_complex(),
            b"y": lambda _: Real(self._take(16)),
            b"s": lambda _: self._take(self._size()),
            b"u": lambda _: self._take(self._size()).decode("utf-8", "surrogatepass"),
            b"t": lambda _: self._old_interned(),
            b"a": lambda _: self._take(self._size()).decode("latin-1"),
            b"A": lambda _: self._take(self._size()).decode("latin-1"),
            b"z": lambda _: self._take(self._number(1, signed=False)).decode("latin-1"),
            b"Z": lambda _: self._take(self._number(1, signed=False)).decode("latin-1"),
            b"R": lambda _: self._interned[self._size()],
            b")": lambda deep: self._group("tuple", self._number(1, signed=False), deep),
            b"(": lambda deep: self._group("tuple", self._size(), deep),
            b"[": lambda deep: self._group("list", self._size(), deep),
            b"<": lambda deep: self._group("set", self._size(), deep),
            b">": lambda deep: self._group("frozenset", self._size(), deep),
            b":": lambda deep: self._group("slice", 3, deep),
            b"{": self._dict,
            b"c": self._code,
        }

    def value(self, deep: int) -> Any:
        """The next value. Raises `Unreadable`."""
        self._items += 1
        if deep > _DEEPEST or self._items > _MOST_ITEMS:
            raise Unreadable("it is nested too deeply, or holds too much")
        (kind,) = self._take(1)
        plain = bytes([kind & ~_REFERRED])
        if plain == b"r":
            return self._referred()
        if plain in _PLAIN:
            return _PLAIN[plain]
        reader = self._readers.get(plain)
        if reader is None:
            raise Unreadable("it is no valid compiled code")
        place = len(self._known)
        if kind & _REFERRED:
            # Its number is that of its beginning; nothing can refer to it before it is complete.
            self._known.append(self)
        try:
            found = reader(deep + 1)
        except (IndexError, ValueError) as error:
            raise Unreadable(f"it is no valid compiled code ({error})") from None
        if kind & _REFERRED:
            self._known[place] = found
        return found

    def _referred(self) -> Any:
        number = self._size()
        if number >= len(self._known) or self._known[number] is self:
            raise Unreadable("it refers to what is not there")
        return self._known[number]

    def _group(self, kind: str, size: int, deep: int) -> Group:
        if size > len(self._data) - self.at:
            raise Unreadable("it is cut off")
        return Group(kind, [self.value(deep) for _ in range(size)])

    def _dict(self, deep: int) -> Group:
        items: list[Any] = []
        while self._data[self.at : self.at + 1] != b"0":
            items += [self.value(deep), self.value(deep)]
        self.at += 1
        return Group("dict", items)

    def _code(self, deep: int) -> Code:
        found: dict[str, Any] = {}
        for number, field in enumerate(self._fields):
            plain = number < self._numbers or field == "firstlineno"
            found[field] = self._number(4) if plain else self.value(deep)
        return Code(found)

    def _long(self) -> int:
        size = self._number(4)
        digits = self._take(2 * abs(size))
        found = sum(
            digit << 15 * number for number, (digit,) in enumerate(struct.iter_unpack("<H", digits))
        ) if abs(size) <= 1000 else int.from_bytes(digits, "little")  # fmt: skip
        return -found if size < 0 else found

    def _old_complex(self) -> Real:
        return Real(b", ".join(self._take(self._number(1, signed=False)) for _ in range(2)))

    def _old_interned(self) -> str:
        found = self._take(self._size()).decode("utf-8", "surrogatepass")
        self._interned.append(found)
        return found

    def _size(self) -> int:
        size = self._number(4)
        if size < 0:
            raise Unreadable("it has a negative size")
        return size

    def _number(self, size: int, *, signed: bool = True) -> int:
        return int.from_bytes(self._take(size), "little", signed=signed)

    def _take(self, size: int) -> bytes:
        found = self._data[self.at : self.at + size]
        if len(found) < size:
            raise Unreadable("it is cut off")
        self.at += size
        return found
