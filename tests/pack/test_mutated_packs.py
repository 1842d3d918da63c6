"""Whatever happens to a pack on its way: it is unpacked as it was, or refused with a sentence."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.pack import read_pack, unpack
from pytest_pixipack.verify import verify
from tests.pack.hostile import conda, pack_bytes, special
from tests.wheels import make_wheel

BLOCK = 512


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    wheel = make_wheel(tmp_path_factory.mktemp("wheels"), "sail")
    return pack_bytes(package=conda(), wheel=wheel)


def mutated(content: bytes, seed: int) -> bytes:
    """One to three changes: a byte, a bit, a number, blocks that are moved, doubled or dropped."""
    chance = random.Random(seed)
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        block = at // BLOCK * BLOCK
        kind = chance.randrange(7)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[block:block] = data[block : block + BLOCK * chance.randint(1, 3)]
        elif kind == 4:
            del data[block : block + BLOCK * chance.randint(1, 3)]
        elif kind == 5:
            data[at : at + 8] = b"7" * 8
        else:
            data[at : at + 4] = b"\xff" * 4
        if not data:
            break
    return bytes(data)


def try_everything(content: bytes) -> None:
    """Reads, verifies and unpacks; only sentences may come out, and nothing outside may change."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, "a", "b")
        place.mkdir(parents=True)
        pack = place / "environment.tar"
        pack.write_bytes(content)
        try:
            verify(pack=read_pack(pack))
            unpack(pack, place / "out", platform="linux-64")
        except PixipackError as error:
            assert error.message.endswith("."), error.message  # noqa: PT017 - a sentence
            assert not (place / "out").exists()
        outside = {path.name for path in Path(scratch).iterdir()}
        assert outside == {"a"}
        assert {path.name for path in place.parent.iterdir()} == {"b"}
        assert {path.name for path in place.iterdir()} <= {"environment.tar", "out"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_a_mutated_pack_is_unpacked_or_refused(good: bytes, seed: int) -> None:
    try_everything(mutated(good, seed))


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_many_mutated_packs_are(good: bytes, seed: int) -> None:
    try_everything(mutated(good, seed))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.text(
                st.sampled_from("abC./\\:~ \u00e9\u0301\0\n") | st.characters(codec="utf-8"),
                max_size=12,
            ),
            st.sampled_from([b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"Z"]),
            st.sampled_from(["", "x", "../x", "/x", "channel"]),
            st.integers(0, 0o7777),
        ),
        max_size=4,
    )
)
def test_members_of_any_name_and_kind_stay_inside(
    members: list[tuple[str, bytes, str, int]],
) -> None:
    try:
        content = pack_bytes(*(special(*member) for member in members), package=conda())
    except (ValueError, UnicodeError):
        return  # no tar can hold it
    try_everything(content)
