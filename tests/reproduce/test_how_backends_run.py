"""Backends behind scripts, in caches and in the background: what really gets to them, and stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from pytest_pixipack.cache.scratch import IN_MEMORY, sweep_scratch
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.reproduce import processes
from pytest_pixipack.reproduce.conditions import this_machine
from pytest_pixipack.reproduce.report import report_lines
from pytest_pixipack.reproduce.supervise import ignores_python_variables
from pytest_pixipack.reproduce.variations import Variation, differs, variables
from tests.reproduce.conftest import PLANTED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="shell scripts do not run on Windows"),
]
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")

DAY = "files['x'] = f'day {int(time.time()) // 86400}'"


@pytest.fixture
def faketime(tmp_path: Path) -> None:
    if this_machine(tmp_path, locales=False).faketime is None:
        pytest.skip("libfaketime is not on this machine")


@linux
@pytest.mark.parametrize(
    ("wrapper", "lost"),
    [
        ('exec "$@"', False),
        ('exec env -i PATH="$PATH" "$@"', True),
        ('env -i PATH="$PATH" "$@"; exit', True),
        ('exec env -u TZ "$@"', True),
    ],
)
def test_a_script_may_take_variables_away_from_the_backend(wrapper, lost, planted):
    result = planted("files['x'] = 'x'", vary="timezone,path", wrapper=wrapper)
    zone, path = result.variation("timezone"), result.variation("path")
    assert path.applied
    assert path.reason is None
    if 'exec "$@"' in wrapper:
        assert (zone.applied, zone.reason) == (True, None)
    elif "exec" in wrapper:
        assert (zone.applied, zone.reason) == (False, "the build sees no difference")
    else:  # the script that waits for it has them
        assert (zone.applied, zone.reason) == (True, "it does not get to python" + _version())


def _version() -> str:
    return Path(sys.executable).resolve().name.removeprefix("python")


@linux
@pytest.mark.usefixtures("faketime")
def test_libfaketime_is_looked_for_in_the_very_backend(planted):
    plain = planted(DAY, vary="clock,umask", wrapper='exec "$@"')
    assert plain.variation("clock").reason is None
    assert list(plain.culprits()) == [("clock",)]
    without = planted(DAY, vary="clock,umask", wrapper='exec env -u LD_PRELOAD "$@"')
    assert without.is_reproducible
    assert without.variation("clock").reason == "libfaketime had no effect on a backend"


@linux
@pytest.mark.usefixtures("faketime")
@pytest.mark.skipif(sys.version_info < (3, 11), reason="older Pythons wait in another way")
def test_a_backend_that_waits_is_built_without_a_libfaketime_that_forbids_it(planted):
    wait = "time.sleep(0.001); files['x'] = 'x'"
    clean = planted(wait, vary="clock,umask")
    assert clean.is_reproducible
    reason = clean.variation("clock").reason  # None where libfaketime is one that lets it wait
    assert reason is None or reason.endswith("with libfaketime a backend cannot wait")
    zone = planted(f"{wait}; files['z'] = os.environ['TZ']", vary="clock,timezone")
    assert list(zone.culprits()) == [("timezone",)]


@linux
@pytest.mark.usefixtures("faketime")
def test_programs_that_a_build_runs_and_that_libfaketime_does_not_reach(planted, tmp_path):
    compiler = shutil.which("gcc")
    source, program = tmp_path / "wait.c", tmp_path / "static-tool"
    source.write_text("#include <unistd.h>\nint main(void) { usleep(400000); return 0; }\n")
    made = compiler and subprocess.run([compiler, "-static", source, "-o", program], check=False)
    if not made or made.returncode:
        pytest.skip("no static program can be made here")
    code = f"import subprocess; subprocess.run([{str(program)!r}], check=True)"
    result = planted(code, vary="clock,umask")
    expected = "libfaketime does not reach static-tool: linked statically"
    assert result.variation("clock").reason == expected


@linux
def test_a_python_that_heeds_no_variables_has_no_other_hash_seed(planted):
    wrapper = 'program="$1"; shift; exec "$program" -E "$@"'
    result = planted("files['x'] = 'x'", vary="hash-seed,timezone", wrapper=wrapper)
    assert not result.variation("hash-seed").applied
    assert result.variation("timezone").applied


@pytest.mark.parametrize(
    ("words", "ignores"),
    [
        (["/usr/bin/python3.12", "-I", "backend"], True),
        (["python", "-sE", "backend"], True),
        (["python", "-S", "backend", "-I"], False),
        (["python", "-c", "code", "-E"], False),
        (["node", "-E"], False),
        ([], False),
    ],
)
def test_command_lines_of_python(words, ignores):
    assert ignores_python_variables(words) is ignores


# --- what stays, and what does not ----------------------------------------------------------------
KEEPING = """
place = Path({place})
place.mkdir(parents=True, exist_ok=True)
warm = (place / "kept").exists()
(place / "kept").touch()
"""


@pytest.mark.parametrize("place", ["Path.home() / '.ccache'", "os.environ['XDG_CACHE_HOME']"])
def test_what_an_earlier_build_left_in_the_home_or_the_caches_is_there(place, planted):
    keeping = KEEPING.format(place=place)
    clean = planted(keeping, vary="cache,umask")
    assert clean.is_reproducible
    assert clean.variation("cache").applied
    leaking = planted(f"{keeping}\nfiles['x'] = str(warm)", vary="cache,umask")
    assert list(leaking.culprits()) == [("cache",)]


@pytest.mark.parametrize("leak", ["cache", None])
def test_what_the_engine_names_as_caches_is_kept(leak, experiment, leaking):
    result = experiment(*filter(None, [leak]), vary=["cache", "umask"])
    cache = result.variation("cache")
    assert cache.applied is (leak is not None)
    if leak is None:
        assert cache.reason == "the build leaves nothing in caches, home and scratch"


BACKGROUND = """
import subprocess
nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
command = [sys.executable, "-c", "import time; time.sleep(600)  # MARK"]
for own in (False, True):
    subprocess.Popen(command, start_new_session=own, **nothing)
