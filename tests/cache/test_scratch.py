"""Work files go with their process, even if that one is killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_pixipack.cache.scratch import scratch_directory, scratch_in, sweep_scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_removed_at_the_end(temporary: Path) -> None:
    with scratch_directory() as scratch:
        (scratch / "file").write_text("")
        assert sweep_scratch() == 0  # someone is at work there
        assert (scratch / "file").is_file()
    assert list(temporary.iterdir()) == []


def test_that_of_a_killed_process_is_removed_by_another(temporary: Path) -> None:
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1];"
        "from pytest_pixipack.cache.scratch import Scratch; scratch = Scratch();"
        "(scratch.path / 'file').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(temporary)], check=False)
    assert len(list(temporary.glob("*/file"))) == 1
    assert sweep_scratch() == 1
    assert list(temporary.iterdir()) == []


def test_what_has_no_sign_is_left_alone(temporary: Path) -> None:
    (temporary / "pixipack-mine").mkdir()
    assert sweep_scratch() == 0
    assert (temporary / "pixipack-mine").is_dir()


def test_work_files_in_memory_are_removed_likewise(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = temporary / "memory"
    memory.mkdir()
    monkeypatch.setattr("pytest_pixipack.cache.scratch.IN_MEMORY", memory)
    monkeypatch.setattr("sys.platform", "linux")
    code = (
        "import os, sys; from pathlib import Path;"
        "from pytest_pixipack.cache.scratch import Scratch;"
        "Scratch(directory=Path(sys.argv[1])); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(memory)], check=False)
    assert len(list(memory.iterdir())) == 2
    assert sweep_scratch() == 1
    assert list(memory.iterdir()) == []


def test_beside_what_is_made_the_next_one_removes_them(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from pytest_pixipack.cache.scratch import scratch_in;"
        "place = scratch_in(Path(sys.argv[1])); (place.__enter__() / 'file').touch(); os._exit(9)"
    )
    (tmp_path / ".pixipack-mine").mkdir()
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("*/file"))) == 1
    with scratch_in(tmp_path) as scratch:
        assert list(tmp_path.glob("*/file")) == []
        with scratch_in(tmp_path):
            assert scratch.is_dir()  # someone is at work there
    assert [path.name for path in tmp_path.iterdir()] == [".pixipack-mine"]
