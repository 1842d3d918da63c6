"""Files are opened where they are files: what is something else would be waited for."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from pytest_pixipack.artifact import file_digests, read_artifact
from pytest_pixipack.artifact.wheels import read_wheel
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.compare import compare
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import read_lock
from pytest_pixipack.pack import read_pack
from pytest_pixipack.regular_files import kind_of, open_regular, read_regular
from pytest_pixipack.reproduce.record_file import read_record
from pytest_pixipack.shards.documents import read_shards


def test_files_and_links_to_them_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"content"
    assert kind_of((tmp_path / "file").stat().st_mode) is None
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "absent")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    if sys.platform == "win32":
        pytest.skip("Windows has no named pipes in directories")
    path = tmp_path / "sail-1.0-py3-none-any.whl"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("read", [open_regular, file_digests, read_wheel, read_pack])
def test_a_named_pipe_is_not_waited_for(read, pipe: Path) -> None:
    with pytest.raises(InvalidInput, match="is a named pipe, not a file"):
        read(pipe)


@pytest.mark.parametrize("suffix", [".conda", ".tar.bz2"])
def test_nor_one_in_the_place_of_a_package(suffix: str, pipe: Path) -> None:
    path = pipe.rename(pipe.with_name(f"a-1-0{suffix}"))
    with pytest.raises(InvalidInput, match="is a named pipe, not a file"):
        read_artifact(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no devices in directories")
def test_devices_and_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="null is a device"):
        open_regular(Path("/dev/null"))
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s")
        with pytest.raises(InvalidInput, match="s is a socket"):
            open_regular(Path("s"))


def left_alone(path: Path) -> None:
    """Something in the place of a file is not waited for, and said."""
    with pytest.raises(InvalidInput, match=r"is a (named pipe|device), not a file") as caught:
        compare(path, path)
    assert caught.value.file == str(path)
    assert "save what comes through it to a file" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["pixi.lock", "a.conda", "a.tar.bz2", "a.tar", "a.txt", "a"])
def test_what_is_compared_is_a_file(name: str, pipe: Path) -> None:
    left_alone(pipe.rename(pipe.with_name(name)))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no devices in directories")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_what_is_compared_is_no_device(device: str) -> None:
    left_alone(Path(device))


def test_a_lock_of_a_directory_is_a_file(pipe: Path) -> None:
    pipe.rename(pipe.with_name("pixi.lock"))
    for read in (read_lock, lambda path: compare(path, path)):
        with pytest.raises(InvalidInput, match=r"pixi\.lock is a named pipe, not a file"):
            read(pipe.parent)


@pytest.mark.parametrize(
    "read", [read_lock, read_record, lambda path: read_shards([path]), Transcript.load]
)
def test_what_other_commands_read_is_a_file(read, pipe: Path) -> None:
    with pytest.raises(InvalidInput, match="is a named pipe, not a file"):
        read(pipe)


def test_a_file_is_read_as_far_as_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file") == b"content"
    assert read_regular(tmp_path / "file", 3) == b"con"
