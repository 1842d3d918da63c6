"""Network namespaces: a command for which there is no network at all (Linux, where permitted)."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.engine.guard import inside

_PROBE = (
    "import os; print(os.getuid(), os.getgid(), os.readlink('/proc/self/ns/net'), sep=';', end='')"
)


@dataclass(frozen=True, slots=True)
class NetworkIsolation:
    """Whether commands run in a network namespace of their own; `reason` says why they do not."""

    applied: bool
    reason: str = ""
    # What stands before the arguments of `inside.py`, and the first of these arguments.
    launcher: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.applied:
            return "children have no network (a network namespace each)"
        return f"children have a proxy that refuses, but no network namespace: {self.reason}"

    def command(self, command: Sequence[str], hand_over: tuple[Path, Sequence[int]]) -> list[str]:
        """The command line that runs `command` in a namespace, with these ports handed over.

        `hand_over` is the directory with the guard's socket, and ports. Where isolation is not
        applied, it is the command itself.
        """
        if not self.applied:
            return list(command)
        directory, ports = hand_over
        given = ("--hand-over", str(directory), ",".join(map(str, ports)))
        return [*_helper(self.launcher), *self.options, *given, "--", *command]


NOT_WANTED = NetworkIsolation(applied=False, reason="it was not asked for")


@functools.cache
def network_isolation() -> NetworkIsolation:
    """What this machine permits; found out once per process by running a command."""
    if sys.platform != "linux":
        return NetworkIsolation(applied=False, reason="network namespaces exist on Linux only")
    reasons = []
    for way in _ways():
        reason = _refusal(way)
        if reason is None:
            return way
        reasons.append(reason)
    reason = "; ".join(dict.fromkeys(reasons))
    return NetworkIsolation(
        applied=False, reason=reason or "neither Python 3.12 nor unshare(1) is here"
    )


def _ways() -> list[NetworkIsolation]:
    """The ways into a namespace that keep the user who they are, best first."""
    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    ways = []
    if hasattr(os, "unshare"):
        ways.append(NetworkIsolation(applied=True, options=("--unshare",)))
    tool = shutil.which("unshare")
    if tool is not None:
        ways.append(NetworkIsolation(applied=True, launcher=(tool, "--net", "--")))
        # Root in a user namespace may bring `lo` up; a second one makes us the user again.
        me = ("--user", f"{os.geteuid()}:{os.getegid()}", tool)
        root = (tool, "--map-root-user", "--net", "--")
        ways.append(NetworkIsolation(applied=True, launcher=root, options=me))
    return ways


def _refusal(way: NetworkIsolation) -> str | None:
    """Why this way is closed, None if it works."""
    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    probe = [sys.executable, "-I", "-S", "-c", _PROBE]
    command = [*_helper(way.launcher), *way.options, "--", *probe]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, encoding="utf-8"
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    user, group, namespace = done.stdout.split(";")
    if namespace == str(Path("/proc/self/ns/net").readlink()):
        return "the command stayed in our namespace"
    if (int(user), int(group)) != (os.getuid(), os.getgid()):
        return "the command would be another user"
    return None


def _helper(launcher: Sequence[str]) -> list[str]:
    # By file name: with -m, a module in the command's directory could take the place of ours.
    return [*launcher, sys.executable, "-I", "-S", str(Path(inside.__file__))]
