"""Zips are read where every reader sees the same members in them."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from pytest_pixipack.artifact import zip_layout
from pytest_pixipack.errors import InvalidInput
from tests.zips import Part, Unseekable, archive, descriptor, header, unicode_path, zip64

TEXT = b"to be deflated " * 50
MEMBERS = {"a.txt": b"short", "sub/b.txt": TEXT}


def read(data: bytes) -> dict[str, bytes]:
    file = io.BytesIO(data)
    return {
        entry.name: b"".join(zip_layout.content(file, entry, "a.zip"))
        for entry in zip_layout.read_entries(file, "a.zip")
    }


def by_zipfile(method: int, *, pipe: bool = False, long: bool = False) -> bytes:
    buffer = io.BytesIO()
    target: IO[bytes] = Unseekable(buffer) if pipe else buffer  # type: ignore[assignment]
    with zipfile.ZipFile(target, "w", method) as made:
        for name, content in MEMBERS.items():
            with made.open(name, "w", force_zip64=long) as member:
                member.write(content)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize("long", [False, True])
def test_archives_of_python_are_read(method: int, pipe: bool, long: bool) -> None:
    assert read(by_zipfile(method, pipe=pipe, long=long)) == MEMBERS


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zip") is None, reason="zip is not on PATH")
@pytest.mark.parametrize("options", [["-q"], ["-q", "-0"], ["-q", "-fd"], ["-q", "-D", "-fd"]])
@pytest.mark.parametrize("pipe", [False, True])
def test_archives_of_info_zip_are_read(options: list[str], pipe: bool, tmp_path: Path) -> None:
    for name, content in MEMBERS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    command = ["zip", *options, "-r", "-" if pipe else "out.zip", "a.txt", "sub"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True)

    found = read(done.stdout if pipe else (tmp_path / "out.zip").read_bytes())

    assert {name: content for name, content in found.items() if name[-1] != "/"} == MEMBERS


def test_an_empty_archive_has_no_members() -> None:
    assert read(archive([])) == {}


def test_directories_are_told_from_files() -> None:
    data = archive([Part(b"sub/", b""), Part(b"sub/a")])
    entries = zip_layout.read_entries(io.BytesIO(data), "a.zip")
    assert [entry.is_directory for entry in entries] == [True, False]


A, B = Part(b"a", b"first"), Part(b"b", b"second")
STREAMED = Part(b"s", TEXT, deflated=True, local={"flags": 8, "crc": 0, "stored": 0, "size": 0},
                listed={"flags": 8})  # fmt: skip


def told_otherwise(where: str, **fields: object) -> list[Part]:
    """Two members, of which the second one says something else in one place."""
    return [A, Part(B.name, B.content, **{where: fields})]  # type: ignore[arg-type]


OTHER = "says something else than the directory"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": b"c"}, OTHER),
        ({"name": b"../evil"}, OTHER),
        ({"crc": 1}, OTHER),
        ({"stored": 3}, OTHER),
        ({"size": 3}, OTHER),
        ({"stored": 0, "size": 0, "crc": 0}, OTHER),
        ({"method": 8}, OTHER),
        ({"flags": 1}, OTHER),
        ({"flags": 8}, OTHER),
        ({"flags": 0x800}, OTHER),
        ({"extra": b"\1\0\x20\0xxxx"}, "damaged header"),
        ({"extra": unicode_path(b"c")}, "two different names"),
        ({"size": 0xFFFFFFFF}, "damaged header"),
        ({"size": 0xFFFFFFFF, "extra": zip64(1 << 40)}, OTHER),
    ],
)
def test_a_header_that_says_something_else_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=f"The member `b` has .*{said}"):
        read(archive(told_otherwise("local", **fields)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": b"c"}, "`c` has a header that says something else"),
        ({"name": b"a"}, "`a` occurs twice"),
        ({"name": b""}, "without a usable name"),
        ({"name": b"a\0b"}, "without a usable name"),
        ({"name": b"\xff", "flags": 0x800}, "without a usable name"),
        ({"name": b"x" * 5000}, "names that are too long"),
        ({"size": 4, "stored": 4}, OTHER),
        ({"size": 4}, "two different sizes"),
        ({"crc": 1}, OTHER),
        ({"method": 8}, OTHER),
        ({"method": 12}, "by the method 12"),
        ({"flags": 1}, "encrypted"),
        ({"flags": 0x2000}, "encrypted"),
        ({"offset": 0}, "lies over another"),
        ({"offset": 1}, "no header|lies over"),
        ({"offset": 100_000}, "holds data|no header"),
        ({"disk": 1}, "outside the archive"),
        ({"offset": 0xFFFFFFFF, "extra": zip64(1 << 63)}, "outside the archive"),
        ({"offset": 0xFFFFFFFF, "extra": zip64((1 << 64) - 1)}, "outside the archive"),
        ({"size": 0xFFFFFFFF, "extra": zip64((1 << 64) - 1)}, "outside the archive"),
        ({"size": 0xFFFFFFFF, "extra": b"\1\0\2\0xx"}, "damaged header"),
        ({"extra": unicode_path(b"c")}, "two different names"),
    ],
)
def test_a_directory_that_says_something_else_is_refused(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(archive(told_otherwise("listed", **fields)))


HIDDEN = Part(b"hidden", b"not listed", is_listed=False)


@pytest.mark.parametrize(
    "parts",
    [
        [HIDDEN, A],
        [A, HIDDEN, B],
        [A, B, HIDDEN],
        [HIDDEN],
        [Part(b"a", before=b"junk")],
        [A, Part(b"b", before=b"junk")],
        [A, Part(b"b", behind=b"junk")],
        [Part(b"a", b"", local={"name": b"a"}, behind=header(HIDDEN) + HIDDEN.content), B],
    ],
    ids=[
        "member first", "member between", "member last", "only member", "bytes first",
        "bytes between", "bytes last", "member in the gap",
    ],
)  # fmt: skip
def test_what_the_directory_does_not_list_is_refused(parts: Sequence[Part]) -> None:
    with pytest.raises(InvalidInput, match=r"holds data.* does not list"):
        read(archive(parts))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: b"", "it has no directory"),
        (lambda: b"PK", "it has no directory"),
        (lambda: archive([A])[:-1], "behind the end|no directory"),
        (lambda: archive([A])[:-30], "no directory"),
        (lambda: archive([A], first=b"junk", offset=35 + len(A.name)), "not where it says"),
        (lambda: archive([A], first=b"junk"), "does not list"),
        (lambda: archive([A], last=b"junk"), "data behind the end"),
        (lambda: archive([A], last=bytes(70_000)), "no directory"),
        (lambda: archive([A], comment=b"a word"), "data behind the end"),
        (lambda: archive([A]) + archive([B]), "not where it says"),
        (lambda: archive([A], last=archive([B])), "not where it says"),
        (lambda: archive([A], comment=archive([B])), "not where it says"),
        (lambda: archive([A, B], count=1), "data that is not listed|damaged"),
        (lambda: archive([A], count=2), "directory is damaged"),
        (lambda: archive([A], count=65_535), "directory is damaged"),
        (lambda: archive([A], offset=0), "not where it says"),
        (lambda: archive([A], offset=0xFFFFFFFE), "not where it says"),
        (lambda: archive([A], size=0), "not where it says"),
        (lambda: archive([A], disk=1), "several parts"),
    ],
)
def test_ends_that_can_be_read_in_two_ways_are_refused(
    make: Callable[[], bytes], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(make())


@pytest.mark.parametrize(
    "behind",
    [b"", descriptor(A), descriptor(STREAMED)[:-1], descriptor(STREAMED) + b"x",
     descriptor(STREAMED) + header(HIDDEN) + HIDDEN.content],
    ids=["nothing", "that of another", "cut", "more", "a member"],
)  # fmt: skip
def test_sizes_behind_a_content_are_exactly_there(behind: bytes) -> None:
    good = replace(STREAMED, behind=descriptor(STREAMED))
    assert read(archive([good, A])) == {"s": TEXT, "a": A.content}
    with pytest.raises(InvalidInput, match="behind its content"):
        read(archive([replace(STREAMED, behind=behind), A]))


def test_stored_content_whose_size_is_left_open_says_nothing_else() -> None:
    open_ended = {"flags": 8, "crc": 0, "stored": 2, "size": 0}
    part = replace(A, local=open_ended, listed={"flags": 8}, behind=descriptor(A))
    with pytest.raises(InvalidInput, match=OTHER):
        read(archive([part]))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part(b"a", b"x", local={"crc": 1}, listed={"crc": 1}), "its checksum is another"),
        (Part(b"a", b"x", local={"method": 8}, listed={"method": 8}), "is damaged"),
        (
            Part(b"a", TEXT, deflated=True, local={"size": 10}, listed={"size": 10}),
            "larger than it says",
        ),
        (
            Part(b"a", TEXT, deflated=True, local={"size": 9999}, listed={"size": 9999}),
            "is damaged",
        ),
    ],
)
def test_content_is_what_was_promised(part: Part, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(archive([part]))


def test_deflated_data_fill_the_whole_place() -> None:
    """Between the end of the data and that of the member, something could hide."""
    part = Part(b"a", TEXT, deflated=True)
    size = len(part.stored) + 4
    part = replace(part, local={"stored": size}, listed={"stored": size}, behind=b"junk")
    with pytest.raises(InvalidInput, match="data follows its content"):
        read(archive([part]))


def test_members_that_share_their_bytes_are_refused() -> None:
    """A few kilobytes would become gigabytes."""
    inner = Part(b"b", bytes(1000))
    size = len(header(inner)) + len(inner.content)
    outer = Part(
        b"a", b"", local={"stored": size, "size": size}, listed={"stored": size, "size": size}
    )
    with pytest.raises(InvalidInput, match="lies over another member"):
        read(archive([outer, inner]))


def test_more_members_than_expected_are_refused() -> None:
    data = archive([Part(f"{number}".encode()) for number in range(20)])
    with pytest.raises(InvalidInput, match="more than 16 members"):
        zip_layout.read_entries(io.BytesIO(data), "a.zip", most_members=16)
