"""Made once under a lock, renamed into place: whoever is killed, and wherever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.made_once import left_overs, lock_of, thing_of


def write_three(folder: Path) -> None:
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)


def fail(folder: Path) -> None:
    folder.mkdir()
    (folder / "half").write_text("")
    raise ValueError("no")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def visible(directory: Path) -> list[str]:
    return sorted(
        path.name for path in directory.iterdir() if path.suffix != ".lock" and path.name != ".made"
    )


def test_the_second_time_it_is_taken(tmp_path: Path) -> None:
    made: list[Path] = []
    for _ in range(2):
        home = made_once(tmp_path / "x", is_there, lambda p: (made.append(p), write_three(p)))
        assert content(home) == {"a": "a", "b": "b", "c": "c"}
    assert len(made) == 1
    assert visible(tmp_path) == ["x"]


def test_a_file_can_be_made_too(tmp_path: Path) -> None:
    assert made_once(tmp_path / "f", is_there, lambda p: p.write_text("1")).read_text() == "1"
    assert visible(tmp_path) == ["f"]


def test_what_fails_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"):
        made_once(tmp_path / "x", is_there, fail)
    assert visible(tmp_path) == []
    made_once(tmp_path / "x", is_there, write_three)
    assert visible(tmp_path) == ["x"]


def test_what_is_broken_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "old").write_text("")
    home = made_once(tmp_path / "x", lambda p: p if (p / "a").exists() else None, write_three)
    assert sorted(content(home)) == ["a", "b", "c"]
    assert visible(tmp_path) == ["x"]


def test_what_the_killed_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "x.0123abcd.tmp").mkdir()
    (tmp_path / "other.0123abcd.tmp").mkdir()
    assert thing_of(left_overs(tmp_path / "x")[0]) == tmp_path / "x"
    made_once(tmp_path / "x", is_there, write_three)
    assert visible(tmp_path) == ["other.0123abcd.tmp", "x"]


def test_taking_makes_nothing(tmp_path: Path) -> None:
    assert taken(tmp_path / "cache" / "x", is_there) is None
    assert list(tmp_path.iterdir()) == []


def test_taking_counts_as_use(tmp_path: Path) -> None:
    home = made_once(tmp_path / "x", is_there, write_three)
    os.utime(home, (1, 1))
    assert taken(home, is_there) == home
    assert home.stat().st_mtime > 1


def test_it_is_taken_where_no_lock_can_be_made(tmp_path: Path) -> None:
    home = made_once(tmp_path / "x", is_there, write_three)
    lock = home.with_name("x.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # for root, permissions are none
    assert made_once(home, is_there, fail) == home
    assert taken(home, is_there) == home


def test_a_place_below_a_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(OSError, match="cache"):
        made_once(tmp_path / "cache" / "x", is_there, write_three)


# --- killed at every point --------------------------------------------------------------------

# The child counts what it does to the file system and kills itself at one of these points. An
# audit hook is called before each operation.
CHILD = """
import os, signal, sys
from pathlib import Path
from pytest_pixipack.cache import is_there, made_once
import filelock

deadly, home, seen = int(sys.argv[1]), Path(sys.argv[2]), 0
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod",
          "os.scandir", "os.listdir", "shutil.rmtree", "fcntl.flock"}

def hook(event, arguments):
    global seen
    if event in EVENTS:
        seen += 1
        if seen == deadly:
            if os.name == "nt":
                os._exit(9)
            os.kill(os.getpid(), signal.SIGKILL)

def make(folder):
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)

whole = lambda p: p if p.is_dir() and len(list(p.iterdir())) == 3 else None
sys.addaudithook(hook)
made_once(home, whole, make)
print("survived", seen)
"""


def killed_at(point: int, home: Path) -> bool:
    """Runs a process that is killed at a point; False where it has no such point."""
    command = [sys.executable, "-c", CHILD, str(point), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or not done.stdout, done.stderr
    return done.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "broken", "left over"])
def test_killed_at_every_point_nothing_blocks_or_poisons(tmp_path: Path, before: str) -> None:
    for point in range(1, 60):
        home = tmp_path / str(point) / "cache" / "x"
        if before == "broken":
            home.mkdir(parents=True)
            (home / "half").write_text("")
        elif before == "left over":
            (home.parent / "x.0123abcd.tmp" / "deep").mkdir(parents=True)
        was_killed = killed_at(point, home)
        found = made_once(home, lambda p: p if len(content_of(p)) == 3 else None, write_three)
        assert content(found) == {"a": "a", "b": "b", "c": "c"}, point
        assert visible(home.parent) == ["x"], point
        if not was_killed:
            break
    assert not was_killed
    assert point > 10


def content_of(folder: Path) -> dict[str, str]:
    return content(folder) if folder.is_dir() else {}


def test_killed_in_the_middle_nothing_blocks_or_poisons(tmp_path: Path) -> None:
    home = tmp_path / "x"
    assert killed_at(8, home)
    assert content(made_once(home, is_there, write_three)) == {"a": "a", "b": "b", "c": "c"}
    assert visible(tmp_path) == ["x"]


def test_a_lock_is_free_when_its_owner_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pytest_pixipack.cache.made_once import lock_of;"
        "lock_of(Path(sys.argv[1])).acquire(); print('has it', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    pipe = subprocess.PIPE
    owner = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "has it\n"
    owner.kill()
    owner.communicate()
    with lock_of(tmp_path / "x").acquire(timeout=10):
        pass


@pytest.mark.slow
def test_of_many_processes_one_makes_it(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from pytest_pixipack.cache import is_there, made_once;"
        "make = lambda p: (p.mkdir(), (p / str(os.getpid())).touch());"
        "print(os.listdir(made_once(Path(sys.argv[1]), is_there, make)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(12)]
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 12
    assert len(set(outputs)) == 1
