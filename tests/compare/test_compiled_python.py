"""Compiled Python: what is marshalled is read without being loaded, and compared value by value."""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import struct
import subprocess
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.inside.content import Unreadable
from pytest_pixipack.compare.inside.marshalled import Code, Group, Real, read_marshal

from .corpus import pyc, swapped

MAGIC = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
PLAIN = st.one_of(
    st.none(), st.booleans(), st.just(...), st.integers(), st.floats(), st.complex_numbers(),
    st.text(), st.binary(),
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=20,
)


def told(left, right):
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        found = Inside(scratch).differences(("a.pyc",), "a.pyc", *pair)
    return {(each.kind, each.cause) for each in found}


def plain(value):
    """What a value would be in Python, as far as it can be compared."""
    if isinstance(value, Group):
        inner = [plain(each) for each in value.items]
        if value.kind == "dict":
            return dict(zip(inner[::2], inner[1::2], strict=True))
        kinds = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}
        return kinds[value.kind](inner)
    return value


def written(value):
    """The same for a value of Python."""
    if isinstance(value, float):
        return Real(struct.pack("<d", value))
    if isinstance(value, complex):
        return Real(struct.pack("<dd", value.real, value.imag))
    if isinstance(value, dict):
        return {written(key): written(each) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return type(value)(map(written, value))
    return value


@given(VALUES, st.integers(2, marshal.version))
def test_values_are_read_as_they_were_written(value, version):
    assert repr(plain(read_marshal(marshal.dumps(value, version), MAGIC))) == repr(written(value))


def test_code_is_read_with_all_its_fields():
    code = compile("import os\ndef f(x):\n    return x in {1, 2}\n", "/w/a.py", "exec")
    found = read_marshal(marshal.dumps(code), MAGIC)
    assert isinstance(found, Code)
    for name in ("argcount", "stacksize", "flags", "filename", "name", "firstlineno"):
        assert found.fields[name] == getattr(code, f"co_{name}")
    assert plain(found.fields["names"]) == code.co_names
    (inner,) = (each for each in found.fields["consts"].items if isinstance(each, Code))
    assert inner.fields["name"] == "f"


@pytest.mark.slow
def test_the_standard_library_is_read():
    """Whatever this version of Python compiles can be read."""
    for name in ("typing", "asyncio.events", "email.message", "tarfile", "decimal", "inspect"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert isinstance(spec.loader.get_code(name), types.CodeType)
        read_marshal(marshal.dumps(spec.loader.get_code(name)), MAGIC)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_code_is_refused(data):
    whole = pyc("a = ('text', 1.5, {'b'})\ndef f(x, *y): return [z for z in y if z in {1, 2}]\n")[
        16:
    ]
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Unreadable):
        read_marshal(bytes(broken[: data.draw(st.integers(0, len(whole)))]), MAGIC)


def small(*items):
    return b"\xa9" + bytes([len(items)]) + b"".join(items)


def reference(number):
    return b"r" + struct.pack("<I", number)


@pytest.mark.parametrize(
    "data",
    [
        b"(" + struct.pack("<i", -1),
        b"(" + struct.pack("<i", 1 << 30),
        b"s" + struct.pack("<i", -1),
        b"s" + struct.pack("<I", 1 << 30),
        reference(7),
        small(reference(0)),  # one that holds itself
        b"\xa9\x01" * 100_000,
        b"c",
        b"",
        b"\x80",
        b"NN",
        b"R\0\0\0\0",
        b"u" + struct.pack("<I", 1) + b"\xff",
        b"l" + struct.pack("<i", 1 << 30),
    ],
)
def test_what_cannot_be_is_refused(data):
    with pytest.raises(Unreadable):
        read_marshal(data, MAGIC)


def test_an_unknown_version_is_refused():
    with pytest.raises(Unreadable, match="unknown version"):
        read_marshal(b"N", 1)


def test_references_to_references_take_no_time():
    """Each tuple holds the one before it twice: written out, it would have 2 ** 100 members."""
    bomb = small(b"N", b"N")
    for number in range(100):
        # Numbers are given from the outside in.
        bomb = small(bomb, reference(100 - number))
    head = pyc()[:16]
    other = bomb.replace(b"NN", b"NT")
    assert told(head + bomb, head + other) == {("payload", "content")}
    inside = [b">" + struct.pack("<I", 1) + each for each in (bomb, other)]
    assert told(head + inside[0], head + inside[1]) == {("payload", "content")}


def test_only_the_members_of_sets_have_no_order():
    text = "def f(x):\n    return x in ('alpha', 'omega')\n"
    assert told(pyc(text), swapped(pyc(text), b"alpha", b"omega")) == {("payload", "content")}


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 11), reason="Python sorts the members of sets")
def test_two_seeds(tmp_path):
    (tmp_path / "a.py").write_text("def f(x):\n    return x in {'a', 'b', 'c', 'd', 'e', 'f'}\n")
    script = "import py_compile; py_compile.compile('a.py', 'a.pyc', doraise=True)"
    found = set()
    for seed in "12345":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
        found.add((tmp_path / "a.pyc").read_bytes())
    left, right, *_ = found
    assert told(left, right) == {("payload", "hash-seed")}


@pytest.mark.parametrize(
    ("magic", "size"), [(62211, 8), (3180, 8), (3230, 12), (3379, 12), (3394, 16)]
)
def test_older_headers(magic, size):
    """Python 2.7 and 3.2 write 8 bytes, 3.3 and later 12, 3.7 and later 16."""
    head = struct.pack("<H", magic) + b"\r\n"
    times = [struct.pack("<I", time) + bytes(size - 8) for time in (1, 2)]
    if size == 16:
        times = [bytes(4) + each[:8] for each in times]
    left, right = (head + each + b"s\x08\0\0\0a string" for each in times)
    assert told(left, right) == {("metadata", "pyc-header")}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("D = 'Mar  5 2024'\nX = 1\n", "D = 'Apr 12 2024, later'\nX = 1\n",
         {("payload", "embedded-date"), ("payload", "content")}),
        ("D = '2024-03-05T10:00:01Z'\nX = 1\n", "D = '2024-03-06T11:00:02.123Z'\nX = 1\n",
         {("payload", "embedded-date")}),
        ("'''Made 2024-03-05.\n\nText.\n'''\nX = 1\n", "'''Made 2024-03-06.\n\nText.\n'''\nX = 1\n",
         {("payload", "embedded-date")}),
        ("X = 'a', 1\n", "X = 'a', 2\n", {("payload", "content")}),
        ("X = 1\n", "X = 1.0\n", {("payload", "content")}),
        ("X = b'ab'\n", "X = b'cd'\n", {("payload", "content")}),
        ("def f(a): pass\n", "def f(b): pass\n", {("payload", "content")}),
        ("X = {1: 2}\n", "X = {1: 3}\n", {("payload", "content")}),
    ],
)  # fmt: skip
def test_constants(left, right, expected):
    """Where in the source something is follows from texts of another length."""
    assert told(pyc(left), pyc(right)) - {("metadata", "pyc-header")} == expected
