"""Packs that unpack themselves: a script, the tar, and a pixi-unpack."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack import read_pack
from pytest_pixipack.pack.executable import write_executable

runs_scripts = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None, reason="bash is not on PATH"
)

# Says what it was called with and what it was given, then fails as it is told.
UNPACKER = """\
#!/bin/sh
echo "called with: $*"
for last; do :; done
cksum < "$last"
dirname "$last"
exit "${STATUS:-0}"
"""


@pytest.fixture
def tar(conformance: Path) -> Path:
    return conformance / "cases" / "flat" / "expected" / "pack" / "environment.tar"


@pytest.fixture
def unpacker(tmp_path: Path) -> Path:
    path = tmp_path / "an-unpacker"
    path.write_text(UNPACKER, encoding="utf-8", newline="\n")
    return path


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script), *arguments],
        env={**os.environ, "TMPDIR": str(script.parent), **environment},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(("platform", "end"), [("linux-64", b"\n"), ("win-64", b"\r\n")])
def test_it_has_the_frame_of_pixi_pack(
    platform: str, end: bytes, tar: Path, tmp_path: Path
) -> None:
    unpacker = tmp_path / "pixi-unpack"
    unpacker.write_bytes(b"MZ program" if platform == "win-64" else b"\x7fELF program")

    write_executable(tmp_path / "out", tar, unpacker, platform)

    lines = (tmp_path / "out").read_bytes().split(end)
    marks = [b"@@END_HEADER@@", b"@@END_ARCHIVE@@"]
    if platform == "win-64":
        marks = [b"__END_HEADER__", b"__END_ARCHIVE__"]
    header = lines.index(marks[0])
    assert lines[header:] == [
        marks[0],
        b"",
        base64.b64encode(tar.read_bytes()),
        marks[1],
        base64.b64encode(unpacker.read_bytes()),
    ]


@pytest.mark.parametrize("platform", ["osx-arm64", "win-64"])
def test_it_is_read_like_its_tar(platform: str, tar: Path, tmp_path: Path) -> None:
    unpacker = tmp_path / "pixi-unpack"
    unpacker.write_bytes(b"MZ" if platform == "win-64" else b"#!")

    write_executable(tmp_path / "out", tar, unpacker, platform)

    assert read_pack(tmp_path / "out").form == "executable"
    assert read_pack(tmp_path / "out").members == read_pack(tar).members


def test_it_has_the_same_bytes_each_time(tar: Path, unpacker: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_executable(tmp_path / name, tar, unpacker, "linux-64")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@runs_scripts
def test_the_script_hands_its_options_and_the_tar_to_pixi_unpack(
    tar: Path, unpacker: Path, tmp_path: Path
) -> None:
    write_executable(tmp_path / "environment.sh", tar, unpacker, "linux-64")

    done = run(tmp_path / "environment.sh", "-o", "a place", "--env-name", "x")

    assert done.returncode == 0, done.stderr
    called, checksum, place = done.stdout.splitlines()
    assert called.startswith("called with: -o a place --env-name x /")
    expected = subprocess.run(["cksum"], stdin=tar.open("rb"), capture_output=True, text=True)
    assert checksum == expected.stdout.strip()
    assert not Path(place).exists(), "the temporary directory was left behind"


@runs_scripts
def test_a_failure_of_pixi_unpack_is_that_of_the_script_and_leaves_nothing(
    tar: Path, unpacker: Path, tmp_path: Path
) -> None:
    write_executable(tmp_path / "environment.sh", tar, unpacker, "linux-64")

    done = run(tmp_path / "environment.sh", STATUS="7")

    assert done.returncode == 7
    assert not Path(done.stdout.splitlines()[-1]).exists()


@runs_scripts
def test_the_script_can_be_asked_for_help(tar: Path, unpacker: Path, tmp_path: Path) -> None:
    write_executable(tmp_path / "environment.sh", tar, unpacker, "linux-64")

    done = run(tmp_path / "environment.sh", "--help")

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: environment.sh [OPTIONS]\n")
    assert "--output-directory" in done.stdout


@runs_scripts
def test_a_script_that_was_cut_says_so(tar: Path, unpacker: Path, tmp_path: Path) -> None:
    script = tmp_path / "environment.sh"
    write_executable(script, tar, unpacker, "linux-64")
    script.write_bytes(script.read_bytes()[:-9000])

    done = run(script)

    assert done.returncode == 1
    assert done.stderr == "error: this file is not complete; get it again\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
def test_the_script_is_executable(tar: Path, unpacker: Path, tmp_path: Path) -> None:
    write_executable(tmp_path / "environment.sh", tar, unpacker, "linux-64")

    assert os.access(tmp_path / "environment.sh", os.X_OK)


@pytest.mark.parametrize(("platform", "head"), [("linux-64", b"MZ"), ("win-64", b"\x7fELF")])
def test_a_pixi_unpack_of_the_other_system_is_refused(
    platform: str, head: bytes, tar: Path, tmp_path: Path
) -> None:
    unpacker = tmp_path / "pixi-unpack"
    unpacker.write_bytes(head)

    with pytest.raises(InvalidInput, match=r"pixi-unpack is no program for (Unix|Windows)"):
        write_executable(tmp_path / "out", tar, unpacker, platform)
    assert not (tmp_path / "out").exists()


def test_a_part_that_is_absent_is_named(tar: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="The pixi-unpack cannot be read: No such file"):
        write_executable(tmp_path / "out", tar, tmp_path / "absent", "linux-64")


def test_a_target_that_cannot_be_written_is_named(
    tar: Path, unpacker: Path, tmp_path: Path
) -> None:
    with pytest.raises(Infrastructure, match="The pack cannot be written"):
        write_executable(tmp_path / "absent" / "out", tar, unpacker, "linux-64")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pixi-unpack") is None, reason="pixi-unpack is not on PATH")
@runs_scripts
def test_the_real_pixi_unpack_inside_installs_the_environment(tar: Path, tmp_path: Path) -> None:
    program = shutil.which("pixi-unpack")
    assert program is not None
    write_executable(tmp_path / "environment.sh", tar, Path(program), "linux-64")

    done = run(tmp_path / "environment.sh", "-o", str(tmp_path), HOME=str(tmp_path / "home"))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "env" / "conda-meta" / "history").is_file()
    assert (tmp_path / "activate.sh").is_file()
