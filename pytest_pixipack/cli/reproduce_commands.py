"""`pixipack reproduce`: build again under changed conditions and name what makes a difference."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import (
    add_engine,
    add_engine_name,
    add_json,
    add_selection,
    add_workspace,
    engine_options,
    positive,
    workspace_root,
)
from pytest_pixipack.cli.output import EXIT_FINDINGS, EXIT_OK, EXIT_UNCHECKED, Terminal
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions

TOLERABLE = ("order-only", "metadata")


def add_parsers(commands: Any) -> None:
    """Adds `reproduce`."""
    reproduce = commands.add_parser(
        "reproduce", help="build and pack again under changed conditions: does the same come out?"
    )
    reproduce.set_defaults(run=run_reproduce, command_name="reproduce")
    add_workspace(reproduce)
    add_selection(reproduce)
    reproduce.add_argument(
        "--vary",
        metavar="LIST",
        help="conditions to change, with commas (default: all); `-name` leaves one out",
    )
    reproduce.add_argument(
        "-j",
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="builds side by side, at most one for each ten that are allowed",
    )
    reproduce.add_argument(
        "--max-builds", type=positive, metavar="N", help="builds that are allowed (default: 60)"
    )
    reproduce.add_argument(
        "--package",
        action="append",
        metavar="NAME",
        help="build this source package only, and pack nothing; repeatable",
    )
    reproduce.add_argument(
        "--tolerate",
        choices=TOLERABLE,
        help="exit code 0 where the verdict is this or better",
    )
    reproduce.add_argument(
        "--stale",
        action="store_true",
        help="edit the sources instead: is a package built again where an input has changed, and "
        "only there?",
    )
    reproduce.add_argument(
        "--most-files",
        type=_number_or_all,
        metavar="N",
        help="with --stale: edit up to N declared files of each package, and take up to 4 N builds "
        "for all others; or `all` (default: 8)",
    )
    reproduce.add_argument(
        "--list", action="store_true", help="list the conditions that can be changed, and stop"
    )
    add_json(reproduce)
    reproduce.add_argument(
        "--record", type=Path, metavar="FILE", help="write a record of what was built to FILE"
    )
    reproduce.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="compare what was built with an earlier record; exit 1 for what nothing explains",
    )
    reproduce.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report to FILE")
    add_engine_name(reproduce)
    add_engine(reproduce)


def run_reproduce(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Runs the experiment and says what it found."""
    from pytest_pixipack.reproduce.experiment import MOST_BUILDS, reproduce
    from pytest_pixipack.reproduce.records import compare_records
    from pytest_pixipack.reproduce.report import record_lines, report_lines
    from pytest_pixipack.reproduce.variations import chosen_variations

    names = arguments.vary.split(",") if arguments.vary else None
    if arguments.list:
        return _list(chosen_variations(names), terminal)
    _refuse_others(arguments)
    if arguments.stale:
        return _stale(arguments, terminal)
    root = workspace_root(arguments.workspace, terminal)
    # Before the builds, which take long.
    earlier = _earlier(root, arguments.against)
    lock = threading.Lock()

    def progress(text: str) -> None:
        with lock:
            terminal.say(text)

    with _ending_in_order():
        result = reproduce(
            root,
            _options(arguments),
            vary=names,
            environment=arguments.environment,
            platform=arguments.platform,
            jobs=arguments.jobs,
            engine=arguments.engine,
            only=arguments.package,
            pack=arguments.package is None,
            most_builds=arguments.max_builds or MOST_BUILDS,
            record=arguments.record is not None or arguments.against is not None,
            progress=progress if terminal.is_interactive else lambda _: None,
        )
    fine = result.tolerates(arguments.tolerate or "identical")
    compared = None if earlier is None else compare_records(earlier, result.record or {})
    unexplained = compared is not None and bool(compared.findings)
    problem = _recorded(arguments.record, result.record or {})
    if compared is not None and not compared.compared:
        problem = problem or InvalidInput("Nothing was compared.", file=arguments.against)
    if arguments.html is not None:
        from pytest_pixipack.reproduce.html import write_html

        write_html([result], arguments.html, compared)
    code = EXIT_OK if fine and not unexplained else EXIT_FINDINGS
    if problem is not None and not code:
        code = EXIT_UNCHECKED
    more: dict[str, Any] = {} if compared is None else {"against": compared.to_json()}
    if problem is not None:
        more["error"] = problem.to_json()
    outcome = {EXIT_OK: "passed", EXIT_FINDINGS: "failed"}.get(code, "invalid-input")
    terminal.document({"outcome": outcome, **result.to_json(), **more})
    terminal.print(report_lines(result, terminal.width))
    if compared is not None:
        terminal.print(
            ["", f"against {arguments.against}", *record_lines(compared, terminal.width)]
        )
    if problem is not None:
        terminal.say(str(problem))
    if not fine and not unexplained and result.verdict in TOLERABLE:
        terminal.print([f"exit {code}   (--tolerate {result.verdict} makes it 0)"])
    elif code:
        terminal.print([f"exit {code}"])
    return code


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """Builds and their files go when this process is asked to end (SIGTERM), as for Ctrl-C."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _earlier(root: Path, file: Path | None) -> dict[str, Any] | None:
    """The record to compare with. Raises `InvalidInput` for one of another workspace."""
    if file is None:
        return None
    from pytest_pixipack.manifest import load_manifest
    from pytest_pixipack.reproduce.record_file import read_record
    from pytest_pixipack.reproduce.records import of_the_same

    manifest = load_manifest(root)
    name = manifest.need_workspace().name
    return of_the_same(read_record(file), {name or manifest.root.name: name is None}, file)


def _recorded(path: Path | None, record: Mapping[str, Any]) -> InvalidInput | None:
    """Writes the record, where one is asked for; else why one that covers more is not replaced."""
    from pytest_pixipack.reproduce.record_file import write_record
    from pytest_pixipack.reproduce.records import refuse_to_lose

    if path is None:
        return None
    try:
        refuse_to_lose(path, record)
    except InvalidInput as error:
        return error
    write_record(record, path)
    return None


def _stale(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Edits sources and says what is not declared, and what nothing depends on."""
    from pytest_pixipack.compare.render import wrapped
    from pytest_pixipack.reproduce.stale_html import write_staleness
    from pytest_pixipack.reproduce.staleness import MOST_FILES, check_staleness
    from pytest_pixipack.verify.render import render

    root = workspace_root(arguments.workspace, terminal)
    most = MOST_FILES if arguments.most_files is None else arguments.most_files
    found = check_staleness(
        root,
        _options(arguments),
        environment=arguments.environment,
        platform=arguments.platform,
        only=arguments.package,
        most_files=most or None,
        engine=arguments.engine,
    )
    outcome = "failed" if found.errors else "passed"
    packages = [each.to_json() for each in found.packages]
    if arguments.html is not None:
        write_staleness(found, root, arguments.html)
    terminal.document({"outcome": outcome, "staleness": packages})
    terminal.print(render(found.findings, terminal.width))
    for each in found.packages:
        terminal.print(wrapped(f"{each.package}: ", each.tried, terminal.width))
    return EXIT_FINDINGS if found.errors else EXIT_OK


