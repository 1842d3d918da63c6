"""Writes down what a process sees of its surroundings, then runs the command that it is given.

    python probe.py DIRECTORY [--kept PLACE]... -- COMMAND...
    python probe.py DIRECTORY [--kept PLACE]...
    python probe.py

What is seen goes to `DIRECTORY/<process id>.json`. A build backend that is started this way has
the environment, the umask, the processors and the directory that were written down, so that this
proves what a variation changed for it. On Linux, the processes that the command really consists of
are looked at as well (`pytest_pixipack.reproduce.supervise`). PLACEs are where a build may find
what an earlier one has left. Without a directory, what follows from the variables is printed.
Started by file name and without site-packages, it imports from the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import locale
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Enough to tell two orders apart, and to count what is in a cache.
_MOST_NAMES = 5000
_WORDS = ("Zebra", "apple", "Mango", "cherry", "Äpfel", "date")
_INTERPRETER = 3  # elf.h: PT_INTERP
_HEAD = 1 << 16
# What shells and libfaketime set anew in each process.
_OF_ONE_PROCESS = frozenset({"_", "FAKETIME_SHARED", "OLDPWD", "PWD", "SHLVL"})

Look = Callable[[], Any]

# What a process sees through its variables.
OF_VARIABLES: Mapping[str, Look] = {
    "time": time.time,
    "epoch": lambda: os.environ.get("SOURCE_DATE_EPOCH"),
    "zone": lambda: [time.strftime("%z", time.localtime(0)), time.localtime(0).tm_hour],
    "locale": lambda: _locale(),
    "hash": lambda: _hash(),
    "home": lambda: [os.path.expanduser("~"), _first("USER", "LOGNAME", "USERNAME")],  # noqa: PTH111
    "environment": lambda: _environment(),
    "noise": lambda: os.environ.get("PIXIPACK_NOISE"),
    "temp": tempfile.gettempdir,
    "network": lambda: _network(),
    "jobs": lambda: os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL"),
}


def observed(command: Sequence[str] = (), kept: Sequence[str] = ()) -> dict[str, Any]:
    """What this process sees. Nothing that fails to be seen raises: it is None."""
    return looked_at(
        {
            **OF_VARIABLES,
            "newest": _newest,
            "umask": _umask,
            "path": os.getcwd,
            "cpus": _cpus,
            "order": _names,
            "cache": lambda: sum(map(_files_below, kept)),
            "static": lambda: bool(command) and is_static(shutil.which(command[0]) or ""),
        }
    )


def looked_at(looks: Mapping[str, Look]) -> dict[str, Any]:
    """What these looks show, None where one fails."""
    seen: dict[str, Any] = {}
    for name, look in looks.items():
        try:
            seen[name] = look()
        except (OSError, ValueError, locale.Error, AttributeError, KeyError):
            seen[name] = None
    return seen


def _environment() -> dict[str, str]:
    """All variables by name, each with a digest of its value: values may be secrets."""
    return {
        name: hashlib.sha256(f"{name}={value}".encode("utf-8", "surrogateescape")).hexdigest()
        for name, value in sorted(os.environ.items())
        if name not in _OF_ONE_PROCESS
    }


def _first(*names: str) -> str | None:
    return next((os.environ[name] for name in names if name in os.environ), None)


def _locale() -> list[Any]:
    name = locale.setlocale(locale.LC_ALL, "")
    ordered = sorted(_WORDS, key=locale.strxfrm)
    return [name, locale.getpreferredencoding(False), ordered]


def _hash() -> int | None:
    """Nothing where it is another one each time."""
    seed = os.environ.get("PYTHONHASHSEED", "random")
    return None if seed == "random" else hash("pixipack")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cpus() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    if sys.platform == "win32":
        import ctypes

        process, system = ctypes.c_size_t(), ctypes.c_size_t()
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.GetCurrentProcess())
        kernel.GetProcessAffinityMask(handle, ctypes.byref(process), ctypes.byref(system))
        return bin(process.value).count("1")
    return os.cpu_count()


def _names() -> list[str]:
    """All names below the current directory in the order in which the system lists them."""
    found: list[str] = []
    for folder, directories, names in os.walk("."):
        found += [f"{folder}/{name}" for name in (*directories, *names)]
        if len(found) > _MOST_NAMES:
            break
    return found


def _newest() -> float:
    """The latest time of modification of the files below the current directory."""
    paths = [path for path in _names() if os.path.isfile(path)]  # noqa: PTH113
    return max((os.path.getmtime(path) for path in paths), default=0.0)  # noqa: PTH204


def _files_below(place: str) -> int:
    found = 0
    for _, _, names in os.walk(place):
        found += len(names)
        if found > _MOST_NAMES:
            break
    return found


def _network() -> bool:
    """Whether requests could leave this machine."""
    import socket

    if os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
        return False
    interfaces = [name for _, name in socket.if_nameindex()]
    return interfaces != ["lo"]


def is_static(program: str) -> bool:
    """Whether a program takes no library that is preloaded: an ELF file without an interpreter.

    Raises `OSError` where it cannot be read.
    """
    with open(program, "rb") as stream:  # noqa: PTH123
        head = stream.read(_HEAD)
    if head[:4] != b"\x7fELF":
        return False
    wide, order = head[4] == 2, "little" if head[5] == 1 else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], order)  # type: ignore[arg-type]

    table = number(32, 8) if wide else number(28, 4)
    size, count = (number(54, 2), number(56, 2)) if wide else (number(42, 2), number(44, 2))
    return all(number(table + each * size, 4) != _INTERPRETER for each in range(count))


def main(words: list[str]) -> int:
    """Writes what is seen and runs the command; returns its exit code."""
    if not words:
        json.dump(looked_at(OF_VARIABLES), sys.stdout)
        return 0
    directory, rest = words[0], words[1:]
    at = rest.index("--") if "--" in rest else len(rest)
    kept = [word for word in rest[:at] if word != "--kept"]
    command = rest[at + 1 :]
    target = os.path.join(directory, f"{os.getpid()}.json")  # noqa: PTH118
    facts = observed(command, kept)
    _write(target, facts)
    if not command:
        return 0
    code = 0
    if sys.platform == "linux":
        from pytest_pixipack.reproduce.supervise import supervise

        code = supervise(command, lambda more: _write(target, {**facts, **more}))
    elif sys.platform != "win32":
        os.execvp(command[0], command)
    else:
        # Where exec would end this process for whoever waits for it.
        code = subprocess.run(command).returncode
    return code


def _write(target: str, facts: Mapping[str, Any]) -> None:
    """In one go, for this process may be killed at any time."""
    with open(f"{target}.new", "w", encoding="utf-8") as stream:  # noqa: PTH123
        json.dump(facts, stream)
    os.replace(f"{target}.new", target)  # noqa: PTH105


if __name__ == "__main__":
    # The package itself, behind Python's own modules; not the modules beside this one.
    sys.path[:1] = []
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100,PTH120
    sys.exit(main(sys.argv[1:]))
