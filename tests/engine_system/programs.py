"""Small programs that tests put in the place of a tool."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path


def program(directory: Path, name: str, python: str) -> Path:
    """An executable file that runs some Python code."""
    directory.mkdir(parents=True, exist_ok=True)
    script = directory / f"{name}.code.py"
    script.write_text(python, encoding="utf-8")
    if os.name == "nt":
        path = directory / f"{name}.bat"
        path.unlink(missing_ok=True)
        path.write_text(f'@"{sys.executable}" "{script}" %*\n', encoding="utf-8")
    else:
        path = directory / name
        # Where it is a link to a real tool, writing would go through to that one.
        path.unlink(missing_ok=True)
        argv = shlex.join([sys.executable, str(script)])
        path.write_text(f'#!/bin/sh\nexec {argv} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    return path


def says(directory: Path, name: str, text: str, code: int = 0) -> Path:
    """A program that prints one text, whatever it is asked."""
    return program(directory, name, f"print({text!r})\nraise SystemExit({code})\n")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    # A zombie that nobody has waited for yet does nothing any more.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def ends(pid: int) -> bool:
    """Whether a process is gone, at once or soon."""
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        os.sched_yield()
    return not is_running(pid)
