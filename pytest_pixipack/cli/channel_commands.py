"""`pixipack channel build`: stub channels from their specs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_pixipack.cli.arguments import add_json
from pytest_pixipack.cli.output import EXIT_OK, Terminal


def add_parsers(commands: Any) -> None:
    """Adds `channel` with its one subcommand."""
    channel = commands.add_parser("channel", help="stub channels")
    below = channel.add_subparsers(title="commands", metavar="COMMAND", required=True)
    build = below.add_parser("build", help="build a stub channel from its TOML spec")
    build.set_defaults(run=run_build, command_name="channel build")
    build.add_argument("spec", type=Path, metavar="SPEC", help="the channel's TOML spec")
    build.add_argument("out", type=Path, metavar="OUT", help="the channel's directory")
    add_json(build)


def run_build(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Builds the channel and says where it is."""
    from pytest_pixipack.channel import build_channel_from_file

    channel = build_channel_from_file(arguments.spec, arguments.out)
    terminal.print([f"{channel.url}  {len(channel.packages)} packages"])
    packages = [f"{facts.subdir}/{facts.file_name}" for facts in channel.packages]
    terminal.document({"outcome": "passed", "url": channel.url, "packages": packages})
    return EXIT_OK
