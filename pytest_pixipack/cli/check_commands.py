"""`pixipack check`, `verify` and `rules`: whether layers agree, and by which rules."""

from __future__ import annotations

import argparse
import contextlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.cli.arguments import (
    add_engine,
    add_json,
    add_strict,
    add_workspace,
    engine_options,
)
from pytest_pixipack.cli.output import EXIT_FINDINGS, EXIT_OK, EXIT_UNCHECKED, Terminal
from pytest_pixipack.errors import InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.compare.causes import Cause
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.prefix import Prefix
    from pytest_pixipack.verify import Report

LOCK_NAME = "pixi.lock"


def add_parsers(commands: Any) -> None:
    """Adds the three commands."""
    check = commands.add_parser(
        "check",
        help="is the lock up to date with the manifest? no network, no solve",
    )
    check.set_defaults(run=run_check, command_name="check")
    add_workspace(check)
    check.add_argument(
        "--no-backend",
        action="store_true",
        help="do not ask build backends; compare with the manifests only",
    )
    check.add_argument(
        "--packable",
        action="store_true",
        help="also say what will stand in the way of packing what is locked",
    )
    add_json(check)
    add_strict(check)
    add_engine(check)

    verify = commands.add_parser("verify", help="do the given layers agree?")
    verify.set_defaults(run=run_verify, command_name="verify")
    verify.add_argument("--workspace", type=Path, metavar="DIR", help="manifest and its pixi.lock")
    verify.add_argument("--lock", type=Path, metavar="FILE", help="a lock of another place")
    verify.add_argument("--environment", default="default", help="default: default")
    verify.add_argument("--platform", help="default: that of the pack or of this machine")
    verify.add_argument(
        "--artifact",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a built package; repeatable",
    )
    verify.add_argument("--pack", type=Path, metavar="PACK", help="environment.tar, or a directory")
    installed = verify.add_mutually_exclusive_group()
    installed.add_argument("--prefix", type=Path, metavar="DIR", help="an installed environment")
    installed.add_argument(
        "--unpack",
        action="store_true",
        help="also unpack the pack, to a temporary directory, and verify what comes out",
    )
    verify.add_argument(
        "--expect", type=Path, metavar="FILE", help="expectations (TOML) that layers have to meet"
    )
    add_json(verify)
    add_strict(verify)

    rules = commands.add_parser(
        "rules", help="list the rules and the causes of differences, or explain one"
    )
    rules.set_defaults(run=run_rules, command_name="rules")
    rules.add_argument("rule", nargs="?", metavar="RULE", help="explain this rule or cause")
    add_json(rules)


