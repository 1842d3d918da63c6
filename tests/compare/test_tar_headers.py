"""Headers of tar archives: the short way through the usual ones says what the long way says."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.members import Entry
from pytest_pixipack.compare.inside.tars import TarReader

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
NAMES = st.text("abé/._-", min_size=1, max_size=140).map(lambda text: f"x{text}")
NUMBERS = st.integers(0, 0o7777777)


def both_ways(data: bytes) -> tuple[Entry | None, Entry | None]:
    """The first member as the short way and as the long way reads it."""
    readers = [TarReader(io.BytesIO(data)) for _ in range(2)]
    blocks = [reader.block() for reader in readers]
    return readers[0].simple(blocks[0]), readers[1].next_entry(blocks[1])


@given(
    st.builds(tarfile.TarInfo, NAMES), st.sampled_from(FORMATS), NUMBERS, NUMBERS,
    st.integers(0, 2**33 - 1), st.integers(0, 0o7777), st.text("abcé", max_size=31),
)  # fmt: skip
def test_both_ways_say_the_same(info, form, uid, size, mtime, mode, user):
    info.uid, info.size, info.mtime, info.mode, info.uname = uid, size, mtime, mode, user[:15]
    try:
        data = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:
        return  # the form has no place for such a name
    short, long = both_ways(data)
    assert short in (None, long)


def test_usual_headers_go_the_short_way():
    info = tarfile.TarInfo("share/x")
    info.size, info.mtime = 3, 1_700_000_000
    for form in FORMATS:
        short, long = both_ways(info.tobuf(form))
        assert short == long is not None


@pytest.mark.parametrize(("place", "size"), [(100, 8), (108, 8), (124, 12), (136, 12), (148, 8)])
def test_numbers_that_are_none_are_a_damaged_header(place, size):
    data = bytearray(tarfile.TarInfo("x").tobuf())
    data[place : place + size] = b"9" * (size - 1) + b"\0"
    reader = TarReader(io.BytesIO(data))
    block = reader.block()
    assert reader.simple(block) is None
    with pytest.raises(Unreadable, match="damaged tar header"):
        reader.next_entry(block)
    if place in (100, 124):
        assert reader.plain(block) is None
