"""Entry point: parses the command line, runs a command, turns errors into sentences.

Exit codes: 0 all right, 1 findings or differences, 2 could not be checked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pytest_pixipack.cli import (
    backend_commands,
    cache_commands,
    channel_commands,
    check_commands,
    compare_commands,
    engine_commands,
    merge_commands,
    reproduce_commands,
    serve_commands,
)
from pytest_pixipack.cli.output import EXIT_UNCHECKED, Failure, Terminal, open_closed_streams
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError

DESCRIPTION = "Do pixi.lock, built packages, environment.tar and the installed prefix agree?"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `pixipack` with these arguments (default: the process's) and returns the exit code."""
    open_closed_streams()
    arguments = parser().parse_args(argv)
    terminal = Terminal(arguments.command_name, getattr(arguments, "json", None))
    try:
        return _run(arguments, terminal)
    except PixipackError as error:
        return _failed(terminal, error)
    except KeyboardInterrupt:
        terminal.say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader has seen enough.
        _drop_output()
        return 0


def run() -> NoReturn:
    """The process `pixipack`: `main`, and the end of the process."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if "rattler" in sys.modules:
        # Threads of py-rattler that still run, after a failed download for example, can abort a
        # process while the interpreter ends; there is nothing left to clean up.
        os._exit(code)
    sys.exit(code)


def _failed(terminal: Terminal, error: PixipackError) -> int:
    try:
        code = terminal.fail(Failure.of(error))
        sys.stdout.flush()
    except OSError:  # standard output is what cannot be written
        _drop_output()
        return EXIT_UNCHECKED
    except PixipackError as another:  # nor can the JSON document
        terminal.say(str(another))
        return EXIT_UNCHECKED
    return code


def _drop_output() -> None:
    """Keeps Python from complaining, while it ends, about output that nobody can get."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    try:
        terminal.check_target()
        with contextlib.ExitStack() as arguments.at_end:
            code: int = arguments.run(arguments, terminal)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        raise
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{error.object!a} has characters that cannot be used in a path here.",
            remedy="Rename it, or choose a UTF-8 locale (LC_ALL=C.UTF-8).",
        ) from error
    except OSError as error:
        raise Infrastructure(
            f"{error.strerror or error}.",
            file=error.filename if isinstance(error.filename, str) else None,
            remedy="Check that the path exists, its permissions, and the room on the disk.",
        ) from error


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from pytest_pixipack import __version__

    root = argparse.ArgumentParser(prog="pixipack", description=DESCRIPTION, allow_abbrev=False)
    root.add_argument("--version", action="version", version=f"pixipack {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check_commands.add_parsers(commands)
    compare_commands.add_parsers(commands)
    engine_commands.add_parsers(commands)
    channel_commands.add_parsers(commands)
    backend_commands.add_parsers(commands)
    cache_commands.add_parsers(commands)
    merge_commands.add_parsers(commands)
    reproduce_commands.add_parsers(commands)
    serve_commands.add_parsers(commands)
    return root
