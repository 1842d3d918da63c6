"""The suite's own check finds what tests leave behind, and nothing else."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def result_of(pytester: pytest.Pytester):
    """Runs a test in a checkout that has our check, and gives what is said."""

    def run(body: str, *options: str) -> str:
        for name in ("tests/data", "docs/examples", "fixture_channels"):
            (pytester.path / name).mkdir(parents=True)
        (pytester.path / "tests" / "data" / "given.txt").write_text("given", encoding="utf-8")
        pytester.makeini("[pytest]")
        check = CONFTEST.read_text(encoding="utf-8")
        assert "PATIENCE = 10\n" in check
        check = check.replace("PATIENCE = 10\n", "PATIENCE = 0.1\n")
        (pytester.path / "tests" / "conftest.py").write_text(check, encoding="utf-8")
        lines = "\n    ".join(body.splitlines())
        (pytester.path / "tests" / "test_it.py").write_text(
            "import os, subprocess, sys, tempfile\nfrom pathlib import Path\n"
            f"ROOT = Path(__file__).parents[1]\n\ndef test_it(tmp_path):\n    {lines}\n",
            encoding="utf-8",
        )
        result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "tests", *options)
        return str(result.stdout)

    return run


LEFT = """\
tempfile.mkstemp(prefix='a-temporary-file')
tempfile.mkdtemp(prefix='an-empty-directory')
code = 'import tempfile; tempfile.mkdtemp(prefix="from-a-child")'
subprocess.run([sys.executable, '-c', code], check=True)
(Path.home() / 'a-file-at-home').touch()
(ROOT / 'in-the-checkout').touch()
(ROOT / 'tests/data/among-the-data').touch()
(ROOT / 'tests/data/given.txt').write_text('changed')"""
NAMED = [
    "a-temporary-file", "an-empty-directory", "from-a-child", "a-file-at-home", "in-the-checkout",
    "among-the-data", "a change of",
]  # fmt: skip


def test_what_is_left_is_named(result_of):
    said = result_of(LEFT)
    assert "The tests of this worker left behind:" in said
    assert [name for name in NAMED if name not in said] == []
    pytest.LineMatcher(said.splitlines()).fnmatch_lines(["*1 passed, 1 error*"])


@pytest.mark.slow
def test_data_that_is_gone_is_named(result_of):
    said = pytest.LineMatcher(result_of("(ROOT / 'tests/data/given.txt').unlink()").splitlines())
    said.fnmatch_lines(["*a change of*given.txt*", "*1 passed, 1 error*"])


@pytest.mark.slow
def test_what_is_tidy_passes(result_of):
    tidy = """\
(tmp_path / 'x').touch()
tempfile.TemporaryDirectory().cleanup()
tempfile.TemporaryFile().write(b'x')
subprocess.run([sys.executable, '-c', ''], check=True)"""
    assert "1 passed in" in result_of(tidy)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("psutil") is None, reason="psutil is not installed")
@pytest.mark.parametrize(
    "options",
    [
        (),
        pytest.param(
            ("-n", "1"), marks=pytest.mark.skipif(find_spec("xdist") is None, reason="no xdist")
        ),
    ],
)
def test_a_process_that_is_left_is_named(result_of, options):
    # It ends with the pipe, which is closed when the run ends.
    body = (
        "code = 'import sys; sys.stdin.read()'\n"
        "global child\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE)"
    )
    said = result_of(body, *options)
    assert "the process" in said
    assert "import sys; sys.stdin.read()" in said


@pytest.mark.slow
@pytest.mark.skipif(find_spec("psutil") is None, reason="psutil is not installed")
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the orphan waits for a Linux fifo")
def test_an_orphan_is_named(result_of, tmp_path):
    # It ends when nobody has the fifo open for writing any more.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR)
    start = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]])"
    )
    code = "import sys; open(sys.argv[1]).read()"
    try:
        said = result_of(
            f"command = [sys.executable, '-c', {start!r}, {code!r}, {str(fifo)!r}]\n"
            "subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)"
        )
    finally:
        os.close(keep)
    assert "the process" in said
    assert code in said
