"""Arguments that several commands share, and what they mean for the engine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.cli.progress import progress_line
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.file_urls import expand_user

if TYPE_CHECKING:
    from pytest_pixipack.cli.output import Terminal
    from pytest_pixipack.engine.options import EngineOptions


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """The workspace: a directory or a manifest, by default the current directory."""
    parser.add_argument(
        "workspace",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="WORKSPACE",
        help="directory or manifest of the workspace (default: the current directory)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument(
        "--json", metavar="FILE", help="write one JSON document to FILE, `-` for standard output"
    )


def add_strict(parser: argparse.ArgumentParser) -> None:
    """`--strict`."""
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """`-e` and `-p`, named as pixi-pack names them."""
    parser.add_argument(
        "-e", "--environment", default="default", help="environment (default: default)"
    )
    parser.add_argument("-p", "--platform", help="platform (default: that of this machine)")


def add_engine_name(parser: argparse.ArgumentParser) -> None:
    """`--engine`."""
    parser.add_argument(
        "--engine",
        choices=("embedded", "system"),
        default="embedded",
        help="what does the work: py-rattler in this process, or pixi and pixi-pack on PATH",
    )
    parser.add_argument(
        "--tools",
        type=Path,
        metavar="DIR",
        help="take pixi and pixi-pack from this directory instead of PATH",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What stands in for channels and backends, the network and the cache."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="run PATH (or `stub`, replay:FILE, record:FILE:PATH) as the build backend NAME; "
        "repeatable",
    )
    group.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="use a stub channel (a spec or a directory) in the place of NAME; repeatable",
    )
    group.add_argument("--network", action="store_true", help="allow access to the network")
    group.add_argument(
        "--cache-dir",
        type=Path,
        metavar="DIR",
        help="cache (default: PIXIPACK_CACHE_DIR, else the user's cache directory)",
    )


def engine_options(arguments: argparse.Namespace) -> EngineOptions:
    """The engine's options from the command line; the cache is used until the command ends.

    Raises `InvalidInput` for a malformed `NAME=PATH` or a stand-in that is not there.
    """
    from pytest_pixipack.backend.stand_in import absolute
    from pytest_pixipack.cache.limit import shared
    from pytest_pixipack.engine.options import (
        EngineOptions,
        default_cache_dir,
        stand_in_directory,
    )

    cache_dir = expand_user(str(arguments.cache_dir or default_cache_dir())).absolute()
    arguments.at_end.enter_context(shared(cache_dir))
    channels = {
        name: stand_in_directory(name, Path(path).absolute(), cache_dir, None)
        for name, path in pairs(arguments.channel, "--channel")
    }
    backends = {
        name: absolute(value, Path.cwd()) for name, value in pairs(arguments.backend, "--backend")
    }
    return EngineOptions(
        cache_dir=cache_dir,
        channels=channels,
        backends=backends,
        network=arguments.network,
        progress=progress_line(),
    )


def positive(text: str) -> int:
    """A number above zero, as argparse wants it. Raises `argparse.ArgumentTypeError`."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return int(text)


def pairs(values: Iterable[str], option: str) -> list[tuple[str, str]]:
    """`NAME=VALUE` arguments, split. Raises `InvalidInput` for another form."""
    found = []
    for text in values:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InvalidInput(
                f"`{option} {text}` is not of the form NAME=PATH.",
                remedy=f"Write for example {option} name=path/to/it.",
            )
        found.append((name, value))
    return found


def workspace_root(path: Path, terminal: Terminal) -> Path:
    """The directory of a workspace given as directory or manifest; its warnings are said.

    Raises `InvalidInput` where there is no manifest.
    """
    from pytest_pixipack.manifest import load_manifest

    manifest = load_manifest(path)
    for warning in manifest.warnings:
        terminal.say(f"{warning.file}:{warning.line}: {warning.message}")
    return manifest.root
