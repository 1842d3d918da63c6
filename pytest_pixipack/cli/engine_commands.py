"""`pixipack lock`, `build`, `pack` and `unpack`: run an engine."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import (
    add_engine,
    add_engine_name,
    add_json,
    add_selection,
    add_strict,
    add_workspace,
    engine_options,
    positive,
    workspace_root,
)
from pytest_pixipack.cli.output import EXIT_FINDINGS, EXIT_OK, STDOUT, Terminal
from pytest_pixipack.cli.pack_forms import PackWriter
from pytest_pixipack.cli.pack_streams import given_pack, is_stream, scratch, to_stdout
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.workspace import Engine


def add_parsers(commands: Any) -> None:
    """Adds the four commands."""
    lock = commands.add_parser("lock", help="solve the workspace and write pixi.lock")
    lock.set_defaults(run=run_lock, command_name="lock")
    add_workspace(lock)
    lock.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if the lock would change"
    )
    add_json(lock)
    add_strict(lock)
    add_engine_name(lock)
    add_engine(lock)

    build = commands.add_parser("build", help="build the locked source packages")
    build.set_defaults(run=run_build, command_name="build")
    add_workspace(build)
    add_selection(build)
    build.add_argument(
        "-o", "--output-dir", type=Path, required=True, metavar="DIR", help="where packages go"
    )
    add_json(build)
    add_engine_name(build)
    add_engine(build)

    pack = commands.add_parser("pack", help="write environment.tar")
    pack.set_defaults(run=run_pack, command_name="pack")
    add_workspace(pack)
    add_selection(pack)
    pack.add_argument(
        "-i",
        "--inject",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="add a package file or a wheel; repeatable",
    )
    pack.add_argument(
        "--ignore-pypi-non-wheel",
        action="store_true",
        help="leave out PyPI packages that are not locked to a wheel",
    )
    pack.add_argument(
        "-o",
        "--output-file",
        type=Path,
        metavar="FILE",
        help="the pack, - for standard output (default: environment.tar, or environment.sh or "
        ".ps1, or environment)",
    )
    form = pack.add_mutually_exclusive_group()
    form.add_argument(
        "--create-executable",
        action="store_true",
        help="write a script that unpacks itself; needs --pixi-unpack-source",
    )
    form.add_argument(
        "--directory-only", action="store_true", help="write a directory instead of a tar file"
    )
    pack.add_argument(
        "--pixi-unpack-source",
        type=Path,
        metavar="FILE",
        help="the pixi-unpack of the pack's platform, for --create-executable",
    )
    add_json(pack)
    add_engine_name(pack)
    add_engine(pack)

    unpack = commands.add_parser("unpack", help="install a pack")
    unpack.set_defaults(run=run_unpack, command_name="unpack")
    unpack.add_argument(
        "pack",
        type=Path,
        nargs="?",
        default=Path("environment.tar"),
        metavar="PACK",
        help="a pack, a directory, or - for standard input (default: environment.tar)",
    )
    unpack.add_argument(
        "-o",
        "--output-directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the environment and its activation script go (default: here)",
    )
    unpack.add_argument("-e", "--env-name", default="env", help="name of the environment")
    unpack.add_argument(
        "-s",
        "--shell",
        action="append",
        metavar="SHELL",
        help="write its activation script; repeatable (default: bash, on Windows cmd)",
    )
    unpack.add_argument(
        "--smoke",
        action="append",
        default=[],
        metavar="COMMAND",
        help="run COMMAND in the activated environment; exit 1 if it fails; repeatable",
    )
    unpack.add_argument(
        "--max-size",
        type=positive,
        metavar="GIB",
        help="refuse packages and wheels that unpack to more (default: 32)",
    )
    unpack.add_argument(
        "--max-ratio",
        type=positive,
        metavar="N",
        help="refuse packages that unpack to more than N times their size, wheels at half of it "
        "(default: 2000)",
    )
    add_json(unpack)


def run_lock(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Solves; writes the lock, or with `--check` says how it would change."""
    from pytest_pixipack.engine.keeping import is_in
    from pytest_pixipack.lock import read_lock, write_lock

    root = workspace_root(arguments.workspace, terminal)
    path = root / "pixi.lock"
    old = read_lock(path) if path.is_file() else None
    new = _engine(arguments).lock(root)
    same = is_in(new, path)
    diff = None if same or old is None else old.diff(new)
    changes = [str(each) for each in diff or ()]
    lines = diff.lines(terminal.width) if diff is not None else []
    if arguments.check:
        terminal.print(lines or ([f"{path} does not exist"] if old is None else []))
        words = "is up to date" if same else "is out of date"
        terminal.print([f"{path} {words}"] if old is not None else [])
        terminal.document({"outcome": "passed" if same else "failed", "changes": changes})
        return EXIT_OK if same else EXIT_FINDINGS
    if not same:
        write_lock(new, path)
    terminal.print([*lines, f"{path} {'was up to date' if same else 'written'}"])
    terminal.document({"outcome": "passed", "lock": str(path), "changes": changes})
    return EXIT_OK


