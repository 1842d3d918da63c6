"""Programs and libraries: what tools write into them, and what runs."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.compare.inside import Content, Inside, Scratch

from .corpus import SOME, ar, zipped
from .makers_of_programs import coff, elf, fat, imported, macho, macho_object, pe

pytestmark = pytest.mark.slow

for library in ("elftools", "macholib", "pefile"):
    pytest.importorskip(library)


# What Go writes in front of its code where there are no notes.
GO = b'\xff Go build ID: "%s"\n \xff\x90\xc3'


def told(name, left, right):
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        return {(d.kind, d.cause) for d in Inside(scratch).differences((name,), name, *pair)}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (elf(), elf(build_id=b"\2" * 20), ("metadata", "build-id")),
        (elf(), elf(build_id=None), ("metadata", "build-id")),
        (elf(), elf(comment=b"GCC: (GNU) 13.3.0\0"), ("metadata", "tool-version")),
        (elf(), elf(comment=b"GCC: (GNU) 9.1\0"), ("metadata", "tool-version")),
        (elf(), elf(text=b"\x91\xc3"), ("payload", "content")),
        (elf(), elf(text=b"\x91\xc3", build_id=b"\2" * 20), ("payload", "content")),
        (elf(data=b"/home/a/w/x.c\0"), elf(data=b"/home/bcd/w/x.c\0"),
         ("payload", "embedded-path")),
        (elf(data=b"Mar  1 2024\0"), elf(data=b"Apr 12 2024\0", build_id=b"\2" * 20),
         ("payload", "embedded-date")),
        (macho(), macho(uuid=b"\2" * 16), ("metadata", "build-id")),
        (macho(), macho(uuid=b"\2" * 16, signature=b"SIGNED"), ("metadata", "build-id")),
        (macho(), macho(signature=b"SIGNED"), ("metadata", "unknown")),
        (macho(), macho(sdk=2, signature=b"SIGNED"), ("metadata", "tool-version")),
        (macho(), macho(code=b"\x91\xc3", uuid=b"\2" * 16), ("payload", "content")),
        (macho(source=1), macho(source=1, sdk=2), ("metadata", "tool-version")),
        (macho(code=GO % b"a/b"), macho(code=GO % b"c/d"), ("metadata", "build-id")),
        (pe(code=GO % b"a/b"), pe(code=GO % b"c/d"), ("metadata", "build-id")),
        (pe(code=GO % b"a/b"), pe(code=GO % b"c/d" + b"\xcc"), ("payload", "content")),
        (macho(source=1), macho(source=1, tool=2), ("metadata", "tool-version")),
        (macho(source=1), macho(source=2), ("metadata", "version-change")),
        (macho(source=1), macho(source=1, platform=7), ("payload", "content")),
        (macho(source=1), macho(source=1, least=15), ("payload", "content")),
        (macho(signature=bytes(200)), macho(signature=bytes(199) + b"\1"), ("metadata", "unknown")),
        (macho(library=(b"/usr/lib/x.dylib", 1)), macho(library=(b"/usr/lib/x.dylib", 2)),
         ("metadata", "timestamp")),
        (macho(library=(b"/usr/lib/x.dylib", 1)), macho(library=(b"/usr/lib/y.dylib", 1)),
         ("payload", "content")),
        (macho(rpath=b"/opt/a/lib"), macho(rpath=b"/opt/some/other/lib"),
         ("payload", "embedded-path")),
        (macho(objects=((b"/w/a.o", 1), (b"/w/b.o", 1))),
         macho(objects=((b"/w/a.o", 2), (b"/w/b.o", 3))), ("metadata", "timestamp")),
        (macho(objects=((b"/home/a/a.o", 1), (b"/home/a/b.o", 1))),
         macho(objects=((b"/home/bcd/a.o", 1), (b"/home/bcd/b.o", 1)), uuid=b"\2" * 16),
         ("payload", "embedded-path")),
        (fat(macho(), macho(sdk=1)), fat(macho(), macho(sdk=2)), ("metadata", "tool-version")),
        (fat(macho(), macho()), fat(macho(), macho(code=b"\0\0")), ("payload", "content")),
        (fat(ar(), ar()), fat(ar(), ar(mtime=7)), ("metadata", "archive-member-header")),
        (fat(macho()), fat(macho(), macho()), ("payload", "file-added")),
        (coff(), coff(time=2), ("metadata", "timestamp")),
        (coff(), coff(code=b"\x91\xc3"), ("payload", "content")),
        (coff(), coff(source=b"D:\\agent\\work\\a.cpp\0"), ("payload", "embedded-path")),
        (imported(), imported(time=2), ("metadata", "timestamp")),
        (imported(), imported(name=b"g"), ("payload", "content")),
        (pe(), pe(linker=(14, 39)), ("metadata", "tool-version")),
        (pe(tables=1), pe(tables=2), ("metadata", "timestamp")),
        (pe(tables=1), pe(tables=2, time=2), ("metadata", "timestamp")),
        (pe(tables=1), pe(tables=2, code=b"\x91\xc3"), ("payload", "content")),
        (pe(tables=1), pe(), ("payload", "content")),
        (pe(rich=1), pe(rich=2), ("metadata", "tool-version")),
        (pe(pdb=b"C:\\a\\x.pdb"), pe(pdb=b"D:\\some\\other\\place\\x.pdb", guid=b"\2" * 16),
         ("payload", "embedded-path")),
        (pe() + b"one", pe() + b"two", ("payload", "content")),
        (elf(), elf() + b"more", ("payload", "content")),
        (elf() + b"2024-03-01", elf() + b"2024-03-02", ("payload", "embedded-date")),
        (elf(comment=b"made 2024-03-01\0"), elf(comment=b"made 2024-03-02\0"),
         ("metadata", "embedded-date")),
        (elf(comment=b"some words\0"), elf(comment=b"other words\0"), ("metadata", "content")),
        (elf(build_id=b"\1" * 16), elf(), ("metadata", "build-id")),
        (elf(data=b"\1\0\0\0"), elf(data=b"\1" + bytes(11), build_id=b"\2" * 20),
         ("payload", "content")),
        (pe() + b"#!C:\\a\\python.exe\r\n" + zipped(),
         pe() + b"#!C:\\b\\env\\python.exe\r\n" + zipped(), ("payload", "embedded-path")),
        (pe() + b"#!python\n" + zipped(), pe(time=2) + b"#!python\n" + zipped(),
         ("metadata", "timestamp")),
        (pe() + b"#!python\n" + zipped(), pe() + b"#!python\n" + zipped({**SOME, "new": b""}),
         ("payload", "file-added")),
        (pe(), pe(time=2), ("metadata", "timestamp")),
        (pe(), pe(time=2, checksum=77), ("metadata", "timestamp")),
        (pe(), pe(guid=b"\2" * 16), ("metadata", "build-id")),
        (pe(), pe(code=b"\x91\xc3"), ("payload", "content")),
        (pe(pdb=rb"C:\a\x.pdb"), pe(pdb=rb"D:\b\x.pdb"), ("payload", "embedded-path")),
    ],
)  # fmt: skip
def test_one_reason(left, right, expected):
    assert told("lib/a", left, right) == {expected}
    other = {"file-added": "file-removed"}.get(expected[1], expected[1])
    assert told("lib/a", right, left) == {(expected[0], other)}


PATHS = b"C:\\bld\\a.cpp\0", b"C:\\builds\\ann\\a.cpp\0"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        # What symbols of sections repeat follows from these.
        (coff(repeats=True), coff(repeats=True, source=PATHS[1]), "embedded-path"),
        (coff(repeats=True, checksum=0), coff(repeats=True, checksum=0, source=PATHS[1]),
         "embedded-path"),
        (coff(repeats=True, source=b"on 2024-03-05\0"),
         coff(repeats=True, source=b"on 2024-03-06\0"), "embedded-date"),
        (coff(repeats=True), coff(repeats=True, code=b"\x91\xc3"), "content"),
        # Where it is not true, it is something of its own, in both directions.
        (coff(repeats=True), coff(repeats=True, checksum=1), "content"),
        (coff(repeats=True), coff(repeats=True, length=1), "content"),
        # In objects of macOS, zeros fill up between the sections and the tables.
        (macho_object(b"/tmp/b/x.c\0"), macho_object(b"/tmp/build/x.c\0"), "embedded-path"),
        (macho_object(b"on 2024-03-05\0"), macho_object(b"on 2024-03-06\0"), "embedded-date"),
        (macho_object(padding=b"\0\0"), macho_object(padding=b"\0\1"), "content"),
        (macho_object(), macho_object(symbols=b"\0_g\0"), "content"),
        (macho_object(), macho_object() + b"behind it", "content"),
    ],
)  # fmt: skip
def test_what_repeats_and_fills_up_follows(left, right, expected):
    assert told("a.o", left, right) == {("payload", expected)}
    assert told("a.o", right, left) == {("payload", expected)}


def test_what_a_symbol_says_wrongly_is_told_beside_a_path():
    wrong = coff(repeats=True, source=PATHS[1], checksum=1)
    causes = {("payload", "embedded-path"), ("payload", "content")}
    assert told("a.obj", coff(repeats=True), wrong) == causes
    assert told("a.obj", wrong, coff(repeats=True)) == causes


@given(st.sampled_from(range(12)), st.integers(1, 255))
def test_any_byte_that_does_not_follow_is_told(place, flipped):
    """Alone, and beside a cause from which it would follow; in both directions."""
    for source in PATHS:
        right = bytearray(coff(repeats=True, source=source))
        right[len(right) - 4 - 18 + place] ^= flipped  # the last symbol: of the debug data
        causes = told("a.obj", coff(repeats=True), bytes(right))
        assert ("payload", "content") in causes
        assert (("payload", "embedded-path") in causes) == (source == PATHS[1])
        assert told("a.obj", bytes(right), coff(repeats=True)) == causes


_WORDS = st.text("abcxyz", min_size=1, max_size=30)


@given(_WORDS, _WORDS, st.sampled_from(["coff", "macho"]))
def test_a_path_of_any_length_is_the_only_cause(one, other, form):
    paths = [f"/home/{name}/work/a.c".encode() + b"\0" for name in (one, other)]
    left, right = (
        coff(repeats=True, source=path) if form == "coff" else macho_object(path) for path in paths
    )
    expected = set() if one == other else {("payload", "embedded-path")}
    assert told("a.o", left, right) == told("a.o", right, left) == expected


def test_two_reasons():
    assert told("a.dll", pe(), pe(time=2, guid=b"\2" * 16)) == {
        ("metadata", "timestamp"), ("metadata", "build-id"),
    }  # fmt: skip
    left, right = elf(data=b"/home/a/x.c\0"), elf(data=b"/home/b/x.c\0", comment=b"GCC: (x) 1.2\0")
    assert told("a.so", left, right) == {
        ("payload", "embedded-path"), ("metadata", "tool-version"),
    }  # fmt: skip


def test_fields_of_one_name_are_told_each():
    """The same label twice: neither takes the place of the other."""
    left = macho(objects=((b"/w/a.o", 1), (b"/w/b.o", 1)))
    right = macho(objects=((b"/w/a.o", 2), (b"/w/b.o", 3)))
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        found = Inside(scratch).differences(("a",), "a", *pair)
    assert {(each.field, each.left, each.right) for each in found} == {
        ("time of an object file", 1, 2),
        ("time of an object file (2)", 1, 3),
    }


@pytest.mark.parametrize("make", [elf, macho, pe])
def test_one_that_is_cut_off_is_compared_all_the_same(make):
    whole = make()
    for size in (5, 70, len(whole) // 2, len(whole) - 1):
        found = told("a", whole[:size], whole[: size - 1] + b"\xff")
        assert {cause for _, cause in found} <= {"content", "build-id", "tool-version", "unknown"}


def test_without_the_libraries_nothing_is_guessed(tmp_path):
    script = (
        "import sys; sys.modules['elftools'] = None\n"
        "from pytest_pixipack.compare.inside import Content, Inside, Scratch\n"
        "pair = [Content.of(open(name, 'rb').read()) for name in sys.argv[1:]]\n"
        "with Scratch() as scratch:\n"
        "    (found,) = Inside(scratch).differences(('a',), 'a', *pair)\n"
        "print(found.kind, found.cause, found.evidence)\n"
    )
    import sys

    for name, content in (("left", elf()), ("right", elf(build_id=b"\2" * 20))):
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", script, tmp_path / "left", tmp_path / "right"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("payload content ")
    assert "pytest-pixipack[binaries]" in done.stdout
