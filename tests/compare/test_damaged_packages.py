"""Packages that are damaged: refused in a sentence that names the file, or what differs is told."""

from __future__ import annotations

import shutil
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pixipack import InvalidInput, Unsupported
from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.compare import VERDICTS, compare_artifacts, compare_packs, compare_paths

from .conftest import FILES, INDEX

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
# Where fields are in the two headers of a member (APPNOTE.TXT 4.3.7 and 4.3.12).
FLAGS, METHOD, EXTRA = {LOCAL: 6, CENTRAL: 8}, {LOCAL: 8, CENTRAL: 10}, {LOCAL: 28}


def written(path: Path, method: int = zipfile.ZIP_STORED) -> bytes:
    """A package whose parts are packed once more in the zip."""
    members = [*FILES, Member("lib/a.pc", b"prefix=/opt/p\n", False, None, "/opt/p", "text")]
    write_artifact(path, INDEX, members)
    if path.name.endswith(".conda") and method != zipfile.ZIP_STORED:
        plain = path.with_name("plain")
        shutil.move(path, plain)
        with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", method) as new:
            for info in old.infolist():
                new.writestr(info, old.read(info), compress_type=method)
    return path.read_bytes()


def changed(data: bytes, header: bytes, at: int, mask: int, member: int = 1) -> bytes:
    """The package with bits of a 16 bit field of a member's header flipped."""
    place = -1
    for _ in range(member + 1):
        place = data.index(header, place + 1)
    found = bytearray(data)
    (value,) = struct.unpack_from("<H", found, place + at)
    struct.pack_into("<H", found, place + at, value ^ mask)
    return bytes(found)


def verdict(left: Path, right: Path) -> str:
    """The verdict, or which file was refused."""
    try:
        return compare_paths(left, right).comparison.verdict
    except (InvalidInput, Unsupported) as refused:
        return f"refused: {refused.file}"


@pytest.mark.parametrize(
    ("header", "field", "mask"),
    [
        # A part that would end behind the end of the file.
        *((LOCAL, EXTRA, 1 << bit) for bit in range(16)),
        # Encrypted, in a way nobody knows, by a method nobody knows.
        (LOCAL, FLAGS, 1), (CENTRAL, FLAGS, 1), (CENTRAL, FLAGS, 0x40),
        (CENTRAL, METHOD, 0x63), (LOCAL, METHOD, 0x63), (CENTRAL, METHOD, 14),
        (CENTRAL, METHOD, 12),
    ],
)  # fmt: skip
@pytest.mark.parametrize("member", [0, 1, 2])
def test_a_header_that_lies(header, field, mask, member, tmp_path):
    pair = [tmp_path / side / "app-1.0-h0_0.conda" for side in ("l", "r")]
    for path in pair:
        path.parent.mkdir()
    data = written(pair[0])
    pair[1].write_bytes(changed(data, header, field[header], mask, member))
    for one, other in (pair, pair[::-1]):
        assert verdict(one, other) in ("metadata", "payload", f"refused: {pair[1]}")


@pytest.mark.parametrize("method", METHODS)
def test_a_part_that_is_damaged_as_packed_in_the_zip(method, tmp_path):
    data = bytearray(written(tmp_path / "app-1.0-h0_0.conda", method))
    for info in zipfile.ZipFile(tmp_path / "app-1.0-h0_0.conda").infolist():
        start = info.header_offset + 30 + len(info.filename) + 20
        data[start : start + 8] = b"\xff" * 8
    bad = tmp_path / "bad" / "app-1.0-h0_0.conda"
    bad.parent.mkdir()
    bad.write_bytes(data)
    with pytest.raises(InvalidInput, match="damaged") as refused:
        compare_artifacts(tmp_path / "app-1.0-h0_0.conda", bad)
    assert refused.value.file == str(bad)


@pytest.mark.parametrize(
    ("metadata", "error", "told"),
    [
        (b'{"conda_pkg_format_version": 3}', Unsupported, "format version 3"),
        (b"no JSON", InvalidInput, "does not name the version"),
        (b'{"conda_pkg_format_version":2}', None, ("notation", "json-format")),
        (b'{"conda_pkg_format_version": 2, "new": 1}', None, ("new", "unknown")),
    ],
)
def test_the_file_that_names_the_format(metadata, error, told, make, tmp_path):
    left, right = make(), tmp_path / "app-1.0-h0_0.conda"
    with zipfile.ZipFile(left) as old, zipfile.ZipFile(right, "w") as new:
        for info in old.infolist():
            is_metadata = info.filename == "metadata.json"
            new.writestr(info, metadata if is_metadata else old.read(info))
    if error is None:
        (found,) = compare_artifacts(left, right).differences
        assert (found.kind, found.field, found.cause) == ("metadata", *told)
    else:
        with pytest.raises(error, match=told):
            compare_artifacts(left, right)


def test_in_a_pack_the_package_and_the_pack_are_named(make, pack):
    good, packed = make(), pack(make(timestamp=5))
    data = packed.read_bytes()
    packed.write_bytes(data.replace(b"PK\x05\x06", b"PK\x05\x07", 1))
    with pytest.raises(InvalidInput, match=r"channel/linux-64/app-1\.0-h0_0\.conda") as refused:
        compare_packs(pack(good), packed)
    assert refused.value.file == str(packed)


CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "set", "cut", "insert", "delete"]), st.floats(0, 1),
              st.integers(0, 255)),
    min_size=1, max_size=4,
)  # fmt: skip


def mutated(data: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    found = bytearray(data)
    for kind, place, value in changes:
        at = int(place * (len(found) - 1)) if found else 0
        if kind == "flip" and found:
            found[at] ^= 1 << (value % 8)
        elif kind == "set" and found:
            found[at] = value
        elif kind == "cut":
            del found[at + 1 :]
        elif kind == "insert":
            found[at:at] = bytes([value] * (value % 9 + 1))
        elif kind == "delete":
            del found[at : at + value % 9]
    return bytes(found)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([".tar.bz2", ".conda"]),
    st.sampled_from(METHODS),
    CHANGES,
)
def test_whatever_is_changed(suffix, method, changes):
    with tempfile.TemporaryDirectory() as directory:
        pair = [Path(directory, side, f"app-1.0-h0_0{suffix}") for side in ("l", "r")]
        for path in pair:
            path.parent.mkdir()
        data = written(pair[0], method)
        bad = mutated(data, changes)
        pair[1].write_bytes(bad)
        for one, other in (pair, pair[::-1]):
            found = verdict(one, other)
            assert found in (*VERDICTS, f"refused: {pair[1]}")
            assert (found == "identical") == (bad == data)


LINK = b'{"noarch": {"type": "python", "entry_points": ["../../evil = a:b"]}}'


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"files": [Member("conda-meta/x.json", b"{}")]}, "only installers write"),
        ({"files": [Member("x/a", b"1"), Member("x/A", b"2")], "subdir": "noarch"}, "x/A"),
        ({"info": {"link.json": LINK}}, "evil"),
    ],
)  # fmt: skip
def test_what_a_reader_refuses_is_refused(what, said, make):
    """Also where both are made in the same way, and read side by side."""
    pair = [make(**{**what, "timestamp": 1_700_000_000_000 + day}) for day in (1, 2)]
    with pytest.raises(InvalidInput, match=said):
        read_artifact(pair[0])
    with pytest.raises(InvalidInput, match=said):
        compare_artifacts(*pair)
