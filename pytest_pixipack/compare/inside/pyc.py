"""Compiled Python: a header (PEP 552, and before), and marshalled code that is never loaded."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_pixipack.compare.inside.binary import binary_differences
from pytest_pixipack.compare.inside.content import Content, Unreadable
from pytest_pixipack.compare.inside.marshalled import Code, Group, Real, read_marshal
from pytest_pixipack.compare.inside.text import Text, text_differences
from pytest_pixipack.compare.inside.tokens import line_reasons
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_MOST = 64 << 20
_MOST_READ = 16 << 20
_CHECKED = {0: "timestamp", 1: "unchecked hash", 3: "checked hash"}
# Magic numbers of Python 3.3 and 3.7, which have made the header longer; Python 2 has larger ones.
_WITH_SIZE, _WITH_FLAGS, _PYTHON_2 = 3190, 3390, 20000
_TEXTS = {"filename": "file name", "name": "name", "qualname": "name"}
_SETS = ("set", "frozenset")
_SHOWN, _MOST_SHOWN, _DEEPEST_SHOWN = 200, 20, 2
# So many constants that differ are looked at.
_MOST_DIFFERENCES = 20_000


def is_pyc(name: str, head: bytes) -> bool:
    """Whether a file is compiled Python, by its name."""
    return name.endswith((".pyc", ".pyo")) and len(head) >= 16


def pyc_differences(where: Where, left: Content, right: Content) -> list[Difference]:
    """Fields of the header, and the code: at least one difference."""
    old, new = left.whole(_MOST), right.whole(_MOST)
    if old is None or new is None:
        return binary_differences(where, left, right)
    if old[:4] != new[:4]:
        magic = _magic(old), _magic(new)
        return [Difference(where, "magic number", "payload", *magic, "tool-version")]
    found: list[Difference] = []
    size = _header_size(_magic(old))
    if old[size:] != new[size:]:
        found = _code_differences(where, old[size:], new[size:], _magic(old))
    counted = any(each.kind == "payload" for each in found)
    first, second = _fields(old), _fields(new)
    for field in first if first.keys() == second.keys() else ("validation",):
        # Size and hash of the source follow from its content.
        if first[field] != second[field] and not (counted and field in ("size", "hash")):
            sides: tuple[Any, Any] = (first[field], second[field])
            name = field if field == "validation" else f"{field} in header"
            found.append(Difference(where, name, "metadata", *sides, "pyc-header"))
    return found


def _magic(data: bytes) -> int:
    return int.from_bytes(data[:2], "little")


def _header_size(magic: int) -> int:
    if magic < _WITH_SIZE or magic > _PYTHON_2:
        return 8
    return 16 if magic >= _WITH_FLAGS else 12


def _fields(data: bytes) -> dict[str, Any]:
    size = _header_size(_magic(data))
    if size < 16:
        values = struct.unpack_from(f"<{(size - 4) // 4}I", data, 4)
        return dict(zip(("mtime", "size"), values, strict=False))
    flags, mtime, length = struct.unpack_from("<III", data, 4)
    validation = _CHECKED.get(flags, hex(flags))
    if flags:
        return {"validation": validation, "hash": data[8:16].hex()}
    return {"validation": validation, "mtime": mtime, "size": length}


def _code_differences(where: Where, left: bytes, right: bytes, magic: int) -> list[Difference]:
    try:
        if max(len(left), len(right)) > _MOST_READ:
            raise Unreadable("it is too large")
        sides = read_marshal(left, magic), read_marshal(right, magic)
        pairs = _Pairs(where)
        found = list(itertools.islice(pairs.between(*sides, ""), _MOST_DIFFERENCES))
        found = [each for each in found if each.field not in pairs.moved]
    except Unreadable as reason:
        found = binary_differences(where, Content.of(left), Content.of(right))
        return [replace(each, evidence=f"not looked into: {reason}") for each in found]
    if found:
        return _summed_up(found)
    evidence = "the code is the same; what occurs in it twice is written in another way"
    return [
        Difference(where, "references", "metadata", len(left), len(right), "pyc-header", evidence)
    ]


class _Pairs:
    """Goes through two values side by side; each pair of groups once, however often it occurs.

    `moved` are the fields of code that say where something is in the source, if texts of another
    length have moved it there.
    """

    def __init__(self, where: Where) -> None:
        self._where = where
        self._seen: set[tuple[int, int]] = set()
        self._keys: dict[int, str] = {}
        self.moved: set[str] = set()

    def between(self, old: Any, new: Any, name: str) -> Iterator[Difference]:
        """What two values differ in; `name` is that of the code around them."""
        if type(old) is not type(new):
            yield self._content("constant", name, old, new)
        elif isinstance(old, Code | Group):
            if (id(old), id(new)) in self._seen:
                return
            self._seen.add((id(old), id(new)))
            if isinstance(old, Code):
                yield from self._code(old, new)
            else:
                yield from self._group(old, new, name)
        elif old != new:
            yield from self._plain(old, new, name)

    def _code(self, old: Code, new: Code) -> Iterator[Difference]:
        name = str(new.fields.get("qualname", new.fields["name"]))
        for field, value in old.fields.items():
            other = new.fields[field]
            if field in _TEXTS:
                if value != other:
                    found = self._texts(str(value), str(other))
                    yield from (replace(each, field=_TEXTS[field]) for each in found)
            elif isinstance(value, Group):
                yield from self.between(value, other, name)
            elif value != other:
                yield self._content(field, name, value, other)

    def _group(self, old: Group, new: Group, name: str) -> Iterator[Difference]:
        if old.kind != new.kind:
            yield self._content("constant", name, old, new)
        elif old.kind in _SETS:
            yield from self._set(old, new, name)
        elif len(old.items) != len(new.items):
            yield self._content("constants", name, old, new)
        else:
            for pair in zip(old.items, new.items, strict=True):
                yield from self.between(*pair, name)

    def _set(self, old: Group, new: Group, name: str) -> Iterator[Difference]:
        """Python writes the members of a set in the order of their hashes."""
        first, second = ([self._key(each) for each in group.items] for group in (old, new))
        if Counter(first) == Counter(second):
            if first != second:
                sides = (_shown(old), _shown(new))
                yield Difference(self._where, "order of a set", "payload", *sides, "hash-seed")
            return
        gone = sorted((Counter(first) - Counter(second)).elements())
        come = sorted((Counter(second) - Counter(first)).elements())
        if len(gone) != len(come):
            yield self._content("set", name, old, new)
            return
        by_key = [dict(zip(keys, group.items, strict=True))
                  for keys, group in ((first, old), (second, new))]  # fmt: skip
        for pair in zip(gone, come, strict=True):
            yield from self.between(by_key[0][pair[0]], by_key[1][pair[1]], name)

    def _key(self, value: Any) -> str:
        """A text that is the same for equal members of sets; short, however large they are."""
        if not isinstance(value, Group):
            return f"{type(value).__name__} {value!r}"
        if id(value) not in self._keys:
            inner = [self._key(each) for each in value.items]
            written = "\n".join(sorted(inner) if value.kind in _SETS else inner)
            digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
            self._keys[id(value)] = f"{value.kind} {digest}"
        return self._keys[id(value)]

    def _plain(self, old: Any, new: Any, name: str) -> Iterator[Difference]:
        texts = _text(old), _text(new)
        if texts[0] is None or texts[1] is None:
            causes = line_reasons(str(old), str(new)).causes if isinstance(old, int) else ()
            for cause in causes or ("content",):
                yield replace(self._content("constant", name, old, new), cause=cause)
            return
        if len(texts[0]) != len(texts[1]):
            self.moved.add("linetable")
        if texts[0].count("\n") != texts[1].count("\n"):
            self.moved |= {"linetable", "lnotab", "firstlineno"}
        yield from self._texts(texts[0], texts[1])

    def _texts(self, left: str, right: str) -> Iterator[Difference]:
        for each in text_differences(self._where, Text("utf-8", left), Text("utf-8", right)):
            if each.left is None:
                each = replace(each, left=_shown(left), right=_shown(right))
            yield replace(each, field="constant", evidence=None)

    def _content(self, what: str, name: str, old: Any, new: Any) -> Difference:
        evidence = f"in {name}" if name else None
        sides = (_shown(old), _shown(new))
        return Difference(self._where, what, "payload", *sides, "content", evidence)


def _text(value: Any) -> str | None:
    """A text, also one that Python 2 has written as bytes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        return text if text.replace("\n", "").replace("\t", "").isprintable() else None
    return None


def _shown(value: Any, deep: int = 0) -> str:
    if isinstance(value, Group):
        if deep == _DEEPEST_SHOWN:
            return value.kind
        inner = ", ".join(_shown(each, deep + 1) for each in value.items[:_MOST_SHOWN])
        return f"{value.kind}({inner})"[:_SHOWN]
    if isinstance(value, Code):
        return "code"
    return (str(value) if isinstance(value, str | Real) else repr(value)[:_SHOWN])[:_SHOWN]


def _summed_up(found: list[Difference]) -> list[Difference]:
    """The first difference of each cause; the others are counted."""
    causes: dict[str | None, list[Difference]] = {}
    for each in found:
        causes.setdefault(each.cause, []).append(each)
    first = []
    for places in causes.values():
        more = len({(str(each.left), str(each.right)) for each in places}) - 1
        evidence = f"{more} more place{'s' if more > 1 else ''} likewise" if more else None
        first.append(replace(places[0], evidence=evidence or places[0].evidence))
    return first
