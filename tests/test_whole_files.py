"""What a user names is written, whatever it is; a file is whole or as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_pixipack.errors import Infrastructure
from pytest_pixipack.outputs import write_output
from pytest_pixipack.whole_files import write_named

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("old")
    file.chmod(0o600)
    before = file.stat().st_mode

    write_named(file, b"new")

    assert file.read_bytes() == b"new"
    assert file.stat().st_mode == before
    assert list(tmp_path.iterdir()) == [file]


@ON_POSIX
@pytest.mark.parametrize("exists", [True, False], ids=["there", "dangling"])
def test_what_a_link_leads_to_is_written(exists: bool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file, link = tmp_path / "elsewhere" / "report.json", tmp_path / "link.json"
    if exists:
        file.write_text("old")
    link.symlink_to("elsewhere/report.json")

    write_named(link, b"new")

    assert link.is_symlink()
    assert file.read_bytes() == b"new"


@ON_POSIX
def test_into_a_pipe_it_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()

    write_named(pipe, b"new")

    reader.join()
    assert found == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@ON_POSIX
def test_into_a_device_it_is_written() -> None:
    ours, theirs = os.openpty()
    with open(theirs, "rb", buffering=0), open(ours, "rb", buffering=0) as screen:  # noqa: PTH123
        device = Path(os.ttyname(theirs))

        write_named(device, b"new\n")

        assert screen.read(3) == b"new"
        assert stat.S_ISCHR(device.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="standard output has no name here")
def test_standard_output_has_a_name(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from pytest_pixipack.whole_files import write_named;"
        "print('before', flush=True); write_named(Path('/dev/stdout'), b'new\\n')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True, timeout=60)

    assert (tmp_path / "out").read_text() == "before\nnew\n"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match=r"^.*The report cannot be written: .+"):
        write_output(tmp_path, "text", "The report")


@ON_POSIX
def test_links_in_a_circle_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Infrastructure, match="The report cannot be written"):
        write_output(tmp_path / "a", "text", "The report")


def test_half_a_character_is_an_escape(tmp_path: Path) -> None:
    write_output(tmp_path / "new" / "report", "a\udcff", "The report")
    assert (tmp_path / "new" / "report").read_bytes() == b"a\\udcff"
