"""What the run says of itself: header, summary table, report file."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterable, Mapping
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from pytest_pixipack.platforms import current_platform
from pytest_pixipack.plugin.again import again_notes
from pytest_pixipack.plugin.records import Records
from pytest_pixipack.plugin.table import table_lines

if TYPE_CHECKING:
    import pytest

    from pytest_pixipack.plugin.items import WorkspaceFile
    from pytest_pixipack.plugin.options import Settings

Result = dict[str, Any]


class Summary:
    """Results of all workers, in the process that prints them."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._by_id: dict[str, Result] = {}
        self._crashed: list[str] = []
        self._report_problem: str | None = None
        self._records = Records(settings)
        self.nothing_checked = False

    @property
    def results(self) -> list[Result]:
        """All results, in an order that does not depend on workers."""
        return [self._by_id[key] for key in sorted(self._by_id)]

    @property
    def all_well(self) -> bool:
        """Whether nothing is worth to be kept for looking at."""
        return not self._crashed and all(
            result["outcome"] in ("ok", "skipped") for result in self.results
        )

    def add(self, result: Result) -> None:
        """Takes one result; the one of a later phase is the one that counts."""
        self._by_id[result["id"]] = result

    def crashed(self, nodeid: str) -> None:
        """Notes an item whose process died."""
        if nodeid not in self._crashed:
            self._crashed.append(nodeid)

    def directories_of_good_workspaces(self) -> set[str]:
        """Where those workspaces have their copies in which nothing failed."""
        every = {r["workspace"].get("directory"): r["workspace"]["file"] for r in self.results}
        bad = {r["workspace"]["file"] for r in self.results if r["outcome"] in ("failed", "error")}
        bad |= {nodeid.partition("::")[0] for nodeid in self._crashed}
        return {path for path, file in every.items() if path is not None and file not in bad}

    def header(self) -> str:
        """One line: with what is checked, and whether the network may be used."""
        from pytest_pixipack.plugin.engines import tool_names

        network = "network allowed" if self._settings.network else "offline"
        return f"pixi-pack: {tool_names(self._settings.engine)}; {network}"

    def write(self, terminal: Any) -> None:
        """The table and what has to be said about it."""
        if self._config.option.collectonly:
            return
        terminal.ensure_newline()
        terminal.section("pixi-pack", sep="-")
        for line in self._lines():
            terminal.write_line(line)

    def _lines(self) -> list[str]:
        table = table_lines(self._in_table)
        lines = self._engines()
        lines += self._packages()
        lines += _reused(self.results)
        lines += _relocked(self.results)
        lines += _skips(self.results)
        lines += again_notes(self.results)
        if any(row.endswith(" -") for row in table):
            lines.append(f"-        not installable on this machine ({current_platform()})")
        lines += _warnings(self.results)
        table += self._toolchains()
        lines += self._toolchain_notes()
        if self._crashed:
            lines.append(f"crashed  {', '.join(sorted(self._crashed))}")
        lines += self._records.lines
        if self._settings.report is not None:
            shown = str(self._settings.report)
            shown = shown.replace(f"{self._config.invocation_params.dir}{os.sep}", "")
            lines.append(f"report   {shown}{self._report_problem or ''}")
        if self.nothing_checked:
            lines.append("nothing was checked, so this run is no success")
        elif not self.results and not self._crashed:
            lines.append("no workspace was checked: deselected, or not below the given paths")
        return table + [part for line in lines for part in _wrapped(line)]

    @property
    def records(self) -> Records:
        """What is recorded of the run, and compared with an earlier record."""
        return self._records

    @property
    def _in_table(self) -> list[Result]:
        return [each for each in self.results if each["kind"] != "toolchain"]

    def _engines(self) -> list[str]:
        """The engine of each workspace and why it is that one; once where all have the same."""
        texts = {
            facts["file"]: f"{facts['engine']}: {facts['reason']}"
            for facts in (result["workspace"] for result in self.results)
            if "engine" in facts
        }
        if len({*texts.values()}) == 1:
            return [f"engine   {next(iter(texts.values()))}"]
        return [f"engine   {text} ({file})" for file, text in texts.items()]

    def _toolchains(self) -> list[str]:
        if not self._settings.toolchains:
            return []
        from pytest_pixipack.plugin.toolchains import toolchain_table

        return toolchain_table(self.results)

    def _toolchain_notes(self) -> list[str]:
        if not self._settings.toolchains:
            return []
        from pytest_pixipack.plugin.toolchains import toolchain_notes

        return toolchain_notes(self.results)

    def _packages(self) -> list[str]:
        texts = {}
        for result in self.results:
            facts = result["workspace"]
            if facts.get("packages"):
                texts[facts["file"]] = facts["packages"]
        if len(texts) > 1:
            return [f"packages {text} in {file}" for file, text in texts.items()]
        return [f"packages {text}" for text in texts.values()]

    def write_report(self, exitstatus: int) -> bool:
        """Writes the report file, if one was asked for; false where that fails."""
        from pytest_pixipack.shards.reports import whole_outcome
        from pytest_pixipack.whole_files import write_named

        path = self._settings.report
        if path is None:
            return True
        document = {
            "schema": 1,
            "command": "pytest --pixi-pack",
            "outcome": "failed"
            if self._records.unexplained
            else whole_outcome(
                {each["outcome"] for each in self.results}, bool(self._crashed), int(exitstatus)
            ),
            "exit_code": int(exitstatus),
            **({"shard": "{}/{}".format(*shard)} if (shard := self._settings.shard) else {}),
            "network": self._settings.network,
            "checks": [_report_entry(result) for result in self.results],
            "crashed": sorted(self._crashed),
            **({"against": against} if (against := self._records.compared) else {}),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".html":
                from pytest_pixipack.plugin.html import html_document

                text = html_document(document, table_lines(self._in_table))
            else:
                text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            write_named(path, text.encode())
        except OSError as error:
            self._report_problem = f" cannot be written: {error.strerror or error}"
        return self._report_problem is None


def workspace_facts(file: WorkspaceFile) -> dict[str, Any]:
    """What the summary says of a workspace, in JSON values."""
    manifest = file.manifest
    workspace = manifest.need_workspace()
    return {
        "name": workspace.name or manifest.root.name,
        "unnamed": workspace.name is None,
        "file": file.nodeid,
        "packages": _counts(file),
        "engine": file.engine.name,
        "reason": file.engine.reason,
        "directory": str(file.stages.directory),
    }


def _counts(file: WorkspaceFile) -> str | None:
    from pytest_pixipack.plugin.plan import packages_of

    lock = file.committed_lock
    if lock is None:
        return None
    kinds: dict[str, set[str]] = {"source": set(), "binary": set(), "pypi": set()}
    for place in {place for check in file.checks for place in check.places}:
        for package in packages_of(file.manifest, lock, place):
            kinds[package.kind].add(package.name)
    text = ", ".join(f"{len(names)} {kind}" for kind, names in kinds.items() if names)
    stand_ins = [
        f"channel {name} stands for {path.name}"
        for name, path in file.manifest.stand_ins.channels.items()
    ]
    return f"{text or 'none'} ({'; '.join(stand_ins)})" if stand_ins else text or "none"


def _relocked(results: Iterable[Result]) -> list[str]:
    files = sorted({r["workspace"]["file"] for r in results if r.get("relocked")})
    if not files:
        return []
    names = ", ".join(files)
    return [
        "lock     built and packed in a copy that was locked anew: the committed lock was not "
        f"made from the stubs ({names})"
    ]


def _reused(results: Iterable[Result]) -> list[str]:
    builds = [r for r in results if r["kind"] == "build" and r["outcome"] in ("ok", "failed")]
    taken = sum(bool(result.get("reused")) for result in builds)
    if not taken:
        return []
    return [
        f"builds   {taken} of {len(builds)} taken from the cache: an earlier run has built them "
        "from the same things (--pixipack-rebuild builds them anew)"
    ]


def _skips(results: Iterable[Result]) -> list[str]:
    """Every reason once, with what it skipped; pytest itself shows none without `-rs`."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result["outcome"] == "skipped":
            reasons.setdefault(result.get("message") or "", []).append(result["id"])
    lines = []
    for reason, ids in reasons.items():
        kinds = sorted({_short(each) for each in ids})
        shown = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
        lines.append(f"skipped  {shown}: {' '.join(reason.split())}")
    return lines


def _warnings(results: Iterable[Result]) -> list[str]:
    seen: dict[tuple[str, str], str] = {}
    for result in results:
        for finding in result.get("findings") or ():
            if finding["severity"] == "warning" and result["outcome"] != "skipped":
                key = (finding["rule"], finding["message"])
                seen.setdefault(key, result["workspace"]["file"])
    return [f"warning  {rule}: {message} ({file})" for (rule, message), file in seen.items()]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(
        line,
        max(60, get_terminal_size().columns),
        subsequent_indent=" " * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _short(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _report_entry(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": result["id"],
        "check": result["kind"],
        "workspace": result["workspace"]["name"],
        "engine": result["workspace"].get("engine"),
        "package": result.get("package"),
        "environments": sorted({place[0] for place in result["places"]}),
        "platforms": sorted({place[1] for place in result["places"]}),
        "outcome": result["outcome"],
        "message": result.get("message"),
        "relocked": bool(result.get("relocked")),
        **({"reused": bool(result.get("reused"))} if result["kind"] == "build" else {}),
        "findings": result.get("findings") or [],
        **({"toolchain": result["toolchain"]} if result.get("toolchain") else {}),
        **({"reproduction": result["reproduction"]} if result.get("reproduction") else {}),
    }
