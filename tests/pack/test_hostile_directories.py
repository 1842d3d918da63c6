"""Directory packs that nobody should unpack, and names that no system can hold."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.cli import main
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.pack import read_pack, unpack
from tests.deep import deep_directories
from tests.pack.hostile import METADATA

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold them")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    directory = tmp_path / "pack"
    (directory / "channel" / "linux-64").mkdir(parents=True)
    (directory / "pixi-pack.json").write_text(METADATA, encoding="utf-8")
    repodata = directory / "channel" / "linux-64" / "repodata.json"
    repodata.write_text('{"packages": {}}', encoding="utf-8")
    return directory


def test_its_pattern_is_good(pack: Path, tmp_path: Path) -> None:
    assert unpack(pack, tmp_path / "out", platform="linux-64").packages == {}


def pipe(place: Path) -> None:
    os.mkfifo(place)


def link(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def setuid(place: Path) -> None:
    place.write_bytes(b"#!/bin/sh\n")
    place.chmod(0o4755)


def setgid(place: Path) -> None:
    place.write_bytes(b"#!/bin/sh\n")
    place.chmod(0o2755)


def bound(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        os.chdir(place.parent)  # names of sockets are short
        try:
            made.bind(place.name)
        finally:
            os.chdir(before)


def twice(place: Path) -> None:
    place.write_bytes(b"")
    place.with_name(place.name.upper()).write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "is a device"),
        (link, "is a symbolic link"),
        (bound, "is a device"),
        (setuid, "is setuid or setgid"),
        (setgid, "is setuid or setgid"),
        (twice, "one file on some systems"),
    ],
)
@pytest.mark.parametrize("name", ["extra", "channel/linux-64/extra"])
def test_members_are_files(
    make: Callable[[Path], None], said: str, name: str, pack: Path, tmp_path: Path
) -> None:
    make(pack / name)
    with pytest.raises(InvalidInput, match=f"'(channel/linux-64/)?extra'.*{said}"):
        read_pack(pack)
    assert main(["unpack", str(pack), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["pixi-pack.json", "channel/linux-64/repodata.json"])
def test_a_pipe_in_the_place_of_metadata_is_not_waited_for(name: str, pack: Path) -> None:
    (pack / name).unlink()
    os.mkfifo(pack / name)
    with pytest.raises(InvalidInput, match="is a device"):
        read_pack(pack)


@pytest.mark.parametrize("name", ["nul", "a:b", "new\nline", "dot.", "back\\slash", "x" * 200])
def test_names_are_for_every_system(name: str, pack: Path) -> None:
    (pack / name).write_bytes(b"")
    if len(name) > 100:
        assert read_pack(pack).members
        return
    with pytest.raises(InvalidInput, match="is unsafe"):
        read_pack(pack)


def test_thousands_of_directories_end_in_a_sentence(pack: Path, tmp_path: Path) -> None:
    with deep_directories(pack, 2000):
        with pytest.raises(PixipackError) as caught:
            read_pack(pack)
        assert len(caught.value.message) < 1000
        assert main(["unpack", str(pack), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
