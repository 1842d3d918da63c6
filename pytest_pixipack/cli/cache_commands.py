"""`pixipack cache info|clean`: what is kept, and how to get rid of it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import add_json
from pytest_pixipack.cli.output import EXIT_OK, Terminal
from pytest_pixipack.file_urls import expand_user

if TYPE_CHECKING:
    from pytest_pixipack.cache.entries import Entry

_PLURALS = {"packages": "packages", "built": "built packages", "channels": "channels",
            "backends": "build backends", "git": "Git repositories", "archives": "archives",
            "repodata": "repodata", "pixi": "pixi's own"}  # fmt: skip


def add_parsers(commands: Any) -> None:
    """Adds `cache` with its subcommands."""
    cache = commands.add_parser("cache", help="what is kept between runs")
    below = cache.add_subparsers(title="commands", metavar="COMMAND", required=True)
    info = below.add_parser("info", help="where the cache is and what is in it")
    info.set_defaults(run=run_info, command_name="cache info")
    clean = below.add_parser(
        "clean",
        help="remove what was used least recently",
        description="Removes what killed processes left, and what was used least recently until "
        "the cache is no larger than PIXIPACK_CACHE_SIZE. What is in use stays.",
    )
    which = clean.add_mutually_exclusive_group()
    which.add_argument(
        "--all", action="store_true", help="remove everything that no running process uses"
    )
    which.add_argument(
        "--older-than", type=_days, metavar="DAYS", help="remove what was not used for DAYS days"
    )
    clean.set_defaults(run=run_clean, command_name="cache clean")
    for each in (info, clean):
        each.add_argument(
            "--cache-dir",
            type=Path,
            metavar="DIR",
            help="cache (default: PIXIPACK_CACHE_DIR, else the user's cache directory)",
        )
        add_json(each)


def run_info(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Says where the cache is and what is in it."""
    from pytest_pixipack.cache.entries import check_readable, entries, left_overs
    from pytest_pixipack.cache.limit import size_limit

    root = _root(arguments)
    limit = size_limit(os.environ)
    check_readable(root)
    found = entries(root)
    total = sum(each.size for each in found)
    lines = [f"{root}", f"{readable(total)} of {readable(limit)}"]
    for kind in sorted({each.kind for each in found}):
        several = [each for each in found if each.kind == kind]
        size = readable(sum(each.size for each in several))
        lines.append(f"  {size:>8}  {len(several):>5}  {_PLURALS[kind]}")
    unfinished = left_overs(root)
    if unfinished:
        lines.append(f"  {len(unfinished)} unfinished: in the making, or left by killed processes")
    terminal.print(lines)
    terminal.document(
        {
            "outcome": "passed",
            "directory": str(root),
            "size": total,
            "limit": limit,
            "unfinished": len(unfinished),
            "entries": [_described(each, root) for each in found],
        }
    )
    return EXIT_OK


def run_clean(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Removes things and says how much."""
    from pytest_pixipack.cache.entries import check_readable
    from pytest_pixipack.cache.limit import clean, size_limit, trim

    root = _root(arguments)
    limit = size_limit(os.environ)
    check_readable(root)
    if arguments.all or arguments.older_than is not None:
        cleaned = clean(root, arguments.older_than)
    else:
        cleaned = trim(root, limit)
    number = sum(cleaned.removed.values()) + cleaned.left_overs
    lines = [f"{root}: {readable(cleaned.size)} removed, {_things(number)}"]
    if cleaned.in_use:
        lines.append(f"{_things(cleaned.in_use)} stayed: in use, or used a moment ago")
    terminal.print(lines)
    terminal.document(
        {
            "outcome": "passed",
            "directory": str(root),
            "size": cleaned.size,
            "removed": dict(sorted(cleaned.removed.items())),
            "unfinished": cleaned.left_overs,
            "in_use": cleaned.in_use,
        }
    )
    return EXIT_OK


def readable(size: int) -> str:
    """A number of bytes for people.

    >>> readable(1_250_000)
    '1.2 MB'
    """
    number = float(size)
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _things(number: int) -> str:
    return "1 thing" if number == 1 else f"{number} things"


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days < 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days


def _root(arguments: argparse.Namespace) -> Path:
    from pytest_pixipack.cache import default_cache_dir

    if arguments.cache_dir is None:
        return default_cache_dir()
    return expand_user(str(arguments.cache_dir)).absolute()


def _described(entry: Entry, root: Path) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "path": entry.path.relative_to(root).as_posix(),
        "holds": sorted(_holds(entry)),
        "size": entry.size,
        "used": entry.used // 10**9,
    }


def _holds(entry: Entry) -> Iterable[str]:
    if entry.kind not in ("packages", "channels"):
        return []
    try:
        return [each.name for each in entry.path.iterdir() if not each.name.startswith(".")]
    except OSError:  # removed since, or no directory
        return []