def _refuse_others(arguments: argparse.Namespace) -> None:
    """Raises `InvalidInput` for an option that would be without effect."""
    if not arguments.stale:
        if arguments.most_files is not None:
            raise InvalidInput("--most-files is for --stale: experiments edit no files.")
        return
    given = {
        "--vary": arguments.vary,
        "--jobs": arguments.jobs > 1,
        "--max-builds": arguments.max_builds,
        "--tolerate": arguments.tolerate,
        "--record": arguments.record,
        "--against": arguments.against,
    }
    for name in (name for name, value in given.items() if value):
        raise InvalidInput(
            f"--stale edits the sources and builds under the usual conditions: {name} has no "
            "effect on that.",
            remedy=f"Leave out one of the two; `pixipack reproduce {name}` is a run of its own.",
        )


def _number_or_all(text: str) -> int:
    """A number above zero; 0 stands for all."""
    return 0 if text == "all" else positive(text)


def _options(arguments: argparse.Namespace) -> EngineOptions:
    """The engine's options; the directory of `--tools` comes before all others on `PATH`."""
    options = engine_options(arguments)
    if arguments.tools is None:
        return options
    path = os.pathsep.join([str(arguments.tools.absolute()), options.environ.get("PATH", "")])
    return replace(options, environ={**options.environ, "PATH": path})


def _list(variations: Any, terminal: Terminal) -> int:
    from pytest_pixipack.compare.render import wrapped

    column = max(len(each.name) for each in variations) + 2
    for each in variations:
        needs = "" if each.needs == "nothing" else f" (needs {each.needs})"
        terminal.print(wrapped(each.name.ljust(column), f"{each.what}{needs}", terminal.width))
    terminal.document(
        {
            "outcome": "passed",
            "variations": [
                {"name": each.name, "what": each.what, "needs": each.needs} for each in variations
            ],
        }
    )
    return EXIT_OK