def run_build(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Builds and lists what was built."""
    root = workspace_root(arguments.workspace, terminal)
    artifacts = _engine(arguments).build(
        root,
        arguments.output_dir,
        environment=arguments.environment,
        platform=arguments.platform,
    )
    terminal.print(str(artifact.path) for artifact in artifacts)
    terminal.document(
        {"outcome": "passed", "artifacts": [str(artifact.path) for artifact in artifacts]}
    )
    return EXIT_OK


def run_pack(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Packs and says what is in the pack."""
    from pytest_pixipack.platforms import current_platform

    root = workspace_root(arguments.workspace, terminal)
    platform = arguments.platform or current_platform()
    streamed = is_stream(arguments.output_file)
    if streamed and (arguments.directory_only or arguments.json == STDOUT):
        words = "a directory" if arguments.directory_only else "the JSON document, too"
        raise InvalidInput(f"Standard output cannot be {words}.", remedy="Name a file with -o.")
    file = scratch(arguments.at_end) / "pack" if streamed else arguments.output_file
    write = PackWriter(
        output=file,
        executable=arguments.create_executable,
        directory=arguments.directory_only,
        unpacker=arguments.pixi_unpack_source,
    )
    pack = write.run(
        platform,
        lambda tar: _engine(arguments).pack(
            root,
            tar,
            environment=arguments.environment,
            platform=arguments.platform,
            inject=arguments.inject,
            ignore_pypi_non_wheel=arguments.ignore_pypi_non_wheel,
        ),
    )
    words = f"{len(pack.records)} packages for {pack.platform}"
    if streamed:
        to_stdout(pack.path)
        terminal.say(words)
    else:
        terminal.print([f"{pack.path}: {words}"])
    packages = [facts.dist for facts in pack.records]
    terminal.document(
        {"outcome": "passed", "pack": "-" if streamed else str(pack.path), "packages": packages}
    )
    return EXIT_OK


def run_unpack(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Installs a pack for this machine."""
    from pytest_pixipack.artifact import DEFAULT_LIMITS
    from pytest_pixipack.pack import unpack

    smoke = [_words(command) for command in arguments.smoke]
    limits = DEFAULT_LIMITS  # those that the help names
    if arguments.max_size is not None:
        limits = replace(limits, max_unpacked_bytes=arguments.max_size << 30)
    if arguments.max_ratio is not None:
        limits = replace(limits, max_ratio=arguments.max_ratio)
    prefix = unpack(
        given_pack(arguments.pack, arguments.at_end),
        arguments.output_directory,
        env_name=arguments.env_name,
        shells=arguments.shell,
        limits=limits,
    )
    terminal.print([f"{prefix.path}: {len(prefix.packages)} packages"])
    ran = [prefix.run(*words) for words in smoke]
    for each in ran:
        what = "works" if each.ok else f"ends with {each.returncode}"
        terminal.print([f"{shlex.join(each.argv)} {what}"])
        if not each.ok:
            terminal.print(f"  {line}" for line in (each.stdout + each.stderr).splitlines())
    passed = all(each.ok for each in ran)
    terminal.document(
        {
            "outcome": "passed" if passed else "failed",
            "prefix": str(prefix.path),
            "packages": sorted(prefix.packages),
            "digest": prefix.normalised_digest(),
            "smoke": [
                {
                    "command": list(each.argv),
                    "exit_code": each.returncode,
                    "stdout": each.stdout,
                    "stderr": each.stderr,
                }
                for each in ran
            ],
        }
    )
    return EXIT_OK if passed else EXIT_FINDINGS


def _words(command: str) -> list[str]:
    """A command for `--smoke`, looked at before anything is unpacked."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(
            f"--smoke {shlex.quote(command)} is no command: {str(error).lower()}.",
            remedy="Close what is quoted.",
        ) from None
    if not words:
        raise InvalidInput("--smoke is no command: it is empty.", remedy="Name a program.")
    return words


def _engine(arguments: argparse.Namespace) -> Engine:
    from pytest_pixipack.engine.choice import SYSTEM, make_engine

    directory = arguments.tools
    if directory is None:
        return make_engine(arguments.engine, engine_options(arguments))
    from pytest_pixipack.engine.system.tools import find_tools

    if arguments.engine != SYSTEM:
        raise InvalidInput(
            "--tools is only used by the system engine.", remedy="Add --engine system."
        )
    if not directory.is_dir():
        raise InvalidInput("There is no such directory of tools.", file=directory)
    return make_engine(SYSTEM, engine_options(arguments), find_tools(directory=directory))
