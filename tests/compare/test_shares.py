"""Work in shares: the same results, wherever they were made, and the same errors."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import shares
from pytest_pixipack.compare.shares import done_in_shares, processes_for
from pytest_pixipack.errors import InvalidInput

ITEMS = list(range(100))

# Where tests run in parallel, their processes have more than one thread.
ALONE = """
import os, sys
os.sched_getaffinity = lambda _: range(4)
from pytest_pixipack.compare.shares import done_in_shares
from pytest_pixipack.errors import InvalidInput
items, here = list(range(100)), os.getpid()

def work(share):
    for each in share:
        {code}
        yield each * 2, os.getpid()

try:
    found = done_in_shares(items, work, work)
except InvalidInput as error:
    sys.exit(f"{{error.message}}")
assert [each for each, _ in found] == [each * 2 for each in items]
print(len({{process for _, process in found}}), os.listdir("/proc/self/task") == [str(here)])
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""


def alone(code: str = "pass", before: str = "") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", before + ALONE.format(code=code)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def doubled(share: Sequence[int]) -> Iterator[int]:
    return (2 * each for each in share)


linux = pytest.mark.skipif(sys.platform != "linux", reason="processes begin anew elsewhere")


@linux
def test_each_process_does_a_share():
    assert alone().stdout == "4 True\nno child is left\n"


@linux
@pytest.mark.parametrize(
    "code", ["os._exit(9)", "1 / 0", "sys.exit()", "os.kill(os.getpid(), 9)", "sys.stdin.foo()"]
)
def test_what_a_child_fails_in_is_done_here(code):
    told = alone(f"if os.getpid() != here and each > 50: {code}")
    assert told.stdout == "1 True\nno child is left\n"
    assert told.returncode == 0


@linux
def test_the_first_item_that_fails_is_told_wherever_it_was_done():
    told = alone("if each in (41, 42, 43, 44, 80): raise InvalidInput(str(each))")
    assert (told.stderr.strip(), told.returncode) == ("41", 1)


@linux
def test_where_no_process_can_begin_all_is_done_here():
    told = alone("pass", before="""
from pytest_pixipack.compare import shares
real, begun = shares._fork, []
def fork():
    if begun:
        raise BlockingIOError(11, "no more processes")
    begun.append(1)
    return real()
shares._fork = fork
""")  # fmt: skip
    assert told.stdout == "1 True\nno child is left\n"


def test_a_process_with_threads_works_alone():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert processes_for(1000) == 1
        assert done_in_shares(ITEMS, doubled, doubled) == list(doubled(ITEMS))
    finally:
        done.set()
        thread.join()


def test_few_items_are_not_worth_a_process():
    assert processes_for(15) == 1


def test_an_error_here_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "processes_for", lambda _: 1)

    def work(share: Sequence[int]) -> Iterator[int]:
        raise InvalidInput("no")
        yield from share

    with pytest.raises(InvalidInput, match="no"):
        done_in_shares(ITEMS, work, work)


@linux
def test_packs_are_told_apart_the_same_with_one_processor(make, pack):
    packs = []
    for day in (5, 6):
        files = [Member("share/x", f"on 2024-03-0{day}".encode())]
        names = [f"p{number}" for number in range(20)]
        packs.append(pack(*(
            make(files=files, name=f"{name}-1.0-h0_0.conda", package=name) for name in names
        )))  # fmt: skip
    told = []
    for usable in (1, 3):
        code = (
            f"import os, sys; os.sched_getaffinity = lambda _: range({usable});"
            "from pytest_pixipack.cli.command import main; sys.exit(main(sys.argv[1:]))"
        )
        words = [sys.executable, "-c", code, "compare", *map(str, packs), "--json", "-"]
        told.append(subprocess.run(words, capture_output=True, text=True, check=False))
    assert told[0].returncode == 1, told[0].stderr
    assert told[0].stdout.count("embedded-date") >= 20
    assert told[0].stdout == told[1].stdout
