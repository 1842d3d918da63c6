"""Locks that are broken, cut off, or made to exhaust whoever reads them: one sentence each."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.lock import parse_lock, read_lock
from pytest_pixipack.lock.limits import MAX_BYTES, MAX_DEPTH, MAX_VALUES

TOP = "version: 7\nplatforms: []\nenvironments: {}\n"
ENTRY = TOP + "packages:\n- conda: https://c.example/noarch/a-1-0.conda\n"
ENVIRONMENT = "{default: {channels: [{url: 'https://[::1/x'}], packages: {}}}"
LAUGHS = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))

BROKEN = {
    "nothing": "",
    "a comment only": "# nothing\n",
    "a scalar": "5\n",
    "a list": "- a\n",
    "an open bracket": TOP + "packages: [",
    "an open quote": TOP + "packages: 'x",
    "a tab as indentation": TOP + "packages:\n\t- conda: x\n",
    "a control character": TOP + "packages: \x07\n",
    "a null byte": TOP + "packages: \x00\n",
    "two documents": TOP + "packages: []\n---\na: b\n",
    "a key twice": TOP + "packages: []\npackages: []\n",
    "a list as key": TOP + "packages: []\n? [a]\n: b\n",
    "a number as key": TOP + "packages: []\n1: b\n",
    "an unknown alias": TOP + "packages: *nope\n",
    "an alias of itself": TOP + "packages: &x [*x]\n",
    "a tag at the top": "--- !lock\n" + TOP + "packages: []\n",
    "a tag on an entry": TOP + "packages:\n- !conda x\n",
    "a merge key": TOP + "packages:\n- <<: {conda: x}\n",
    "a billion laughs": "l0: &l0 [x, x, x, x, x, x, x, x, x]\n" + LAUGHS + TOP + "packages: []\n",
    "a huge number": TOP
    + "packages: []\nversion_of_me: "
    + "9" * 5000
    + "0"
    + "\n"
    + "packages: 1",
    "a number as packages": TOP + "packages: 1e400\n",
    "not a number as version": "version: .nan\npackages: []\n",
    "infinity as version": "version: .inf\npackages: []\n",
    "a date as version": "version: 2024-01-01\npackages: []\n",
    "a huge version": "version: 99999999999999999999\npackages: []\n",
    "a negative version": "version: -7\npackages: []\n",
    "a mapping as version": "version: {}\npackages: []\n",
    "100,000 open brackets": TOP + "packages: " + "[" * 100_000,
    "100,000 closed brackets": TOP + "packages: " + "[" * 100_000 + "]" * 100_000,
    "100,000 open braces": TOP + "packages: " + "{a: " * 100_000,
    "100,000 lists in a line": TOP + "packages:\n" + "- " * 100_000 + "a\n",
    "100,000 question marks": TOP + "packages:\n" + "? " * 100_000 + "\n",
    "100,000 colons": TOP + "packages: " + "a: " * 100_000 + "\n",
    "a staircase": TOP + "packages:\n" + "".join(" " * n + "- \n" for n in range(1, 2000)),
    "many small values": TOP + "packages: [" + "{}," * MAX_VALUES + "]\n",
    "many lines": TOP + "packages:\n" + "- a\n" * MAX_VALUES,
    "half a surrogate pair": TOP + "packages: \ud800\n",
    "no packages": TOP,
    "no environments": "version: 7\npackages: []\n",
    "an old version without anything": "version: 6\n",
    "an old version with junk": "version: 4\nenvironments: {}\npackages: [5]\n",
    "an old version, deep": "version: 6\npackages: " + "[" * 100_000,
    "an old version, large": "version: 5\npackages:\n" + "- kind: conda\n" * 250_000,
    "5000 parentheses": ENTRY + "  depends:\n  - a " + "(" * 5000 + ">1" + ")" * 5000 + "\n",
    "parentheses over many lines": ENTRY + "  depends:\n  - a " + "(\n    " * 500 + ")" * 500,
    "a bad URL of a package": ENTRY.replace("https://c.example", "https://[::1"),
    "a bad URL of a channel": ENTRY + "  channel: https://[::1/x\n",
    "a bad port": ENTRY.replace("c.example", "c.example:eighty"),
    "a bad URL of an environment's channel": ENTRY.replace("{}", ENVIRONMENT),
    "a bad index": ENTRY.replace(
        "{}", "{default: {channels: [], indexes: ['https://[::1/x'], packages: {}}}"
    ),
    "a bad URL of a wheel": TOP + "packages:\n- pypi: https://[::1/a-1-py3-none-any.whl\n"
    "  name: a\n  version: '1'\n",
    "a bad repository of a source": TOP + "packages:\n- conda_source: a[12345678] @ .\n"
    "  source: {git: 'https://[::1/x'}\n",
    "a very old version": "version: 1\nmetadata: []\npackage: x\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_lock_is_one_sentence(text):
    start = time.process_time()
    with pytest.raises(PixipackError) as caught:
        parse_lock(text, "pixi.lock")
    # A generous bound: what it keeps out takes minutes.
    assert time.process_time() - start < 5
    assert caught.value.file == "pixi.lock"
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 6000
    if not isinstance(caught.value, Unsupported) and "needs" not in caught.value.message:
        # pixi does not write a lock in the place of one that it cannot read.
        assert caught.value.remedy is not None
        assert "run `pixi lock`" not in caught.value.remedy.replace("remove it and run", "")


@pytest.mark.parametrize(
    ("data", "words", "line"),
    [
        (b"version: 7\npackages: \xff\n", "not UTF-8 (byte 21)", 2),
        ("version: 7\n".encode("utf-16"), "not UTF-8 but UTF-16", 1),
        (b"\xed\xa0\x80", "not UTF-8 (byte 0)", 1),
        (b"x" * (MAX_BYTES + 1), "larger than 16 MiB", None),
        (b"\x00" * (MAX_BYTES + 1), "larger than 16 MiB", None),
    ],
)
def test_bytes_that_are_no_text(data, words, line, tmp_path):
    path = tmp_path / "pixi.lock"
    path.write_bytes(data)
    with pytest.raises(InvalidInput) as caught:
        read_lock(path)
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_deep_brackets_have_a_line():
    with pytest.raises(InvalidInput, match=f"more than {MAX_DEPTH} deep") as caught:
        parse_lock(TOP + "packages:\n- " + "[" * 1000)
    assert caught.value.line == 5


def test_brackets_in_texts_are_no_depth():
    colours = "".join(f"colour{n}: '[['\n" for n in range(MAX_DEPTH // 4))
    assert parse_lock(TOP + "packages: []\n" + colours).packages == ()


def entries(text: str) -> list[tuple[int, int, str]]:
    """Where the values of a lock are: line, indentation and key."""
    found = []
    for number, line in enumerate(text.splitlines()):
        key, colon, _ = line.lstrip(" -").partition(":")
        if colon and not key.startswith(("http", "file")):
            found.append((number, len(line) - len(line.lstrip(" -")), key))
    return found


JUNK = ["", "null", "{}", "[]", "[[]]", "{a: b}", "x", "''", "-1", "1.5", ".nan", "true", "!t x",
        "99999999999999999999", "2024-01-01", "'\\ud800'", "[null]", "[1]", "*x", "@"]  # fmt: skip


@pytest.mark.parametrize("case", ["run-exports", "git-source", "environments", "lock-v6"])
@pytest.mark.parametrize("seed", range(3))
def test_any_value_may_be_of_any_type(case, seed, recorded):
    """Each either reads, or is refused in a sentence that names the file."""
    text = recorded(f"cases/{case}/{'workspace' if case == 'lock-v6' else 'expected'}")
    lines, chance = text.splitlines(), random.Random(seed)
    for number, _, key in chance.sample(entries(text), 25):
        before = lines[number][: lines[number].index(key)]
        changed = [*lines]
        changed[number] = f"{before}{key}: {chance.choice(JUNK)}"
        try_to_read("\n".join(changed) + "\n")


@pytest.mark.parametrize("case", ["run-exports", "git-source", "lock-v6"])
def test_a_lock_may_end_anywhere(case, recorded):
    text = recorded(f"cases/{case}/{'workspace' if case == 'lock-v6' else 'expected'}")
    for end in range(0, len(text), max(1, len(text) // 60)):
        try_to_read(text[:end])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["run-exports", "git-source", "lock-v6"])
def test_a_lock_may_end_at_each_byte(case, recorded, tmp_path):
    text = recorded(f"cases/{case}/{'workspace' if case == 'lock-v6' else 'expected'}")
    for end in range(0, len(text), 3):
        try_to_read(text[:end])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_bytes_may_be_flipped(seed, recorded, tmp_path):
    data = recorded("cases/run-exports/expected").encode()
    path, chance = tmp_path / "pixi.lock", random.Random(seed)
    for _ in range(100):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(changed))
        error = error_of(lambda: read_lock(path).to_text())
        assert error is None or error.file == str(path)


def error_of(read: Callable[[], object]) -> PixipackError | None:
    try:
        read()
    except PixipackError as error:
        return error
    return None


def try_to_read(text: str) -> None:
    error = error_of(lambda: parse_lock(text, "pixi.lock"))
    if error is not None:
        assert error.file == "pixi.lock"
        assert "\n" not in error.message
        return
    # What is read can be written, and then says the same.
    written = parse_lock(text).to_text()
    assert parse_lock(written).to_text() == written


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on memory")
def test_memory_is_bounded(tmp_path):
    """A quarter of a GiB is enough to refuse what is large in a few bytes."""
    worst = {
        "flow": TOP + "packages: [" + "a," * (MAX_VALUES - 10) + "]\n",
        "keys": TOP + "packages:\n" + "".join(f"a{n}:\n" for n in range(MAX_VALUES - 10)),
        "line": TOP + "packages: " + "x" * (MAX_BYTES - 100) + "\n",
        "old": "version: 4\nenvironments: {}\npackages:\n" + "- kind: conda\n" * 199_000,
    }
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from pytest_pixipack.errors import PixipackError\n"
        "from pytest_pixipack.lock import read_lock\n"
        "try:\n    read_lock(Path(sys.argv[1]))\nexcept PixipackError as error:\n    print(error)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"  # KiB, on macOS bytes
        "peak //= 1024 if sys.platform == 'darwin' else 1\n"
        # On Linux, that would also count the process that started this one.
        "if sys.platform == 'linux':\n"
        "    status = Path('/proc/self/status').read_text()\n"
        "    peak = int(status.partition('VmHWM:')[2].split()[0])\n"
        "print(peak // 1024)\n"
    )
    for name, text in worst.items():
        path = Path(tmp_path, f"{name}.lock")
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
        )
        assert int(done.stdout.split()[-1]) < 300, name


def test_a_later_version_is_not_called_broken():
    with pytest.raises(Unsupported, match="version 8"):
        parse_lock("version: 8\n")
