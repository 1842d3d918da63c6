"""Tars are read where every reader sees the same members in them, and within bounds."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_pixipack.artifact.safety import ArtifactLimits
from pytest_pixipack.artifact.tarstream import FileStream, TarEntry, TarStream
from pytest_pixipack.errors import InvalidInput
from tests.tars import END, GNU, OLD, USTAR, block, extension, member, pax, record

LONG = "share/" + "/".join(["long"] * 60) + "/name"


def read(
    data: bytes, *, sparse: bool = False, ended: bool = False, **limits: int
) -> list[tuple[TarEntry, bytes]]:
    tar = TarStream(
        FileStream(io.BytesIO(data)), "a.tar", ArtifactLimits(**limits), sparse=sparse, ended=ended
    )
    return [(entry, b"".join(tar.content())) for entry in tar]


def names(data: bytes, **more: bool) -> list[str]:
    return [entry.name for entry, _ in read(data, **more)]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_python_are_read(form: int) -> None:
    buffer = io.BytesIO()
    long_names = [] if form == tarfile.USTAR_FORMAT else [LONG, "é" * 120]
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        for name in ["bin/a", "d" * 90 + "/" + "f" * 90, *long_names]:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid, info.uname = 1, 1_700_000_000, 1000, "somebody"
            made.addfile(info, io.BytesIO(b"x"))
        for kind, target in ((tarfile.DIRTYPE, ""), (tarfile.SYMTYPE, "a"), (tarfile.LNKTYPE, "b")):
            info = tarfile.TarInfo(f"of-kind-{kind.decode()}")
            info.type, info.linkname = kind, target
            made.addfile(info)

    found = read(buffer.getvalue(), ended=True)

    assert [(entry.name, content) for entry, content in found[:2]] == [
        ("bin/a", b"x"), ("d" * 90 + "/" + "f" * 90, b"x"),
    ]  # fmt: skip
    assert [entry.name for entry, _ in found[2:-3]] == long_names
    assert [(entry.kind, entry.target) for entry, _ in found[-3:]] == [
        ("directory", None), ("link", "a"), ("hardlink", "b"),
    ]  # fmt: skip
    assert found[0][0].mtime == 1_700_000_000


def is_gnu_tar() -> bool:
    program = shutil.which("tar")
    told = subprocess.run([program, "--version"], capture_output=True) if program else None
    return told is not None and b"GNU tar" in told.stdout


@pytest.mark.slow
@pytest.mark.skipif(not is_gnu_tar(), reason="GNU tar is not on PATH")
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "posix", "ustar", "v7"])
def test_archives_of_gnu_tar_are_read(form: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_bytes(b"content")
    (tmp_path / "d" / "link").symlink_to("file")
    command = ["tar", f"--format={form}", "-cf", "out.tar", "d"]
    subprocess.run(command, cwd=tmp_path, check=True)

    found = {entry.name: entry.kind for entry, _ in read((tmp_path / "out.tar").read_bytes())}

    assert found == {"d/": "directory", "d/file": "file", "d/link": "link"}


def test_numbers_to_the_base_of_256_are_read() -> None:
    size = (3).to_bytes(11, "big")
    data = block("a", raw={"size": b"\x80" + size}) + b"abc".ljust(512, b"\0") + END
    assert read(data)[0][1] == b"abc"
    negative = block("a", raw={"mtime": b"\xff" * 12}) + END
    assert read(negative)[0][0].mtime == -1.0


@pytest.mark.parametrize(
    "size",
    [
        b"\xff" * 12,
        b"\xff" * 11 + b"\x00",
        b"\xff" + bytes(11),
        b"\x80" + b"\xff" * 11,
        b"\x80\0\0\0\x80" + bytes(7),
        b"\x81" + bytes(11),
        b"-0000000100\0",
        b"0x000000010\0",
        b"99999999999\0",
        "\u0663\u0663".encode().ljust(12, b"\0"),
    ],
)
def test_sizes_that_are_none_are_refused_at_once(size: bytes) -> None:
    """A negative one leads tarfile backwards, and so for ever through the same header."""
    begun = time.monotonic()
    with pytest.raises(InvalidInput, match="without a valid size"):
        read(block("a", raw={"size": size}) + member("b") + END)
    assert time.monotonic() - begun < 5


def test_a_size_that_nothing_can_hold_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="`a` is cut off"):
        read(block("a", raw={"size": b"\x80" + (1 << 60).to_bytes(11, "big")}) + END)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (pax({"size": "-1"}), "without a valid size"),
        (pax({"size": "1" * 5000}), "without a valid size"),
        (pax({"size": "\u0663"}), "without a valid size"),
        (pax({"size": "2"}), "two different sizes"),
        (pax({"path": ""}), "without a usable path"),
        (pax({"path": "x\0y"}), "without a usable path"),
        (pax({"path": "x"}) + pax({"path": "y"}), "two tar headers for one member"),
        (extension(b"x", record("path", "x") + record("path", "y")), "without a usable path"),
        (extension(b"x", b"junk"), "damaged pax header"),
        (extension(b"x", b"999 path=x\n"), "damaged pax header"),
        (extension(b"x", b"0 path=x\n"), "damaged pax header"),
        (extension(b"x", b"-9 path=x\n"), "damaged pax header"),
        (extension(b"x", b"9 path=x" + b"\0"), "damaged pax header"),
        (extension(b"x", b"8 path=x\n\n"), "damaged pax header"),
        (extension(b"x", b"0" * 5000 + b"9 path=x\n"), "damaged pax header"),
        (extension(b"x", b"9" * 5000), "damaged pax header"),
        (extension(b"x", b"5 =x\n\n"), "damaged pax header"),
        (pax({"GNU.sparse.major": "1"}), "become another file elsewhere"),
        (pax({"GNU.sparse.map": "0,1"}), "become another file elsewhere"),
        (extension(b"g", record("path", "x")), "names all members"),
        (extension(b"g", record("size", "0")), "names all members"),
        (extension(b"L", b"x\0") + extension(b"L", b"y\0"), "two tar headers for one member"),
        (extension(b"L", b"\0"), "name that cannot be used"),
        (extension(b"L", b""), "name that cannot be used"),
        (extension(b"L", b"x\0../evil\0"), "name that cannot be used"),
        (extension(b"L", b"x\0") + pax({"path": "y"}), "two different names"),
        (extension(b"L", b"x" * 5000), "oversized tar header"),
        (extension(b"K", b"x" * 5000), "oversized tar header"),
        (extension(b"x", b"x" * (1 << 21)), "oversized tar header"),
        (block("././@LongLink", b"L", size=100 << 20), "oversized tar header"),
        (block("pax", b"x", size=200 << 20), "oversized tar header"),
        (block("pax", b"g", size=200 << 20), "oversized tar header"),
    ],
)
def test_headers_before_a_member_are_usable(headers: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(headers + member("a", b"x") + END)


def test_comments_for_the_whole_archive_are_passed_over() -> None:
    """As `git archive` writes them."""
    assert names(extension(b"g", record("comment", "0123abcd")) + member("a") + END) == ["a"]


def test_a_header_before_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a tar header without a member"):
        read(pax({"path": "x"}) + END)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (block("a", magic=b"ustar\x0011"), "unknown format"),
        (block("a", magic=b"nothing!"), "unknown format"),
        (block("a", magic=GNU, prefix=b"evil"), "read in two ways"),
        (block("a", magic=OLD, prefix=b"evil"), "read in two ways"),
        (block("a", b"S", magic=USTAR), "read in two ways"),
        (block("d", b"5", size=512), "says it has content"),
        (block("l", b"2", size=512, target=b"x"), "says it has content"),
        (block("h", b"1", size=512, target=b"x"), "says it has content"),
        (block("a/", b"0"), "a file whose name ends in a slash"),
        (block("a/", b"\0", size=1, magic=OLD), "a file whose name ends in a slash"),
        (block("a", raw={"checksum": b"0000000\0"}), "its checksum is wrong"),
        (block("a", raw={"mode": b"rwxr-xr\0"}), "its mode is no number"),
    ],
)
def test_headers_that_can_be_read_in_two_ways_are_refused(header: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(header + bytes(512) + END)


def test_a_directory_from_before_posix_is_one() -> None:
    found = read(block("d/", b"\0", magic=OLD) + END)
    assert [(entry.name, entry.kind) for entry, _ in found] == [("d/", "directory")]


PIECES = ((0, 3), (512, 4))


def test_sparse_files_are_read_where_they_may_be() -> None:
    data = block("s", b"S", size=7, magic=GNU, pieces=PIECES, real_size=1000)
    data += b"abcdefg".ljust(512, b"\0") + END
    ((entry, stored),) = read(data, sparse=True)
    assert (entry.size, entry.blocks, stored) == (1000, PIECES, b"abcdefg")
    with pytest.raises(InvalidInput, match="is a sparse file"):
        read(data)


@pytest.mark.parametrize(
    ("pieces", "size", "real_size"),
    [
        (((0, 3), (2, 4)), 7, 1000),
        (((512, 4), (0, 3)), 7, 1000),
        (((0, 3), (0, 3)), 6, 1000),
        (((0, 3), (999, 4)), 7, 1000),
        (((0, 3),), 7, 1000),
        (((0, 9),), 7, 1000),
        ((), 7, 1000),
    ],
    ids=["overlap", "backwards", "twice", "behind the end", "too little", "too much", "none"],
)
def test_pieces_of_a_sparse_file_are_those_of_its_content(
    pieces: tuple[tuple[int, int], ...], size: int, real_size: int
) -> None:
    data = block("s", b"S", size=size, magic=GNU, pieces=pieces, real_size=real_size)
    with pytest.raises(InvalidInput, match="is a sparse file whose pieces"):
        read(data + bytes(512) + END, sparse=True)


def test_a_chain_of_pieces_ends() -> None:
    more = (b"".join(b"%011o\0%011o\0" % (each, 0) for each in range(21)) + b"\1").ljust(512, b"\0")
    data = block("s", b"S", magic=GNU, pieces=((0, 0),), real_size=100, more=True)
    with pytest.raises(InvalidInput, match="of more than 100000 pieces"):
        read(data + more * 6000 + END, sparse=True)


@pytest.mark.parametrize("zeros", [0, 512, 1023])
def test_an_archive_without_its_end_is_cut_off(zeros: int) -> None:
    data = member("a") + bytes(zeros)
    with pytest.raises(InvalidInput, match=r"cut off|ends within"):
        read(data, ended=True)
    assert names(member("a") + END, ended=True) == ["a"]
    assert names(member("a") + END * 10, ended=True) == ["a"]


def test_nothing_follows_the_end() -> None:
    with pytest.raises(InvalidInput, match="behind the end"):
        read(member("a") + END + member("b") + END)


def deep_names() -> Iterator[bytes]:
    for number in range(9000):
        name = f"{number}/{'d' * 3900}".encode()
        yield extension(b"L", name + b"\0") + block("x")


def test_all_names_together_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="names of more than 33554432 bytes"):
        read(b"".join(deep_names()) + END)
