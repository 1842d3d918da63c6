"""Programs and libraries: ELF, Mach-O and PE, with what tools write into them that has no meaning.

A reader divides a file: into fields without meaning (a build id, a time), into parts (sections),
and what is left (headers, what lies between parts). Every byte is in one of these and is compared;
what differs only because something else has moved is left out if it leads to the same place. The
readers need pyelftools, macholib and pefile: `pytest-pixipack[binaries]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_pixipack.compare.inside.binary import binary_differences
from pytest_pixipack.compare.inside.coff import is_coff, read_coff
from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.inside.divided import Program
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_MACHO = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
EXTRA = "Install `pytest-pixipack[binaries]` to have the headers of programs read."


Reader = Callable[[Path], Program]
Deeper = Callable[[Where, str, Content, Content], list[Difference]]


def program_reader(head: bytes) -> Reader | None:
    """The reader for a file that begins so."""
    if head.startswith(b"\x7fELF"):
        from pytest_pixipack.compare.inside.elf import read_elf

        return read_elf
    if head.startswith(_MACHO):
        from pytest_pixipack.compare.inside.macho import read_macho

        return read_macho
    if head.startswith(b"MZ"):
        from pytest_pixipack.compare.inside.pe import read_pe

        return read_pe
    if is_coff(head):
        return read_coff
    return None


def program_differences(
    where: Where, left: Content, right: Content, reader: Reader, scratch: Scratch, deeper: Deeper
) -> list[Difference]:
    """What two programs of one format differ in, at least one difference. Raises `Unreadable`.

    `deeper` compares files that are parts of them.
    """
    from pytest_pixipack.compare.inside.sides import compare_programs

    paths = scratch.on_disk(left), scratch.on_disk(right)
    try:
        first, second = reader(paths[0]), reader(paths[1])
    except ImportError:
        found = binary_differences(where, left, right)
        return [_with_hint(each) for each in found]
    _check(left, first)
    _check(right, second)
    return compare_programs(where, paths, (first, second), scratch, deeper)


def _check(content: Content, program: Program) -> None:
    for start, size in program.ranges():
        if start < 0 or size < 0 or start + size > content.size:
            raise Unreadable("its headers name places outside of it")


def _with_hint(difference: Difference) -> Difference:
    return replace(difference, evidence=EXTRA) if difference.cause == "content" else difference
