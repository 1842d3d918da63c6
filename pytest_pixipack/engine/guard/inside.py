"""Runs a command in its own network namespace, with nothing in it but the loopback interface.

    python inside.py [--unshare] [--user UID:GID UNSHARE] [--hand-over DIRECTORY PORTS] -- COMMAND

The sockets that the command may talk to are opened here, inside the namespace, and handed over to
the process that guards it, which serves them from outside: a socket belongs to the namespace that
it was opened in. Then the command takes the place of this process, so that its exit code, its
signals and its streams need no forwarding.

Started by file name and without site-packages, it imports from the standard library only.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# As of env(1) and nohup(1): the command was not found, cannot be run, was not reached.
NOT_FOUND, NOT_RUNNABLE, NOT_REACHED = 127, 126, 125

SOCKET_NAME = "s"

# linux/sched.h, linux/sockios.h and linux/if.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1
_IFREQ = "16sH22x"


@dataclass
class Arguments:
    """What the command line says; `user` is whom the command runs as, `tool` is unshare(1)."""

    unshare: bool = False
    user: tuple[int, int] | None = None
    tool: str = ""
    directory: str | None = None
    ports: tuple[int, ...] = ()
    command: tuple[str, ...] = ()


def parse(words: Sequence[str]) -> Arguments:
    """Reads the command line; raises `ValueError` where it is wrong."""
    found = Arguments()
    rest = iter(words)
    try:
        for word in rest:
            if word == "--unshare":
                found.unshare = True
            elif word == "--user":
                user, group = next(rest).split(":")
                found.user, found.tool = (int(user), int(group)), next(rest)
            elif word == "--hand-over":
                found.directory = next(rest)
                found.ports = tuple(int(port) for port in next(rest).split(","))
            elif word == "--":
                found.command = tuple(rest)
            else:
                raise ValueError(f"{word} is not known")
    except StopIteration:
        raise ValueError("an argument lacks its value") from None
    if not found.command:
        raise ValueError("there is no command")
    return found


def enter_namespace() -> None:
    """Moves this process into a network namespace of its own; the user stays the same.

    Raises `OSError` where that is not permitted.
    """
    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    unshare = getattr(os, "unshare", None)
    if unshare is None:
        raise OSError("os.unshare came with Python 3.12")
    user, group = os.geteuid(), os.getegid()
    try:
        unshare(_CLONE_NEWNET)
    except PermissionError:
        # user_namespaces(7): whoever may not, may in a user namespace.
        unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        me = Path("/proc/self")
        (me / "setgroups").write_text("deny", encoding="ascii")
        (me / "uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        (me / "gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def raise_loopback() -> None:
    """Brings the interface `lo` up, which a new namespace has down (netdevice(7))."""
    import fcntl

    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack(_IFREQ, b"lo", 0)
        _, flags = struct.unpack(_IFREQ, fcntl.ioctl(control, _SIOCGIFFLAGS, asked))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack(_IFREQ, b"lo", flags | _IFF_UP))


def hand_over(directory: str, ports: Sequence[int]) -> None:
    """Opens the ports in this namespace and sends them to the guard, which confirms."""
    if sys.platform == "win32":
        raise OSError("Windows has no network namespaces.")
    listeners = []
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listeners.append(listener)
    # The name of a socket has at most 107 bytes; a path through a descriptor is always short.
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as guard:
        guard.settimeout(30)
        guard.connect(f"/proc/self/fd/{place}/{SOCKET_NAME}")
        socket.send_fds(guard, [b"l"], [listener.fileno() for listener in listeners])
        if guard.recv(1) != b"k":
            raise OSError("the guard has gone")
    os.close(place)
    for listener in listeners:
        listener.close()


def command_of(arguments: Arguments) -> list[str]:
    """What is executed: the command, or unshare(1) that makes us the user again and runs it."""
    if arguments.user is None:
        return list(arguments.command)
    user, group = arguments.user
    again = [arguments.tool, "--user", f"--map-user={user}", f"--map-group={group}", "--"]
    return [*again, *arguments.command]


def main(words: Sequence[str]) -> int:
    """Becomes the command; returns an exit code only where that is not possible."""
    try:
        arguments = parse(words)
        if arguments.unshare:
            enter_namespace()
        raise_loopback()
        if arguments.directory is not None:
            hand_over(arguments.directory, arguments.ports)
    except (OSError, ValueError) as error:
        print(f"pytest-pixipack: no network namespace for the command: {error}", file=sys.stderr)
        return NOT_REACHED
    command = command_of(arguments)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"pytest-pixipack: {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
