"""A tool runs to its end and leaves no process behind."""

from __future__ import annotations

import sys

import pytest

from pytest_pixipack import Infrastructure
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.process import run_tool
from pytest_pixipack.engine.system.tools import Tool

from .programs import ends, program


@pytest.fixture
def run(tmp_path):
    def run_code(code: str, *arguments: str, **settings):
        tool = Tool("pixi", program(tmp_path / "bin", "pixi", code), "", None)
        environment = hermetic_environment(tmp_path / "home")
        return run_tool(tool, arguments, environment=environment, directory=tmp_path, **settings)

    return run_code


GRANDCHILD = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "open('pid', 'w').write(str(child.pid))\n"
)


def test_output_and_exit_code_are_the_tools(run):
    done = run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nraise SystemExit(3)\n")
    assert (done.code, done.stdout.strip(), done.stderr.strip()) == (3, "out", "err")


def test_arguments_arrive_as_they_are(run):
    done = run("import sys\nprint(sys.argv[1:])\n", "a b", "$HOME", "ü")
    assert done.stdout.strip() == str(["a b", "$HOME", "ü"])


def test_the_command_can_be_repeated_by_hand(run):
    assert run("", "lock", "--manifest-path", "a b").command == "pixi lock --manifest-path 'a b'"


def test_there_is_nothing_to_read_on_stdin(run):
    assert run("import sys\nprint(repr(sys.stdin.read()))\n").stdout.strip() == "''"


def test_a_tool_that_hangs_is_ended(run):
    with pytest.raises(Infrastructure, match=r"did not end within 0\.1 seconds: `pixi lock`"):
        run("import time\ntime.sleep(600)\n", "lock", timeout=0.1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="asks for processes as POSIX does")
def test_what_a_hanging_tool_started_is_ended_too(run, tmp_path):
    with pytest.raises(Infrastructure):
        run(GRANDCHILD + "child.wait()\n", timeout=1.0)
    assert ends(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="asks for processes as POSIX does")
def test_what_a_finished_tool_left_behind_is_ended(run, tmp_path):
    """It holds the output open, which does not keep us waiting either."""
    assert run(GRANDCHILD).code == 0
    assert ends(int((tmp_path / "pid").read_text()))


def test_bytes_that_are_no_text_do_no_harm(run):
    done = run("import sys\nsys.stdout.buffer.write(b'a\\xffb\\r\\n')\n")
    assert done.stdout == "a\ufffdb\n"


def test_endless_output_is_cut_in_the_middle(run):
    done = run("import sys\nsys.stdout.write('a' + 'x' * 9_000_000 + 'z')\n")
    assert len(done.stdout) < 5_000_000
    assert (done.stdout[0], done.stdout[-1]) == ("a", "z")


def test_a_program_that_cannot_start_is_infrastructure(tmp_path):
    tool = Tool("pixi", tmp_path / "nowhere", "", None)
    with pytest.raises(Infrastructure, match="cannot be started"):
        run_tool(tool, [], environment={}, directory=tmp_path)
