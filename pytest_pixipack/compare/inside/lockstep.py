"""Two tar streams side by side: what is equal is passed over as bytes, without a digest.

Works where the members come in the same order, which is the usual case. Where they do not, or where
a header is anything but that of a plain file, directory or symbolic link, nothing is said, and the
two are listed one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from pytest_pixipack.compare.inside.content import Content, Scratch
from pytest_pixipack.compare.inside.members import Entry, Listed, Listing
from pytest_pixipack.compare.inside.tars import Readable, TarReader

_CHUNK = 1 << 18
# The beginning of a file is kept up to this size until it is known whether the two differ.
_KEPT = 1 << 20
# Of larger files only the places that differ are looked at, so much of each side.
_HUGE = 256 << 20
_MOST_PLACES = 4 << 20
_SAME = "same"
_KINDS = ("file", "directory", "link")


class NotAligned(Exception):
    """The two have to be listed one by one."""


class _Late(Exception):
    """Two files differ, and their beginning was read already."""


@dataclass(slots=True)
class Aligned:
    """Two listings. Contents that differ are taken out, those of `wanted` names always.

    Files that differ behind their first MiB are `late`: they have to be taken out afterwards, and
    to be given to `add`. Of still larger ones, only the places that differ are in the contents.
    In place of a sha256 there is the same word on both sides for equal contents.
    """

    left: Listing
    right: Listing
    differing: dict[str, tuple[Content, Content]] = field(default_factory=dict)
    wanted: dict[str, Content] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)

    def add(self, name: str, left: Content, right: Content) -> None:
        """Contents of one of the `late` names."""
        self.differing[name] = left, right
        for listed, content in ((self.left, left), (self.right, right)):
            members = listed.members
            assert isinstance(members, dict)
            members[name] = Listed(members[name].entry, content.digest())


def aligned(
    left: Readable,
    right: Readable,
    scratch: Scratch,
    *,
    wanted: Collection[str] = (),
    spend: Callable[[int], None] = lambda _: None,
) -> Aligned:
    """Reads both to their ends. `spend` is told how many bytes were unpacked.

    Raises `NotAligned`, and `Unreadable` for what is no tar archive.
    """
    readers = TarReader(left), TarReader(right)
    first: dict[str, Listed] = {}
    second: dict[str, Listed] = {}
    found = Aligned(Listing(first, {}), Listing(second, {}))
    for old, new in _entries(*readers):
        name = old.name
        if name != new.name or name in first or old.kind not in _KINDS or old.kind != new.kind:
            raise NotAligned
        spend(max(old.size, new.size))
        digests: tuple[str | None, str | None] = (None, None)
        if old.kind == "file":
            digests = (_SAME, _SAME)
            try:
                pair = _contents(readers, old, new, scratch, keep=name in wanted)
            except _Late:
                found.late.add(name)
                digests, pair = ("left", "right"), None
            if pair is not None and pair[1] is None:
                found.wanted[name] = pair[0]
            elif pair is not None and pair[1] is not None:
                found.differing[name] = pair[0], pair[1]
                digests = pair[0].digest(), pair[1].digest()
        first[name] = Listed(old, digests[0])
        second[name] = Listed(new, digests[1])
    found.left = Listing(first, readers[0].properties())
    found.right = Listing(second, readers[1].properties())
    return found


def _entries(left: TarReader, right: TarReader) -> Iterator[tuple[Entry, Entry]]:
    while True:
        blocks = left.block(), right.block()
        if blocks[0] == blocks[1] and (entry := left.plain(blocks[0])) is not None:
            right.begin(entry)
            left.begin(entry)
            yield entry, entry
            continue
        simple = left.simple(blocks[0]), right.simple(blocks[1])
        if simple[0] is not None and simple[1] is not None:
            left.begin(simple[0])
            right.begin(simple[1])
            yield simple[0], simple[1]
            continue
        old, new = left.next_entry(blocks[0]), right.next_entry(blocks[1])
        if old is None or new is None:
            if old is new:
                return
            raise NotAligned
        yield old, new


def _contents(
    readers: tuple[TarReader, TarReader], old: Entry, new: Entry, scratch: Scratch, *, keep: bool
) -> tuple[Content, Content | None] | None:
    """Both contents where they differ; one where it is to be kept; else nothing."""
    kept: list[bytes] = []
    held = read = 0
    while old.size == new.size and read < old.size:
        size = min(_CHUNK, old.size - read)
        pieces = readers[0].take(size), readers[1].take(size)
        if pieces[0] != pieces[1]:
            if old.size > _HUGE:
                return _places(readers, pieces, old.size - read - size, scratch)
            if held < read:
                # Its beginning is gone.
                for reader in readers:
                    for _ in reader.rest():
                        pass
                raise _Late
            return (
                scratch.keep(itertools.chain(kept, pieces[:1], readers[0].rest())),
                scratch.keep(itertools.chain(kept, pieces[1:], readers[1].rest())),
            )
        read += size
        if keep or held + size <= _KEPT:
            kept.append(pieces[0])
            held += size
    if old.size != new.size:
        return scratch.keep(readers[0].rest()), scratch.keep(readers[1].rest())
    return (scratch.keep(kept), None) if keep else None


def _places(
    readers: tuple[TarReader, TarReader],
    pieces: tuple[bytes, bytes],
    left: int,
    scratch: Scratch,
) -> tuple[Content, Content]:
    """The pieces of two huge files that differ, as many as are looked at."""
    old, new = [pieces[0]], [pieces[1]]
    held = len(pieces[0])
    while left:
        size = min(_CHUNK, left)
        first, second = readers[0].take(size), readers[1].take(size)
        left -= size
        if first != second and held < _MOST_PLACES:
            old.append(first)
            new.append(second)
            held += size
    return scratch.keep(old), scratch.keep(new)