def run_check(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compares the manifest with its lock."""
    from pytest_pixipack.manifest import load_manifest
    from pytest_pixipack.verify import check_lock, check_lock_file

    if arguments.no_backend and arguments.backend:
        raise InvalidInput("--backend and --no-backend exclude each other.")
    manifest = load_manifest(arguments.workspace)
    manifest.need_workspace()
    for warning in manifest.warnings:
        terminal.say(f"{warning.file}:{warning.line}: {warning.message}")
    lock = _readable_lock(manifest)
    if lock is None:
        report = check_lock_file(manifest)
    else:
        metadata = {} if arguments.no_backend else _metadata(manifest, lock, arguments)
        report = check_lock(manifest, lock, metadata=metadata, notes=True)
    if arguments.packable:
        report = _with_packability(report, manifest)
    return _finish(report, arguments, terminal)


def _with_packability(report: Report, manifest: Manifest) -> Report:
    from pytest_pixipack.lock import read_lock
    from pytest_pixipack.verify import Report
    from pytest_pixipack.verify.packable import RULE, packable_findings

    path = manifest.root / LOCK_NAME
    try:
        lock = read_lock(path)
    except InvalidInput:  # which the report says
        return report
    found = Report.of(packable_findings(lock, lock_file=str(path)), [RULE])
    return Report.merged([report, found])


def _readable_lock(manifest: Manifest) -> Lock | None:
    """The lock, read once; None where the report has to say why it cannot be."""
    from pytest_pixipack.lock import read_lock

    try:
        return read_lock(manifest.root / LOCK_NAME)
    except InvalidInput:
        return None


def _metadata(manifest: Manifest, lock: Lock, arguments: argparse.Namespace) -> Mapping[Any, Any]:
    """What backends offer, where one can be run."""
    from pytest_pixipack.verify import backend_metadata

    return backend_metadata(manifest, lock, engine_options(arguments))


def run_verify(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Compares the layers. One that is there and cannot be read is a finding."""
    from pytest_pixipack.expect import load_expectations
    from pytest_pixipack.manifest import load_manifest
    from pytest_pixipack.verify import verify

    manifest = load_manifest(arguments.workspace) if arguments.workspace else None
    lock: Path | None = arguments.lock
    if lock is None and manifest is not None:
        lock = manifest.root / LOCK_NAME
    layers = [lock, *arguments.artifact, arguments.pack, arguments.prefix]
    if not any(layers):
        raise InvalidInput(
            "There is nothing to verify.",
            remedy="Give layers: --workspace, --lock, --artifact, --pack, --prefix.",
        )
    for path in filter(None, layers):
        if not path.exists():
            raise InvalidInput("There is no such file or directory.", file=path)
    expectations = load_expectations(arguments.expect) if arguments.expect else None
    with contextlib.ExitStack() as at_end:
        prefix, refused = _installed(arguments, at_end)
        report = verify(
            manifest=manifest,
            lock=lock,
            artifacts=arguments.artifact,
            pack=arguments.pack,
            prefix=prefix,
            environment=arguments.environment,
            platform=arguments.platform,
            expectations=expectations,
        )
    if refused is not None:
        if report.ok:
            raise refused
        terminal.say(f"the pack was not unpacked: {refused.message}")
    return _finish(report, arguments, terminal)


def _installed(
    arguments: argparse.Namespace, at_end: contextlib.ExitStack
) -> tuple[Path | Prefix | None, InvalidInput | None]:
    """The prefix to verify: the one that is given, or what the pack unpacks to.

    Where the pack is refused, why: what is wrong with it may be a finding.
    """
    if not arguments.unpack:
        return arguments.prefix, None
    if arguments.pack is None:
        raise InvalidInput("There is no pack to unpack.", remedy="Add --pack PACK.")
    from pytest_pixipack.cache.scratch import scratch_directory
    from pytest_pixipack.pack import unpack

    scratch = at_end.enter_context(scratch_directory())
    try:
        return unpack(arguments.pack, scratch), None
    except InvalidInput as error:
        return None, error


def _finish(report: Report, arguments: argparse.Namespace, terminal: Terminal) -> int:
    report = report.with_strict(arguments.strict)
    terminal.print([*_from_here(report).render(terminal.width), report.summary])
    document = report.to_json(terminal.command)
    unreadable = _unreadable_lock(report)
    if unreadable is not None:
        terminal.document({**document, "outcome": "invalid-input", "error": unreadable})
        return EXIT_UNCHECKED
    terminal.document(document)
    return EXIT_OK if report.ok else EXIT_FINDINGS


def _from_here(report: Report) -> Report:
    """The report with files as a user in this directory would name them."""
    here = Path.cwd()

    def shown(file: str | None) -> str | None:
        path = Path(file) if file else None
        return path.relative_to(here).as_posix() if path and path.is_relative_to(here) else file

    return replace(report, findings=tuple(replace(f, file=shown(f.file)) for f in report.findings))


def _unreadable_lock(report: Report) -> dict[str, object] | None:
    """The error of a lock that is there and cannot be read: then nothing could be checked."""
    for finding in report.findings:
        if finding.rule == "lock-parse" and finding.file and Path(finding.file).exists():
            return {
                "file": finding.file,
                "line": finding.line,
                "column": None,
                "package": finding.package,
                "message": finding.message,
                "remedy": finding.remedy,
            }
    return None


def run_rules(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Lists the rules and the causes of differences, or says all there is to say of one."""
    from pytest_pixipack.compare.causes import CAUSE_TEXTS
    from pytest_pixipack.verify import all_rules, default_registry

    name = arguments.rule
    causes = [cause for cause in CAUSE_TEXTS.values() if name in (None, cause.name)]
    rules = () if name else all_rules()
    if name and not causes:
        rules = (default_registry()[name],)
    terminal.document(
        {
            "outcome": "passed",
            "rules": [
                {
                    "name": rule.name,
                    "severity": rule.severity,
                    "layers": list(rule.layers),
                    "title": rule.title,
                    "damage": list(rule.damage),
                    "description": rule.description,
                    "remedy": rule.remedy,
                }
                for rule in rules
            ],
            "causes": [
                {"name": cause.name, "evidence": cause.evidence, "remedy": cause.remedy}
                for cause in causes
            ],
        }
    )
    if arguments.json == "-":
        return EXIT_OK
    if name and rules:
        terminal.print(_explained(rules[0], terminal.width))
    elif name:
        terminal.print(_explained_cause(causes[0], terminal.width))
    else:
        listed = [(rule.name, rule.title) for rule in rules]
        terminal.print(_columns(listed))
        terminal.print(["", "causes of differences (pixipack compare)"])
        terminal.print(_columns([(cause.name, cause.evidence) for cause in causes]))
    return EXIT_OK


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {text}" for name, text in rows]


def _explained(rule: Any, width: int) -> list[str]:
    head = f"{rule.name}   {rule.severity}   {', '.join(rule.layers)}"
    rows = (
        ("holds", rule.title),
        ("damage", "; ".join(rule.damage)),
        ("about", rule.description),
        ("remedy", rule.remedy),
    )
    return [head, *_labelled(rows, width)]


def _explained_cause(cause: Cause, width: int) -> list[str]:
    rows = (("seen", cause.evidence), ("remedy", cause.remedy))
    return [f"{cause.name}   cause of a difference", *_labelled(rows, width)]


def _labelled(rows: Iterable[tuple[str, str]], width: int) -> list[str]:
    lines: list[str] = []
    for label, text in rows:
        if text:
            lines += textwrap.wrap(
                text, width, initial_indent=f"  {label:8}", subsequent_indent=" " * 10
            )
    return lines
