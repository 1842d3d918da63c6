"""Runs a build backend and looks at the processes that it really consists of (Linux).

What is started may be a script that becomes another program, or starts one: with other variables,
without those that were given to it, or linked statically, so that no library gets into it. So
whenever the backend has answered, and all that runs is what answers, the processes are looked at in
/proc; meanwhile, those that come and go are looked at now and then. When the backend ends, what it
has left running ends, too.

Imports from the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.reproduce import probe
from pytest_pixipack.reproduce.processes import adopt_orphans, descendants, end_descendants

_PIECE = 1 << 16  # bytes
_STEP = 0.05  # seconds between two looks at what comes and goes
_PATIENCE = 1.0  # seconds for output that is on its way
_LONGEST = 10.0  # seconds for a look at the surroundings
_NOT_FOUND = 127  # as of env(1)
_MOST_NAMES = 20
# What shells set for every program that they start.
_OF_SHELLS = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})

Facts = dict[str, Any]


def supervise(command: Sequence[str], tell: Callable[[Facts], None]) -> int:
    """Runs the command to its end, its streams as ours; returns its exit code.

    `tell` is given `processes`, the facts of all processes that the backend consists of, and
    `unreached`, the names of others that a preloaded library did not get into, whenever there is
    more to tell.
    """
    adopt_orphans()
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError as error:
        print(f"{command[0]}: {error.strerror or error}", file=sys.stderr)
        return _NOT_FOUND
    watch = _Watch(tell)
    ended = threading.Event()
    threads = [
        threading.Thread(target=work, args=arguments, daemon=True)
        for work, arguments in (
            (_hand_in, (child,)),
            (_hand_out, (child, watch.look)),
            (watch.glance_until, (ended,)),
        )
    ]
    for thread in threads:
        thread.start()
    code = child.wait()
    ended.set()
    # What it has left may hold its output open.
    threads[1].join(_PATIENCE)
    end_descendants()
    threads[1].join(_PATIENCE)
    threads[2].join(_PATIENCE)
    if code < 0:
        _end_likewise(-code)
    return code


def _hand_in(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    takes = True
    while piece := os.read(0, _PIECE):
        if takes:
            try:
                child.stdin.write(piece)
                child.stdin.flush()
            except OSError:
                takes = False  # read on, or who writes to us would wait for ever
    with contextlib.suppress(OSError):
        child.stdin.close()


def _hand_out(child: subprocess.Popen[bytes], answered: Callable[[], None]) -> None:
    assert child.stdout is not None
    with contextlib.suppress(OSError):
        while piece := os.read(child.stdout.fileno(), _PIECE):
            if piece.endswith(b"\n"):
                answered()
            while piece:
                piece = piece[os.write(1, piece) :]
    # Who reads has to see the end, also where the program goes on.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _end_likewise(number: int) -> None:
    """Ends this process by the signal that ended the backend, without writing a core dump."""
    import resource

    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class _Watch:
    def __init__(self, tell: Callable[[Facts], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._processes: list[Facts] = []
        self._unreached: set[str] = set()
        self._glanced: set[tuple[int, str]] = set()
        self._measured: dict[str, Facts] = {}
        self._preloaded = bool(os.environ.get("LD_PRELOAD"))

    def look(self) -> None:
        """Looks at all processes; what was seen the last time counts."""
        found = [facts for pid in descendants(os.getpid()) if (facts := self._facts(pid))]
        if found:
            with self._lock:
                self._processes = found
                self._told()

    def glance_until(self, ended: threading.Event) -> None:
        """Looks now and then for processes that a preloaded library does not get into."""
        while self._preloaded and not ended.wait(_STEP):
            for pid in descendants(os.getpid()):
                self._glance(pid)

    def _glance(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            program = str(Path(f"/proc/{pid}/exe").readlink())
            if (pid, program) in self._glanced:
                return
            self._glanced.add((pid, program))
            if probe.is_static(f"/proc/{pid}/exe") and len(self._unreached) < _MOST_NAMES:
                with self._lock:
                    self._unreached.add(_name(program))
                    self._told()

    def _told(self) -> None:
        self._tell({"processes": self._processes, "unreached": sorted(self._unreached)})

    def _facts(self, pid: int) -> Facts | None:
        """What is other than this process sees it; None where the process is gone."""
        if sys.platform != "linux":
            return None
        try:
            facts: Facts = {
                "process": _name(str(Path(f"/proc/{pid}/exe").readlink())),
                "static": probe.is_static(f"/proc/{pid}/exe"),
                "umask": _umask(pid),
                "cpus": len(os.sched_getaffinity(pid)),
            }
            environment = _environment(pid)
        except (OSError, ValueError, IndexError):
            return None
        if _differ(environment, os.environ):
            facts |= self._seen_with(environment)
        return facts

    def _seen_with(self, environment: Mapping[str, str]) -> Facts:
        key = json.dumps(environment, sort_keys=True)
        if key not in self._measured:
            self._measured[key] = _measured(environment)
        return self._measured[key]


def _name(program: str) -> str:
    return program.removesuffix(" (deleted)").rpartition("/")[2]


def _umask(pid: int) -> int:
    """As proc_pid_status(5) has it."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return int(text.partition("\nUmask:")[2].split()[0], 8)


def _environment(pid: int) -> dict[str, str]:
    """The variables that a program was started with, without those that it does not heed."""
    data = Path(f"/proc/{pid}/environ").read_bytes()
    pairs = (os.fsdecode(each).partition("=") for each in data.split(b"\0") if each)
    found = {name: value for name, _, value in pairs}
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if ignores_python_variables([os.fsdecode(word) for word in words]):
        return {name: value for name, value in found.items() if not name.startswith("PYTHON")}
    return found


def ignores_python_variables(words: Sequence[str]) -> bool:
    """Whether a command line is that of a Python that heeds none of its variables (-E, -I)."""
    if not words or not words[0].rpartition("/")[2].startswith("python"):
        return False
    for word in words[1:]:
        if not word.startswith("-") or word.startswith("--") or word == "-":
            return False
        if set(word) & {"E", "I"}:
            return True
        if set(word) & {"c", "m", "W", "X"}:
            return False
    return False


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    names = (one.keys() | other.keys()) - _OF_SHELLS
    return any(one.get(name) != other.get(name) for name in names)


def _measured(environment: Mapping[str, str]) -> Facts:
    """What a process sees that has these variables; nothing where none can be started."""
    command = [sys.executable, "-S", probe.__file__]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_LONGEST,
        )  # fmt: skip
        found: Facts = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return dict.fromkeys(probe.OF_VARIABLES)
    return found
