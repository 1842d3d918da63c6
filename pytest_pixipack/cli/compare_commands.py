"""`pixipack compare`: what differs between two things of one layer, how much, and why."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import add_json
from pytest_pixipack.cli.output import EXIT_FINDINGS, EXIT_OK, STDOUT, Terminal
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.compare.layers import Compared
    from pytest_pixipack.lock import LockDiff

TOLERABLE = ("order-only", "metadata")


def add_parsers(commands: Any) -> None:
    """Adds `compare`."""
    compare = commands.add_parser(
        "compare",
        help="what differs between two locks, packages, packs, environments or channels?",
    )
    compare.set_defaults(run=run_compare, command_name="compare")
    for side in ("left", "right"):
        compare.add_argument(
            side, type=Path, metavar=side.upper(), help="a file or a directory of the same layer"
        )
    compare.add_argument(
        "--tolerate",
        choices=TOLERABLE,
        help="exit code 0 where the verdict is this or better",
    )
    add_json(compare)
    compare.add_argument(
        "--markdown",
        metavar="FILE",
        help="write Markdown for a pull request to FILE, `-` for standard output",
    )


def run_compare(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compares; what differs goes to people, to programs and to pull requests."""
    from pytest_pixipack.compare.layers import compare_paths
    from pytest_pixipack.compare.model import VERDICTS
    from pytest_pixipack.reproduce.digests import is_record

    if arguments.json == arguments.markdown == STDOUT:
        raise InvalidInput(
            "--json and --markdown cannot both go to standard output.",
            remedy="Give one of them a file.",
        )
    if is_record(arguments.left) or is_record(arguments.right):
        return _run_records(arguments, terminal)
    found = compare_paths(arguments.left, arguments.right)
    tolerated = arguments.tolerate or "identical"
    verdict = found.comparison.verdict
    fine = VERDICTS.index(verdict) <= VERDICTS.index(tolerated)
    code = EXIT_OK if fine else EXIT_FINDINGS
    if arguments.markdown is not None:
        _write(arguments.markdown, _markdown(found))
    # Before the text, of which a reader may have seen enough.
    outcome = "passed" if fine else "failed"
    terminal.document({"outcome": outcome, **found.comparison.to_json()})
    if arguments.markdown != STDOUT:
        terminal.print(_lines(found, code, terminal.width))
    return code


def _run_records(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compares two records: what is another one, and what that follows from."""
    from pytest_pixipack.compare.model import VERDICTS
    from pytest_pixipack.compare.render import comparison_markdown, exit_line, verdict_lines
    from pytest_pixipack.reproduce.record import read_record
    from pytest_pixipack.reproduce.records import compare_records
    from pytest_pixipack.reproduce.report import record_lines

    found = compare_records(read_record(arguments.left), read_record(arguments.right))
    if not found.compared and not found.changes:
        raise InvalidInput(
            "Nothing can be compared: what one of the records has is not in the other one, and was "
            "not asked for when that was made.",
            file=arguments.right,
        )
    comparison = found.comparison
    tolerated = VERDICTS.index(arguments.tolerate or "identical")
    fine = VERDICTS.index(comparison.verdict) <= tolerated
    code = EXIT_OK if fine else EXIT_FINDINGS
    if arguments.markdown is not None:
        _write(arguments.markdown, comparison_markdown(comparison, arguments.right.name))
    terminal.document({"outcome": "passed" if fine else "failed", **found.to_json()})
    if arguments.markdown != STDOUT:
        terminal.print(verdict_lines(comparison, None, terminal.width))
        terminal.print(record_lines(found, terminal.width))
        terminal.print([exit_line(comparison, code, terminal.width)] if code else [])
    return code


def _lines(found: Compared, code: int, width: int) -> list[str]:
    from pytest_pixipack.compare.render import cause_lines, exit_line, tree_lines, verdict_lines

    comparison = found.comparison
    lines = verdict_lines(comparison, found.packages, width)
    if found.lock is None:
        lines += tree_lines(comparison, width)
    else:
        lines += [*_counted(found.lock, width), *found.lock.lines(width)]
    lines += cause_lines(comparison, width)
    return [*lines, exit_line(comparison, code, width)] if code else lines


def _counted(diff: LockDiff, width: int) -> list[str]:
    """How many packages became what."""
    from pytest_pixipack.compare.render import wrapped
    from pytest_pixipack.lock.diff_model import WHAT_TEXTS

    counts = ", ".join(f"{number} {WHAT_TEXTS[what]}" for what, number in diff.counts.items())
    return wrapped("packages   ", counts, width)


def _markdown(found: Compared) -> str:
    from pytest_pixipack.compare.render import comparison_markdown

    if found.lock is not None:
        return found.lock.to_markdown(found.right.name or str(found.right))
    return comparison_markdown(found.comparison, found.right.name or str(found.right))


def _write(target: str, text: str) -> None:
    """Raises `Infrastructure` where the file cannot be written."""
    from pytest_pixipack.outputs import write_output

    if target == STDOUT:
        sys.stdout.buffer.write(text.encode("utf-8", errors="backslashreplace"))
        return
    write_output(Path(target), text, "The Markdown")
