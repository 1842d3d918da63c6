"""`pixipack backend`: recorded exchanges between pixi and its build backends."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from pytest_pixipack.cli.arguments import add_json
from pytest_pixipack.cli.output import EXIT_OK, Terminal


def add_parsers(commands: Any) -> None:
    """Adds `backend` with its subcommands."""
    backend = commands.add_parser("backend", help="recorded build backends")
    below = backend.add_subparsers(title="commands", metavar="COMMAND", required=True)

    record = below.add_parser("record", help="run a backend on stdin and stdout, and record it")
    record.set_defaults(run=run_record, command_name="backend record")
    _add_file(record, "the transcript; what is there already is kept")
    record.add_argument("command", nargs="+", metavar="COMMAND", help="the backend, or `stub`")

    replay = below.add_parser("replay", help="answer on stdin and stdout from a transcript")
    replay.set_defaults(run=run_replay, command_name="backend replay")
    _add_file(replay, "the transcript, or a directory of them")

    wrap = below.add_parser("wrap", help="write an executable that pixi can run as a backend")
    wrap.set_defaults(run=run_wrap, command_name="backend wrap")
    wrap.add_argument(
        "stand_in", metavar="STAND-IN", help="stub, replay:FILE or record:FILE.jsonl:BACKEND"
    )
    wrap.add_argument("-o", "--output", type=Path, required=True, metavar="FILE",
                      help="the executable; `.bat` is added on Windows")  # fmt: skip

    show = below.add_parser("show", help="what was said, and which fields are not known")
    show.set_defaults(run=run_show, command_name="backend show")
    _add_file(show, "the transcript, or a directory of them")
    add_json(show)

    tidy = below.add_parser("tidy", help="sort a transcript and drop what is there twice")
    tidy.set_defaults(run=run_tidy, command_name="backend tidy")
    _add_file(tidy, "the transcript")


def _add_file(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=text)


def run_record(arguments: argparse.Namespace, _terminal: Terminal) -> int:
    """Stands between a front end and a backend until that ends; its exit code."""
    from pytest_pixipack.backend.main import main

    sys.stdout.flush()
    return main(["record", str(arguments.file), *arguments.command])


def run_replay(arguments: argparse.Namespace, _terminal: Terminal) -> int:
    """Answers until stdin ends."""
    from pytest_pixipack.backend.main import serve_replay

    return serve_replay(arguments.file)


def run_wrap(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Writes the executable, and how to make pixi use it."""
    from pytest_pixipack.backend.launcher import write_launcher

    path = write_launcher(arguments.stand_in, arguments.output, root=Path.cwd(), environ=os.environ)
    terminal.print([f'PIXI_BUILD_BACKEND_OVERRIDE="{path.stem}={path}"'])
    return EXIT_OK


def run_show(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """One line per call, and the places of fields that are not known."""
    from pytest_pixipack.backend.normalised import about, overview, sessions
    from pytest_pixipack.backend.transcript import Transcript

    transcript = Transcript.load(arguments.file)
    for calls in sessions(transcript):
        for call in calls:
            answer = "error" if call.error is not None else "answered" if call.answered else "-"
            words = [call.package or "-", call.method, about(call.params), answer]
            terminal.print(["  ".join(word for word in words if word)])
            terminal.print([f"    unknown field: {place}" for place in call.unknown_fields])
    terminal.document({"outcome": "passed", "calls": overview(transcript)})
    return EXIT_OK


def run_tidy(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Rewrites the file."""
    from pytest_pixipack.backend.normalised import sessions, tidied
    from pytest_pixipack.backend.transcript import Transcript
    from pytest_pixipack.outputs import write_output

    before = Transcript.load(arguments.file)
    write_output(arguments.file, tidied(before), "The transcript")
    left = sum(len(calls) for calls in sessions(before))
    terminal.print([f"{arguments.file}: {left} of {len(before.calls)} calls are left"])
    return EXIT_OK
