"""`pixipack merge`: reports, records and findings of sharded runs."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_pixipack.cli.arguments import add_json, positive
from pytest_pixipack.cli.output import EXIT_FINDINGS, EXIT_OK, EXIT_UNCHECKED, Terminal
from pytest_pixipack.errors import Infrastructure

_EXITS = {"passed": EXIT_OK, "failed": EXIT_FINDINGS}
# pytest's: all well, some failed, nothing to do; others are those of a run that was broken off.
_EXIT_CODES = {0: EXIT_OK, 1: EXIT_FINDINGS, 5: EXIT_OK}


def add_parsers(commands: Any) -> None:
    """Adds `merge`."""
    merge = commands.add_parser(
        "merge",
        help="put reports, or records, of sharded runs together",
        description="Merges reports (--pixipack-report FILE.json), records (--pixipack-record "
        "FILE), or what check, verify or compare wrote (--json FILE), of runs that each did a "
        "part. Exits as one run would.",
    )
    merge.set_defaults(run=run_merge, command_name="merge")
    merge.add_argument("file", type=Path, nargs="+", metavar="FILE", help="what a shard wrote")
    merge.add_argument("-o", "--output", type=Path, metavar="FILE", help="the merged file")
    merge.add_argument(
        "--of",
        type=positive,
        metavar="N",
        help="how many there have to be: a shard that wrote nothing is an error then",
    )
    add_json(merge)


def run_merge(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Merges, writes, and says what came out."""
    from pytest_pixipack.shards.documents import read_shards
    from pytest_pixipack.shards.parts import check_parts

    kind, shards = read_shards(arguments.file)
    if (missing := check_parts(shards, arguments.of)) is not None:
        raise Infrastructure(
            missing, remedy="See what became of the shards that wrote none, and run them again."
        )
    if kind == "record":
        from pytest_pixipack.shards.records import merged_record

        document, differing = merged_record(shards)
        outcome = "failed" if differing else "passed"
        lines = [*differing, f"{len(shards)} records, {len(differing)} differences"]
        said: dict[str, Any] = {"differing": differing}
    elif kind != "report":
        from pytest_pixipack.shards.findings import merged_findings, part_of

        document = merged_findings(shards)
        outcome = document["outcome"]
        lines = list(_finding_lines(document, len(shards)))
        said = {"command": kind, part_of(document): len(document[part_of(document)])}
    else:
        from pytest_pixipack.shards.reports import merged_report

        document = merged_report(shards)
        outcome = document["outcome"]
        lines = list(_report_lines(document, len(shards)))
        said = {"checks": _counts(document), "crashed": document["crashed"]}
    if arguments.output is not None:
        _write(document, arguments.output)
    terminal.print(lines)
    terminal.document({"outcome": outcome, "kind": kind, "shards": len(shards), **said})
    code = _EXITS.get(outcome, EXIT_UNCHECKED)
    # A run also fails by what is no check of ours: tests of the repository's own.
    return max(code, _EXIT_CODES.get(document.get("exit_code", 0), EXIT_UNCHECKED))


def _finding_lines(document: dict[str, Any], shards: int) -> Iterator[str]:
    for each in document.get("findings", ()):
        where = " ".join(str(each[key]) for key in ("package", "platform") if each.get(key))
        yield f"{each.get('severity')}: {each.get('rule')} {where}: {each.get('message')}"
    for each in document.get("differences", ()):
        where = "/".join(map(str, each.get("where", ())))
        yield f"{each.get('kind')}: {where}: {each.get('cause')}"
    for each in document.get("errors", ()):
        yield f"error: {each.get('shard')}: {each.get('message')}"
    verdict = f", {document['verdict']}" if document.get("verdict") else ""
    yield f"{shards} documents of {document['command']}: {document['outcome']}{verdict}"


def _report_lines(document: dict[str, Any], shards: int) -> Iterator[str]:
    for check in document["checks"]:
        if check["outcome"] in ("failed", "error"):
            yield f"{check['outcome']}: {check['id']}"
            if check.get("message"):
                yield f"  {check['message']}"
            for finding in check["findings"]:
                yield f"  {finding.get('rule')}: {finding.get('message')}"
    for crashed in document["crashed"]:
        yield f"crashed: {crashed}"
    counted = ", ".join(f"{number} {name}" for name, number in _counts(document).items())
    ended = document["exit_code"]
    well = "" if ended in (0, 5) else f"; pytest ended with exit code {ended}"
    yield f"{shards} reports: {counted or 'no checks'}{well}"


def _counts(document: dict[str, Any]) -> dict[str, int]:
    return dict(sorted(Counter(check["outcome"] for check in document["checks"]).items()))


def _write(document: dict[str, Any], target: Path) -> None:
    from pytest_pixipack.outputs import write_output

    indent = 1 if "kind" in document else 2
    text = json.dumps(document, indent=indent, ensure_ascii=False) + "\n"
    write_output(target, text, "The merged file")