"""


def running(mark: str) -> list[str]:
    done = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if mark in line and "defunct" not in line]


@linux
def test_a_build_leaves_no_process_behind(planted, tmp_path):
    mark = f"of {tmp_path.name}"
    assert planted(BACKGROUND.replace("MARK", mark), vary="umask").is_reproducible
    assert running(mark) == []


@linux
def test_all_that_comes_from_a_process_is_ended():
    code = "import subprocess, time; subprocess.Popen(['sleep', '600']); print(1, flush=True)\n"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{code}time.sleep(600)"], stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert len(processes.descendants(parent.pid)) == 1
        processes.end_descendants(parent.pid)
        assert processes.descendants(parent.pid) == []
        parent.kill()


# Holds a pipe open for as long as it lives.
LASTING = """
pipe = open({pipe!r}, "w")
print("here", file=pipe, flush=True)
time.sleep(600)
"""
COMMAND = """
import sys
from pytest_pixipack.cli.command import main
words = ["reproduce", sys.argv[1], "--vary", "umask,directory-order", "--backend", sys.argv[2]]
sys.exit(main(words))
"""


@linux
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_neither_builds_nor_files(how, leaking, tmp_path, monkeypatch):
    root, options = leaking()
    pipe, temporary = tmp_path / "pipe", tmp_path / "tmp"
    os.mkfifo(pipe)
    temporary.mkdir()
    backend = tmp_path / "lasting.py"
    code = indent(LASTING.format(pipe=str(pipe)), "    ")
    backend.write_text(PLANTED.format(code=code), encoding="utf-8")
    before = {*IN_MEMORY.iterdir()}
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, root, f"pixipack-stub-backend={backend}"],
        env={**os.environ, "TMPDIR": str(temporary), "PIXIPACK_CACHE_DIR": str(options.cache_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with command, pipe.open(encoding="utf-8") as stream:
        assert stream.readline() == "here\n"
        command.send_signal(how)
        assert stream.read() == ""  # nobody holds the pipe any more
    if how == signal.SIGTERM:
        assert command.returncode == 128 + signal.SIGTERM
    else:
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        assert sweep_scratch() >= 1
    assert [*temporary.iterdir()] == []
    left = {*IN_MEMORY.iterdir()} - before
    assert not any(each.name.startswith("pixipack-") for each in left)


# --- whose effect it was --------------------------------------------------------------------------
def test_a_condition_that_changes_nothing_is_not_held_to_be_applied(planted):
    own = [
        Variation("columns", "a wide terminal", variables(COLUMNS="300"), differs("environment")),
        Variation("noop", "nothing", lambda setup, _: setup, differs("environment")),
    ]
    result = planted("files['x'] = 'x'", vary="columns,noop", extra=own)
    assert {each.name: each.applied for each in result.variations} == {
        "columns": True,
        "noop": False,
    }


def test_a_variable_that_another_condition_takes_away_from_is_seen(planted):
    # One variable more, one fewer, and one with another value.
    own = [
        Variation("more", "a variable", variables(MORE="secret"), differs("environment")),
        Variation("other", "another value", variables(CPU_COUNT="7"), differs("environment")),
    ]
    result = planted("files['x'] = 'x'", vary="clock,more,other", extra=own)
    reasons = {each.name: each.reason for each in result.variations if each.name != "clock"}
    assert reasons == {"more": None, "other": None}
    assert all(each.applied for each in result.variations)
    assert "secret" not in str(result.to_json())


@pytest.mark.parametrize("vary", ["network", "cache", "network,cache"])
def test_where_nothing_could_be_changed_nothing_is_green(vary, planted):
    with pytest.raises(Unsupported, match="None of the conditions could be changed") as caught:
        planted("files['x'] = 'x'", vary=vary)
    assert "network: the network is off" in str(caught.value) or vary == "cache"


def test_names_of_variables_of_ours_are_no_fault_of_a_build(planted):
    code = "files['x'] = ''.join(f'{name}\\n' for name in sorted(os.environ))"
    result = planted(code, vary="locale,hash-seed,cpu-count,temp,home,jobs")
    assert result.is_reproducible


def test_the_name_of_the_checkout_is_another_one_as_well(planted):
    code = (
        "files['x'] = next(each.name for each in source.parents if (each / 'pixi.lock').exists())"
    )
    result = planted(code, vary="path,umask")
    assert list(result.culprits()) == [("path",)]


def test_questions_that_have_no_answer_end_in_a_sentence(planted):
    result = planted("files['x'] = 'x'", vary="umask")
    with pytest.raises(InvalidInput, match="`timezone` is not among those that were asked for"):
        result.variation("timezone")
    with pytest.raises(InvalidInput, match="`metdata` is no verdict"):
        result.raise_for_differences("metdata")


DISPUTED = {
    "a date in the words of a locale": (
        "import subprocess; files['x'] = subprocess.run(['date', '-u', '-d', '@1577836800'], "
        "capture_output=True, text=True).stdout",
        "locale",
        "locale: set LC_ALL=C for the build",
    ),
    "an identifier that a mask makes": (
        "mask = os.umask(0); os.umask(mask); import uuid\n"
        "files['x'] = f'id {uuid.uuid5(uuid.NAMESPACE_URL, str(mask))}'",
        "umask",
        "set the umask for the build",
    ),
    "what a locale is called": (
        "files['x'] = os.environ['LANG']",
        "locale",
        "locale: set LC_ALL=C for the build",
    ),
}


@pytest.mark.parametrize("what", DISPUTED)
def test_what_to_do_fits_the_condition(what, planted):
    code, name, expected = DISPUTED[what]
    result = planted(code, vary=f"{name},jobs")
    if not result.variation(name).applied or result.is_reproducible:
        pytest.skip("this machine has no such locale")
    assert list(result.culprits()) == [(name,)]
    assert "random" not in result.causes
    causes = " ".join(" ".join(report_lines(result)).split()).partition("causes ")[2]
    assert expected in causes
    assert "SOURCE_DATE_EPOCH" not in causes
