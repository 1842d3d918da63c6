"""Placeholders replaced and put back, compared with a plain way to do it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.prefix.placeholders import found_in, installed_digests, packed_digests

PLACEHOLDER, PREFIX = "/opt/placehold_placehold", "/home/a/env"
TOKENS = st.lists(
    st.sampled_from(
        [
            PLACEHOLDER.encode(),
            b"\0",
            b"\0\0\0",
            b"abc",
            b"/opt",
            b"/opt/place",
            b"/lib",
            b":",
            b"\n",
        ]
    ),
    max_size=30,
).map(b"".join)


def cut(data: bytes, size: int) -> Callable[[], Iterator[bytes]]:
    return lambda: (data[at : at + size] for at in range(0, len(data), size))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def replaced(data: bytes, *, binary: bool) -> bytes:
    """What rattler makes of it."""
    old, new = PLACEHOLDER.encode(), PREFIX.encode()
    if not binary:
        return data.replace(old, new)
    done = b""
    while (start := data.find(old)) >= 0:
        end = data.find(b"\0", start)
        end = len(data) if end < 0 else end
        string = data[start:end].replace(old, new)
        done += data[:start] + string.ljust(end - start, b"\0")
        data = data[end:]
    return done + data


@given(TOKENS, st.integers(1, 40), st.booleans())
def test_what_becomes_of_a_file(data: bytes, size: int, binary: bool) -> None:
    made = installed_digests(cut(data, size), PLACEHOLDER, PREFIX, binary=binary)
    assert next(made) == sha(replaced(data, binary=binary))


@given(TOKENS, st.integers(1, 40), st.booleans())
def test_what_a_file_was(data: bytes, size: int, binary: bool) -> None:
    installed = replaced(data, binary=binary)
    was = packed_digests(cut(installed, size), PLACEHOLDER, [PREFIX], binary=binary)
    assert next(was) == sha(data)


@given(TOKENS, st.integers(1, 40))
def test_nothing_is_lost_between_matches(data: bytes, size: int) -> None:
    import re

    pattern = re.compile(re.escape(PLACEHOLDER.encode()))
    found = list(found_in(cut(data, size)(), pattern, len(PLACEHOLDER)))
    assert b"".join(between + match for between, match in found) == data
    assert sum(bool(match) for _, match in found) == data.count(PLACEHOLDER.encode())


LONG = "/" + "l" * 140
SPACED = "/with space/env"


@pytest.mark.parametrize(
    ("line", "prefix", "becomes"),
    [
        ("#!@/bin/perl -w", "/env", "#!/env/bin/perl -w"),
        ("#!@/bin/perl -w", SPACED, "#!/usr/bin/env perl -w"),
        ("#! @/bin/perl -w", LONG, "#!/usr/bin/env perl -w"),
        ("#!@/bin/python", LONG, f"#!/bin/sh\n'''exec' \"{LONG}/bin/python\" \"$0\" \"$@\" #'''"),
        ("#!@/bin/python3 -O", SPACED,
         f"#!/bin/sh\n'''exec' \"{SPACED}/bin/python3\" -O \"$0\" \"$@\" #'''"),
        ("#!/usr/bin/env perl", SPACED, "#!/usr/bin/env perl"),
        ("echo @", "/env", "echo /env"),
    ],
)  # fmt: skip
def test_first_lines_as_rattler_writes_them(line: str, prefix: str, becomes: str) -> None:
    packed = f"{line}\nat @\n".replace("@", PLACEHOLDER).encode()
    installed = f"{becomes}\nat {prefix}\n".encode()
    assert "#!" not in line or line.startswith("#!")
    made = list(installed_digests(cut(packed, 7), PLACEHOLDER, prefix, binary=False))
    was = list(packed_digests(cut(installed, 7), PLACEHOLDER, [prefix], binary=False))
    assert sha(installed) in made
    assert sha(packed) in was


def test_a_path_that_is_part_of_others() -> None:
    packed = f"#!/usr/bin/env perl\n{PLACEHOLDER}/x:{PLACEHOLDER}\n/environment\n".encode()
    installed = packed.replace(PLACEHOLDER.encode(), b"/env")
    assert sha(packed) in packed_digests(cut(installed, 5), PLACEHOLDER, ["/env"], binary=False)
