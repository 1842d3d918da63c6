"""`pixipack serve`: a stub channel over HTTP, with faults, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import add_json
from pytest_pixipack.cli.output import EXIT_OK, Terminal
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.channel.server_log import LoggedRequest

_FAULTS = """faults:
  503,retry-after=2   a status (400 to 599)      reset[=BYTES]   the connection is reset
  truncate=BYTES      the body ends too soon     cut=BYTES       the same, and no length is said
  stall[=BYTES]       nothing more is sent       drip=BYTES      so many bytes per second
  wrong-length[=N]    N bytes too many are said  corrupt[=BYTE]  one byte is another one
  stale=PATTERN       packages are not in the repodata yet
  redirect=URL        302 to the same path below URL
and where, each after a comma: path=PATTERN, nth=N (from the n-th request on), count=N, flapping
"""


def add_parsers(commands: Any) -> None:
    """Adds `serve`."""
    serve = commands.add_parser(
        "serve",
        help="serve a channel on this machine, with faults",
        epilog=_FAULTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.set_defaults(run=run_serve, command_name="serve")
    serve.add_argument(
        "channel", type=Path, metavar="CHANNEL", help="a channel's directory, or its TOML spec"
    )
    serve.add_argument("--port", type=int, default=0, help="default: any that is free")
    serve.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="see below; may be repeated"
    )
    serve.add_argument(
        "--auth-file",
        type=Path,
        metavar="FILE",
        help="require what this file says for 127.0.0.1 (as RATTLER_AUTH_FILE has it)",
    )
    serve.add_argument("--quiet", action="store_true", help="print the URL only, not the requests")
    add_json(serve)


def run_serve(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Serves until the process is interrupted or told to end."""
    from pytest_pixipack.channel.server import ChannelServer

    name, directory = _channel(arguments.channel, arguments.at_end)
    done = threading.Event()
    count = [0, 0]

    def told(request: LoggedRequest) -> None:
        count[0] += 1
        count[1] += request.fault is not None
        try:
            if not arguments.quiet:
                terminal.print([str(request)])
                sys.stdout.flush()
        except OSError:  # nobody reads any more
            done.set()

    server = ChannelServer(
        {name: directory},
        faults=arguments.fault,
        port=arguments.port,
        told=told,
        keep=None if arguments.json else 0,
        **_secrets(arguments.auth_file),
    )
    with server:
        terminal.print([server.url])
        sys.stdout.flush()
        _wait(done)
    terminal.print([f"{count[0]} requests, {count[1]} with a fault"])
    requests = [_as_json(each) for each in server.log]
    terminal.document({"outcome": "passed", "url": server.url, "requests": requests})
    return EXIT_OK


def _wait(done: threading.Event) -> None:
    def end(*_: object) -> None:
        done.set()

    names = [name for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        # With a time limit, because Windows tells of signals only between two waits.
        while not done.wait(0.2):
            pass
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _channel(path: Path, at_end: ExitStack) -> tuple[str, Path]:
    """Name and directory of what is to be served; the cache is used until `at_end`."""
    from pytest_pixipack.cache.limit import shared
    from pytest_pixipack.channel import built_channel, load_channel_spec
    from pytest_pixipack.engine.options import default_cache_dir

    if path.is_dir():
        if not (path / "noarch" / "repodata.json").is_file():
            raise InvalidInput(
                "This directory is no conda channel: it has no noarch/repodata.json.",
                file=path,
                remedy="Build one with `pixipack channel build SPEC OUT`.",
            )
        return path.resolve().name or "channel", path
    spec = load_channel_spec(path)
    cache = default_cache_dir()
    at_end.enter_context(shared(cache))
    return spec.name, built_channel(spec, cache / "channels").path


def _secrets(path: Path | None) -> dict[str, Any]:
    """The secret in an authentication file: not on the command line, where others can see it."""
    from pytest_pixipack.channel.server import HOST
    from pytest_pixipack.channel.server_access import read_auth_file

    return {} if path is None else read_auth_file(path, HOST)


def _as_json(request: LoggedRequest) -> dict[str, object]:
    return {
        "number": request.number,
        "method": request.method,
        "path": request.path,
        "range": request.range,
        "status": request.status,
        "fault": request.fault,
        "sent": request.sent,
    }
