"""The network guard of a command: a proxy that refuses and, where permitted, no network at all."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.engine.guard.channel_server import ChannelServer
from pytest_pixipack.engine.guard.namespace import (
    NOT_WANTED,
    NetworkIsolation,
    network_isolation,
)
from pytest_pixipack.engine.guard.proxy import RefusingProxy
from pytest_pixipack.engine.guard.relay import relay_to
from pytest_pixipack.engine.guard.requests import RefusedRequest
from pytest_pixipack.engine.guard.variables import proxy_variables
from pytest_pixipack.errors import Offline
from pytest_pixipack.loopback import ServerThread

if TYPE_CHECKING:
    from pytest_pixipack.engine.guard.handover import HandOver

_SHOWN = 3


class NetworkGuard:
    """What `network_guard` gives: an environment, a command wrapper, and what was wanted.

    `network` is whether the command may use the network: then nothing is wrapped or refused.
    """

    def __init__(
        self,
        *,
        isolation: NetworkIsolation,
        proxy: RefusingProxy | None = None,
        channels: ChannelServer | None = None,
        hand_over: HandOver | None = None,
    ) -> None:
        self.network = proxy is None
        self.isolation = isolation
        self.command: str | None = None
        self._proxy = proxy
        self._channels = channels
        self._hand_over = hand_over

    @property
    def url(self) -> str | None:
        """The proxy's URL, for `hermetic_environment(..., proxy=guard.url)`."""
        return self._proxy.url if self._proxy else None

    @property
    def environment(self) -> dict[str, str]:
        """The proxy variables for a child; none where the network is allowed."""
        return proxy_variables(self._proxy.url) if self._proxy else {}

    def channel_url(self, name: str) -> str:
        """The loopback URL of one of `channels`, the same in the namespace and outside."""
        if self._channels is None:
            raise ValueError("the guard was not given any channels")
        return self._channels.url(name)

    def wrap(self, command: Sequence[str]) -> list[str]:
        """The command line to start instead of `command`; the process becomes the command.

        Remembers the command's name for `error`. Where there is no namespace, or the network is
        allowed, it is the command itself. Exit codes 125, 126 and 127 of a wrapped command mean
        that the namespace failed, or that the command cannot be run or was not found.
        """
        self.command = command_name(command)
        if self._hand_over is None:
            return list(command)
        return self.isolation.command(
            command, hand_over=(self._hand_over.directory, self._hand_over.ports)
        )

    @property
    def wanted(self) -> tuple[RefusedRequest, ...]:
        """What was refused so far, each request once, in the order in which it was wanted."""
        return tuple(dict.fromkeys(self._proxy.refused)) if self._proxy else ()

    def error(self, command: str | None = None) -> Offline | None:
        """The error that names the command and the addresses it wanted; None if it wanted none.

        `command` is what the sentence calls the command (default: the name of the last one that
        was wrapped). To want an address is no failure as such: ask when the command has failed.
        """
        addresses = list(dict.fromkeys(request.address for request in self.wanted))
        if not addresses:
            return None
        more = len(addresses) - _SHOWN
        shown = [*addresses[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
        listed = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
        name = command or self.command or "A child process"
        return Offline(
            f"{name} wanted {listed}, and the network is off.",
            remedy="Put a stub in its place ([tool.pixipack] channels and backends), or allow the "
            "network: mark the test pixi_network, or use --pixipack-network.",
        )


def command_name(command: Sequence[str]) -> str:
    """How a message calls a command: the file name without `.exe`."""
    # Not Path.stem: `pixi-pack-0.7` has no suffix.
    return re.sub(r"\.(exe|bat|cmd)$", "", re.split(r"[/\\]", command[0])[-1], flags=re.I)


@contextlib.contextmanager
def network_guard(
    *,
    network: bool = False,
    channels: Mapping[str, Path] | None = None,
    loopback_ports: Sequence[int] = (),
    isolate: bool = True,
) -> Iterator[NetworkGuard]:
    """Guards the commands that are started inside the `with` block.

    `network` allows the network: then nothing is refused. `channels` (name to directory) are
    served at `guard.channel_url(name)`. Of other servers on 127.0.0.1, a command in a namespace
    reaches those at `loopback_ports`. `isolate` puts wrapped commands into a network namespace
    where the machine permits it; `guard.isolation` says whether it does, and why not. At the end
    every socket, thread and file of the guard is gone; a command that still runs is alone.
    """
    with contextlib.ExitStack() as stack:
        thread: ServerThread | None = None
        if not network or channels:
            thread = ServerThread()
            stack.callback(thread.close)
        served = ChannelServer(thread, channels) if thread and channels else None
        if network or thread is None:
            allowed = NetworkIsolation(applied=False, reason="the network is allowed")
            yield NetworkGuard(isolation=allowed, channels=served)
            return
        proxy = RefusingProxy(thread)
        isolation = network_isolation() if isolate else NOT_WANTED
        hand_over = None
        if isolation.applied:
            from pytest_pixipack.engine.guard.handover import HandOver

            handlers = {port: relay_to(port) for port in loopback_ports}
            handlers[proxy.port] = proxy.handle
            if served is not None:
                handlers[served.port] = served.handle
            hand_over = HandOver(thread, handlers)
            stack.callback(hand_over.close)
        yield NetworkGuard(isolation=isolation, proxy=proxy, channels=served, hand_over=hand_over)
