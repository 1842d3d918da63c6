"""Hostile packs are refused before anything is written, with a sentence and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.cli import main
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.pack import read_pack, unpack
from tests.pack.corpus import CORPUS
from tests.pack.hostile import GOOD, Hostile

ROOT = Path(__file__).parents[2]


HOSTILE = [
    pytest.param(each, id=each.name, marks=pytest.mark.slow if each.takes_long else ())
    for each in CORPUS
]


def everything(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*")}


def test_the_corpus_is_large_and_its_pattern_is_good(tmp_path: Path) -> None:
    assert len({hostile.name for hostile in CORPUS}) == len(CORPUS) >= 170
    (tmp_path / "good.tar").write_bytes(GOOD)

    prefix = unpack(tmp_path / "good.tar", tmp_path / "out", platform="linux-64")

    assert set(prefix.packages) == {"a"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_it_is_refused_before_anything_is_written(hostile: Hostile, tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    path = hostile.make(place)
    before = everything(tmp_path)

    with pytest.raises(PixipackError) as caught:
        unpack(path, place / "out", platform="linux-64")

    assert hostile.said in caught.value.message
    assert caught.value.outcome in ("invalid-input", "unsupported")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_command_line_says_it_in_one_sentence(
    hostile: Hostile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile.make(tmp_path)
    before = everything(tmp_path)

    assert main(["unpack", str(path), "-o", str(tmp_path / "out")]) == 2

    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert said.err.startswith(f"pixipack: {path}: ")
    assert ".pixipack-" not in said.err  # a directory that is gone
    assert everything(tmp_path) == before


@pytest.mark.parametrize("hostile", HOSTILE)
def test_verify_finds_it_and_ends_in_a_sentence_too(
    hostile: Hostile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile.make(tmp_path)
    before = everything(tmp_path)

    assert main(["verify", "--pack", str(path)]) in (1, 2)

    assert "Traceback" not in capsys.readouterr().err
    assert everything(tmp_path) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_the_memory_that_refusing_takes_is_bounded(tmp_path: Path) -> None:
    program = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[1])
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.pack import unpack
paths = [pathlib.Path(line) for line in sys.argv[2:]]
for path in paths:
    try:
        unpack(path, path.parent / "out", platform="linux-64")
    except PixipackError:
        continue
    raise SystemExit(f"{path} was not refused")
if sys.platform == "linux":
    # getrusage would also count the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    paths = []
    for number, hostile in enumerate(CORPUS):
        place = tmp_path / str(number)
        place.mkdir()
        paths.append(str(hostile.make(place)))

    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), *paths],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 256 << 20


def test_a_hostile_pack_is_read_as_far_as_it_is_safe(tmp_path: Path) -> None:
    """A pack with a hostile package can be looked at: the package is only opened to unpack it."""
    hostile = next(each for each in CORPUS if each.name == "package: parent")

    assert [facts.name for facts in read_pack(hostile.make(tmp_path)).records] == ["a"]
