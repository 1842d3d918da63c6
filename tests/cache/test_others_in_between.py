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
