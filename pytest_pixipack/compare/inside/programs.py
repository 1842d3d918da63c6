"""Programs and libraries: ELF, Mach-O and PE, with what tools write into them that has no meaning.

Each reader names the places of such fields; where two files are the same apart from these, nothing
else is said. The readers need pyelftools, macholib and pefile: `pytest-pixipack[binaries]`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.inside.binary import binary_differences
from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_CHUNK = 1 << 20
_LARGEST_SECTION = 64 << 20
_MACHO = (
    b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf",
)  # fmt: skip
_MOST_ARCHITECTURES = 40  # a Java class, which begins in the same way, has a larger number there
# Sections of ELF files that hold addresses and nothing else.
_ADDRESSES = frozenset({
    ".dynsym", ".dynamic", ".symtab", ".gnu.hash", ".eh_frame", ".eh_frame_hdr", ".got", ".got.plt",
    ".plt", ".plt.got", ".rela.dyn", ".rela.plt", ".rel.dyn", ".rel.plt", ".init_array",
    ".fini_array",
})  # fmt: skip
# Tables of strings, and the sections that name strings by their places there.
_STRINGS = (".debug_str", ".debug_line_str", ".strtab")
_REFERRING = (
    ".debug_info", ".debug_line", ".debug_aranges", ".debug_str_offsets", ".debug_types", ".symtab",
    ".debug_macro", ".debug_abbrev",
)  # fmt: skip
EXTRA = "Install `pytest-pixipack[binaries]` to have the headers of programs read."


@dataclass(frozen=True, slots=True)
class Mark:
    """A field without meaning: `label` and `value` for people, `start` and `size` in bytes.

    One that `follows` is a consequence of whatever else differs.
    """

    label: str
    cause: str
    start: int
    size: int
    value: Any
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """What a reader found: fields without meaning, and sections (start and size) by their names."""

    marks: tuple[Mark, ...] = ()
    sections: Mapping[str, tuple[int, int]] = field(default_factory=dict)


Reader = Callable[[Path], Program]


def program_reader(head: bytes) -> Reader | None:
    """The reader for a file that begins so."""
    if head.startswith(b"\x7fELF"):
        from pytest_pixipack.compare.inside.elf import read_elf

        return read_elf
    if head.startswith(_MACHO):
        fat = head.startswith(b"\xca\xfe")
        if fat and not 0 < int.from_bytes(head[4:8], "big") <= _MOST_ARCHITECTURES:
            return None
        from pytest_pixipack.compare.inside.macho import read_macho

        return read_macho
    if head.startswith(b"MZ"):
        from pytest_pixipack.compare.inside.pe import read_pe

        return read_pe
    return None


def program_differences(
    where: Where, left: Content, right: Content, reader: Reader, scratch: Scratch
) -> list[Difference]:
    """What two programs of one format differ in. Raises `Unreadable`."""
    try:
        first, second = (reader(scratch.on_disk(each)) for each in (left, right))
    except ImportError:
        found = binary_differences(where, left, right)
        return [_with_hint(each) for each in found]
    _check(left, first)
    _check(right, second)
    marked = list(_marked(where, first.marks, second.marks))
    if _masked_digest(left, first.marks) == _masked_digest(right, second.marks):
        follows = {mark.label for mark in (*first.marks, *second.marks) if mark.follows}
        told = [each for each in marked if each.field not in follows]
        return told or marked
    rest = _sections(where, left, right, first, second)
    if not rest and left.size == right.size:
        rest = [Difference(where, "content", "payload", left.digest(), right.digest(), "content")]
    if _only_one_id(marked) and all(each.where[-1] in _ADDRESSES for each in rest):
        return [each for each in marked if each.cause == "build-id"]
    ids = ("build-id",)
    # A build id is made from all the rest.
    return [*rest, *(each for each in marked if not rest or (
        each.cause not in ids and each.field not in _following(first, second)))]  # fmt: skip


def _check(content: Content, program: Program) -> None:
    places = [(mark.start, mark.size) for mark in program.marks]
    for start, size in (*places, *program.sections.values()):
        if start < 0 or size < 0 or start + size > content.size:
            raise Unreadable("its headers name places outside of it")


def _following(left: Program, right: Program) -> set[str]:
    return {mark.label for mark in (*left.marks, *right.marks) if mark.follows}


def _only_one_id(marked: Sequence[Difference]) -> bool:
    """Whether only one side has a build id, so that what is behind it lies elsewhere."""
    return any(each.cause == "build-id" and None in (each.left, each.right) for each in marked)


def _with_hint(difference: Difference) -> Difference:
    from dataclasses import replace

    return replace(difference, evidence=EXTRA) if difference.cause == "content" else difference


def _marked(where: Where, left: Sequence[Mark], right: Sequence[Mark]) -> list[Difference]:
    old, new = ({mark.label: mark for mark in marks} for marks in (left, right))
    found = []
    for label in dict.fromkeys([*old, *new]):
        first, second = old.get(label), new.get(label)
        sides: tuple[Any, Any] = (first and first.value, second and second.value)
        if sides[0] != sides[1]:
            known = first or second
            assert known is not None
            found.append(Difference(where, label, "metadata", *sides, known.cause))
    return found


def _masked_digest(content: Content, marks: Sequence[Mark]) -> str:
    """The sha256 with zeros in the place of the marks."""
    hasher = hashlib.sha256()
    with content.open() as stream:
        for mark in sorted(marks, key=lambda each: each.start):
            at = stream.tell()
            _hash(hasher, stream, max(mark.start - at, 0))
            skipped = max(mark.start + mark.size - max(at, mark.start), 0)
            hasher.update(b"\0" * min(skipped, content.size))
            stream.seek(max(at, mark.start + mark.size))
        _hash(hasher, stream, content.size)
    return hasher.hexdigest()


def _hash(hasher: Any, stream: Any, size: int) -> None:
    while size > 0 and (piece := stream.read(min(size, _CHUNK))):
        hasher.update(piece)
        size -= len(piece)


def _sections(
    where: Where, left: Content, right: Content, first: Program, second: Program
) -> list[Difference]:
    """The sections that differ apart from the marks in them."""
    if not first.sections or not second.sections:
        return binary_differences(where, _masked(left, first), _masked(right, second))
    found: list[Difference] = []
    moved = strings = False
    for name in dict.fromkeys([*first.sections, *second.sections]):
        old, new = first.sections.get(name), second.sections.get(name)
        if old is None or new is None:
            sides: tuple[Any, Any] = ("section", None) if old else (None, "section")
            found.append(Difference((*where, name), "section", "payload", *sides, "content"))
            continue
        data = _piece(left, *old, first), _piece(right, *new, second)
        if data[0] != data[1]:
            inside = binary_differences((*where, name), Content.of(data[0]), Content.of(data[1]))
            shown = all(each.cause != "content" for each in inside)
            strings |= shown and name in _STRINGS
            moved |= shown and old[1] != new[1]
            found += inside
    if moved:
        # Addresses follow from a string of another length.
        found = [each for each in found if each.cause != "content"]
    if strings:
        # Strings are sorted: another text is at another place among them.
        found = [
            each for each in found if each.cause != "content" or each.where[-1] not in _REFERRING
        ]
    return found


def _piece(content: Content, start: int, size: int, program: Program) -> bytes:
    if size > _LARGEST_SECTION:
        raise Unreadable("a section is too large")
    with content.open() as stream:
        stream.seek(start)
        data = bytearray(stream.read(size))
    for mark in program.marks:
        if start <= mark.start and mark.start + mark.size <= start + size:
            at = mark.start - start
            data[at : at + mark.size] = bytes(mark.size)
    return bytes(data)


def _masked(content: Content, program: Program) -> Content:
    return Content.of(_piece(content, 0, content.size, program))
