"""At every operation on files, another process may come first: with a sibling, or to tidy up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# An audit hook is called before each operation; there, once, the other one does all of its work.
# Where it would wait for a lock that is held, it gives up.
CHILD = """
import os, sys
from pathlib import Path
from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.limit import clean, shared, trim
from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.cache.users import using
import filelock

other, root = sys.argv[1], Path(sys.argv[2])
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod",
          "os.scandir", "os.listdir", "shutil.rmtree", "fcntl.flock"}
point = seen = 0
cache = root

def make(folder):
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)

def sibling(cache):
    made_once(cache / "channels" / "y", is_there, make)

def sibling_file(cache):
    made_once(cache / "channels" / "z", is_there, lambda path: path.write_text("z"))

def user(cache):
    with shared(cache, {"PIXIPACK_CACHE_SIZE": "0"}):
        sibling(cache)

OTHERS = {
    "sibling": sibling, "a file": sibling_file, "a user": user,
    "trim": lambda cache: cache.exists() and trim(cache, 0),
    "clean": lambda cache: cache.exists() and clean(cache),
}

def hook(event, arguments):
    global seen
    if event in EVENTS:
        seen += 1
        if seen == point:
            try:
                OTHERS[other](cache)
            except RuntimeError as error:
                if "Deadlock" not in str(error):
                    raise  # else it would wait here

def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}

sys.addaudithook(hook)
while True:
    point, seen = point + 1, 0
    cache = root / str(point)
    with using(cache), scratch_directory() as scratch:
        found = made_once(cache / "channels" / "x", is_there, make)
        assert content(found) == {"a": "a", "b": "b", "c": "c"}, point
        assert scratch.is_dir(), point
    if seen < point:
        break
print(point)
"""
OTHERS = ["sibling", "a file", "a user", "trim", "clean"]


@pytest.mark.parametrize("other", OTHERS)
def test_nothing_that_comes_in_between_is_in_the_way(other: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, other, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


# The same for one that cleans the cache: another process begins, and goes on using what it found.
CLEANING = """
import contextlib, os, sys, time
from pathlib import Path
from pytest_pixipack.cache import is_there, made_once
from pytest_pixipack.cache.limit import clean, trim
from pytest_pixipack.cache.users import using
import filelock

days, root = float(sys.argv[1]), Path(sys.argv[2])
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "os.chmod",
          "os.scandir", "os.listdir", "shutil.rmtree", "fcntl.flock"}
point = seen = 0

def make(folder):
    folder.mkdir()
    (folder / "data").write_text("x")

def hook(event, arguments):
    global seen
    if event in EVENTS:
        seen += 1
        if seen == point:
            try:
                running.enter_context(using(cache))
                found.append(made_once(cache / "channels" / "m", is_there, make))
            except RuntimeError as error:
                if "Deadlock" not in str(error):
                    raise  # else it would wait here

sys.addaudithook(hook)
came = 0
while True:
    cache, old, found = root / str(point + 1), time.time() - 90 * 86400, []
    seen, point_then, point = 0, point, 0
    for name in "amz":
        os.utime(made_once(cache / "channels" / name, is_there, make), (old, old))
    point, seen = point_then + 1, 0
    with contextlib.ExitStack() as running:
        clean(cache, days if days else None)
        for home in found:
            assert (home / "data").read_text() == "x", point
        came += len(found)
    if seen < point:
        break
    assert clean(cache).in_use == 0, point
print(came)
"""


@pytest.mark.parametrize("days", [0, 30], ids=["all", "older than"])
def test_what_a_process_uses_that_began_meanwhile_is_not_removed(days: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLEANING, str(days), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
