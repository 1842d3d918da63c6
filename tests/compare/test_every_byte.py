"""No byte is lost: whatever byte of a file differs, there is a difference."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pixipack.compare.inside import Content, Inside, Scratch

from .corpus import TEXT, ar, pyc, tar, thin_ar, wheel, zipped, zstd
from .makers_of_programs import coff, elf, fat, imported, macho, macho_object, pe

pytestmark = pytest.mark.slow

MANY = {
    "source": 3, "library": (b"/usr/lib/a.dylib", 1), "rpath": b"/opt/a/lib",
    "objects": ((b"/w/a.o", 1), (b"/w/b.o", 2)),
}  # fmt: skip
FILES = {
    "a.so": elf(), "a.dylib": macho(signature=bytes(range(150)), **MANY), "a": fat(macho(), ar()),
    "a.dll": pe(rich=1), "a.obj": coff(), "b.obj": imported(),
    "c.obj": coff(repeats=True), "a.o": macho_object(), "a.a": ar(), "b.a": thin_ar("a.o"),
    "a.pyc": pyc("a = ('text', 1.5)\ndef f(x): return x in {'b', 'c'}\n"), "a.zip": zipped(),
    "a.exe": pe() + b"#!python.exe\r\n" + zipped({"a": b"text\n"}), "a.tar": tar({"a": b"text\n"}),
    "b.tar": tar({"a" * 120: b"text\n"}, form=tarfile.PAX_FORMAT), "a.gz": gzip.compress(TEXT[:99]),
    "a.bz2": bz2.compress(TEXT[:99]), "a.xz": lzma.compress(TEXT[:99]), "a.zst": zstd(TEXT[:99]),
    "a-1-py3-none-any.whl": wheel(), "a.json": b'{"a": [1, 2.5, null]}', "a.yaml": b"a: [1, x]\n",
}  # fmt: skip


def differences(name, left, right):
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        return Inside(scratch).differences((name,), name, *pair)


@pytest.mark.parametrize("name", FILES)
def test_one_byte(name):
    whole = FILES[name]
    lost = []
    # Of what only fills up, some bytes are enough.
    for place in [n for n, byte in enumerate(whole) if byte or n % 7 == 0]:
        other = bytearray(whole)
        other[place] ^= 1 << place % 8
        if not differences(name, whole, bytes(other)):
            lost.append(place)
    assert lost == []


@pytest.mark.parametrize("name", FILES)
def test_cut_off_or_longer(name):
    whole = FILES[name]
    step = max(len(whole) // 300, 1)
    for size in range(0, len(whole), 3 * step):
        assert differences(name, whole, whole[:size])
    for more in (b"\0", b"\n", b"x", bytes(600)):
        assert differences(name, whole, whole + more)
        assert differences(name, whole + more, whole)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_several_bytes(name, data):
    """Also beside a field that has no meaning, and where something is put in or taken out."""
    whole = FILES[name]
    places = st.integers(0, len(whole) - 1)
    other = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(places) % len(other)
        other[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    found = differences(name, whole, bytes(other))
    assert bool(found) == (bytes(other) != whole)
    back = differences(name, bytes(other), whole)
    assert {each.kind for each in found} == {each.kind for each in back}


@pytest.mark.parametrize(
    ("name", "marked"),
    [("a.so", 80), ("a.dll", 80), ("a.dylib", 260), ("a.obj", 4), ("b.obj", 4), ("c.obj", 4)],
)
def test_few_bytes_have_no_meaning(name, marked):
    """A flipped byte is metadata in the fields that tools write, and nowhere else."""
    pytest.importorskip("elftools")
    whole, harmless = FILES[name], 0
    for place in range(0, len(whole), 3):
        other = bytearray(whole)
        other[place] ^= 1
        found = differences(name, whole, bytes(other))
        harmless += all(each.kind != "payload" for each in found)
    assert 0 < 3 * harmless <= marked + 3
