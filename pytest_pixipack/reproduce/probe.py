"""Writes down what a process sees of its surroundings, then becomes the command that it is given.

    python probe.py DIRECTORY -- COMMAND...
    python probe.py DIRECTORY

What is seen goes to `DIRECTORY/<process id>.json`. A build backend that is started this way has
the environment, the umask, the processors and the directory that were written down, so that this
proves what a variation changed for it. Started by file name and without site-packages, it imports
from the standard library only.
"""

from __future__ import annotations

import json
import locale
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

# Enough to tell two orders apart.
_MOST_NAMES = 5000
_WORDS = ("Zebra", "apple", "Mango", "cherry", "Äpfel", "date")
_INTERPRETER = 3  # elf.h: PT_INTERP
_HEAD = 1 << 16


def observed(command: list[str]) -> dict[str, Any]:
    """What this process sees. Nothing that fails to be seen raises: it is None."""
    facts: dict[str, Callable[[], Any]] = {
        "time": time.time,
        "epoch": lambda: os.environ.get("SOURCE_DATE_EPOCH"),
        "newest": _newest,
        "zone": lambda: [time.strftime("%z", time.localtime(0)), time.localtime(0).tm_hour],
        "locale": _locale,
        "umask": _umask,
        "hash": lambda: hash("pixipack"),
        "home": lambda: [os.path.expanduser("~"), _first("USER", "LOGNAME", "USERNAME")],  # noqa: PTH111
        "path": os.getcwd,
        "cpus": _cpus,
        "order": lambda: _names(),
        "environment": lambda: len(os.environ),
        "noise": lambda: os.environ.get("PIXIPACK_NOISE"),
        "temp": tempfile.gettempdir,
        "cache": _cache,
        "network": _network,
        "jobs": lambda: os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL"),
        "static": lambda: bool(command) and _is_static(command[0]),
    }
    seen: dict[str, Any] = {}
    for name, look in facts.items():
        try:
            seen[name] = look()
        except (OSError, ValueError, locale.Error, AttributeError, KeyError):
            seen[name] = None
    return seen


def _first(*names: str) -> str | None:
    return next((os.environ[name] for name in names if name in os.environ), None)


def _locale() -> list[Any]:
    name = locale.setlocale(locale.LC_ALL, "")
    ordered = sorted(_WORDS, key=locale.strxfrm)
    return [name, locale.getpreferredencoding(False), ordered]


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


def _cache() -> int:
    """The number of files in the cache directory."""
    return sum(len(names) for _, _, names in os.walk(os.environ["XDG_CACHE_HOME"]))


def _network() -> bool:
    """Whether requests could leave this machine."""
    import socket

    if os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
        return False
    interfaces = [name for _, name in socket.if_nameindex()]
    return interfaces != ["lo"]


def _is_static(program: str) -> bool:
    """Whether a program takes no library that is preloaded: an ELF file without an interpreter."""
    path = shutil.which(program)
    if path is None:
        return False
    with open(path, "rb") as stream:  # noqa: PTH123
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
    """Writes what is seen and runs the command, whose exit code it returns where it cannot become
    the command."""
    directory, command = words[0], words[2:]
    target = os.path.join(directory, f"{os.getpid()}.json")  # noqa: PTH118
    with open(target, "w", encoding="utf-8") as stream:  # noqa: PTH123
        json.dump(observed(command), stream)
    if not command:
        return 0
    if os.name != "nt":
        os.execvp(command[0], command)
    # On Windows, exec would end this process for whoever waits for it.
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
