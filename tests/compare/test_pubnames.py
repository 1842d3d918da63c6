"""Indexes of names whose debug data is in another file, in which things have moved a little."""

from __future__ import annotations

import struct

import pytest

from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.inside.pubnames import only_moved
from pytest_pixipack.compare.inside.spans import Span

from .makers_of_programs import elf

NAMES = {"main": 0x40, "one": 0x60, "two": 0x90, "std": 0x20}


def index(names=NAMES, size=0x200, *, header=0, version=2, kind=b"\x30"):
    """An index of one unit."""
    entries = b"".join(
        struct.pack("<I", place) + kind + name.encode() + b"\0" for name, place in names.items()
    )
    entries += bytes(4)
    return struct.pack("<IHII", 10 + len(entries), version, header, size) + entries


def note(length=0x20):
    """A unit of `.debug_info` which only says where its data is."""
    return struct.pack("<I", length) + bytes(length)


def span(data):
    return Span(data, 0, len(data))


def moved(left, right, info=None):
    info = span(info or note())
    forth = only_moved((span(left), info), (span(right), info), "little")
    back = only_moved((span(right), info), (span(left), info), "little")
    assert forth == back
    return forth


# `one` takes a byte more.
LATER = index(NAMES | {"two": 0x91}, 0x201)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (index(), LATER, True),
        (index() + index(), index() + LATER, True),
        # Each name is of something else.
        (index(), index(NAMES | {"one": 0x90, "two": 0x60}), False),
        (index(), index(NAMES | {"one": 0x40, "main": 0x60}), False),
        # Something is where nothing has moved it to.
        (index(), index(NAMES | {"two": 0xF0}, 0x201), False),
        (index(), index(NAMES | {"two": 0x61}, 0x201), False),
        (index(), index(NAMES | {"two": 0x60}, 0x201), False),
        (index(), index(NAMES | {"two": 0x300}), False),
        (index(), index(NAMES | {"three": 0xA0}), False),
        (index({"a": 0x20}), index({"b": 0x21}), False),
        (index(), index(kind=b"\x31"), False),
        (index(), index(header=4), False),
        # What is no such index.
        (index(version=3), index(NAMES | {"two": 0x91}, 0x201, version=3), False),
        (index()[:-3], LATER[:-3], False),
        (index() + b"x", LATER + b"x", False),
        (b"\xff" * 40, b"\xff" * 39 + b"\xfe", False),
    ],
)
def test_only_moved(left, right, expected):
    assert moved(left, right) is expected


def test_data_that_is_here_would_show_it():
    assert not moved(index(), LATER, note(0x1FC))
    assert not moved(index(), LATER, b"ab")


def told(left, right):
    pytest.importorskip("elftools")
    programs = [
        elf(debug={
            ".debug_info": note(), ".debug_str": f"{text}\0".encode(),
            ".debug_gnu_pubnames": names,
        })
        for text, names in (left, right)
    ]  # fmt: skip
    with Scratch() as scratch:
        pair = [Content.of(each) for each in programs]
        return {each.cause for each in Inside(scratch).differences(("a",), "a", *pair)}


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (("/home/bob/w/x.c", LATER), {"embedded-path"}),
        (("/home/rob/long/w/x.c", LATER), {"embedded-path"}),
        # Alone, and beside something that nothing explains, it is told.
        (("/home/ann/w/x.c", LATER), {"content"}),
        (("something else", LATER), {"content"}),
        (("/home/bob/w/x.c", index(NAMES | {"two": 0x61}, 0x201)), {"embedded-path", "content"}),
    ],
)
def test_it_follows_from_a_cause_in_debug_data(right, expected):
    left = ("/home/ann/w/x.c", index())
    assert told(left, right) == expected
    assert told(right, left) == expected
