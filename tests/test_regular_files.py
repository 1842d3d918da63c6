"""Files are opened where they are files: what is something else would be waited for."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from pytest_pixipack.artifact import file_digests, read_artifact
from pytest_pixipack.artifact.wheels import read_wheel
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.pack import read_pack
from pytest_pixipack.regular_files import kind_of, open_regular


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
