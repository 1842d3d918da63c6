"""How a pack is carried: headers of its members, dialect of its tar, script around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Listed, dialect_difference, said_differences
from pytest_pixipack.compare.inside.tars import TarReader
from pytest_pixipack.compare.inside.text import decoded, text_differences
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where, compare_order

if TYPE_CHECKING:
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.pack.container import Container, Entry


def carrier_differences(
    where: Where, left: Pack, right: Pack, first: Container, second: Container
) -> Iterator[Difference]:
    """All that two packs differ in, whose files are compared elsewhere."""
    old = {entry.name: entry for entry in first.entries}
    new = {entry.name: entry for entry in second.entries}
    if "directory" not in (left.form, right.form):
        order = compare_order(where, "order of members", list(old), list(new))
        if order is not None:
            yield order
    for name in sorted(set(old) & set(new)):
        yield from _header((*where, name), old[name], new[name])
    for name in sorted(set(old) ^ set(new)):
        if (old.get(name) or new[name]).kind == "directory":
            sides: tuple[Any, Any] = ("directory", None) if name in old else (None, "directory")
            place = (*where, name)
            yield Difference(place, "directory", "metadata", *sides, "archive-format")
    if left.form != right.form:
        sides = (left.form, right.form)
        yield Difference(where, "form", "metadata", *sides, "archive-format")
    elif left.form == "tar":
        yield from _dialect(where, left.path, right.path)
    elif left.form == "executable":
        yield from _script(where, left.path, right.path)


def _header(where: Where, left: Entry, right: Entry) -> Iterator[Difference]:
    if left.mtime is None or right.mtime is None:
        return
    pairs: tuple[tuple[str, Any, Any, str], ...] = (
        ("kind", left.kind, right.kind, "archive-format"),
        ("mtime", left.mtime, right.mtime, "timestamp"),
        ("owner", left.owner, right.owner, "owner"),
        ("mode", oct(left.mode), oct(right.mode), "mode"),
    )
    for field, old, new, cause in pairs:
        if old != new:
            yield Difference(where, field, "metadata", old, new, cause)


def _dialect(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    found, members = [], []
    for path in (left, right):
        with path.open("rb") as stream:
            reader = TarReader(stream, seekable=True)
            try:
                members.append({entry.name: Listed(entry, None) for entry, _ in reader})
            except Unreadable:
                return
            found.append(reader.properties())
    yield from said_differences(where, *found)
    yield from dialect_difference(where, *members)


def _script(where: Where, left: Path, right: Path) -> Iterator[Difference]:
    from pytest_pixipack.pack.script import read_frame

    (old_head, old_program), (new_head, new_program) = read_frame(left), read_frame(right)
    found: list[Difference] = []
    if old_head != new_head:
        texts = decoded(old_head), decoded(new_head)
        if texts[0] is not None and texts[1] is not None:
            place = (*where, "script")
            told = text_differences(place, texts[0], texts[1])
            found = [replace(each, kind="metadata") for each in told]
    if old_program != new_program:
        versions = any(each.cause == "tool-version" for each in found)
        cause = "tool-version" if versions else "content"
        sides = (old_program, new_program)
        found.append(Difference((*where, "pixi-unpack"), "program", "metadata", *sides, cause))
    yield from found
