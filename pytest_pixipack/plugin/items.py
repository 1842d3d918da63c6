"""Workspaces and their checks as pytest collects and runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.plugin.options import REPRODUCE

if TYPE_CHECKING:
    from pytest_pixipack.engine.choice import EngineChoice
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.plugin.collection import ZeroCode
    from pytest_pixipack.plugin.outcomes import Outcome
    from pytest_pixipack.plugin.plan import Check
    from pytest_pixipack.plugin.stages import Stages
    from pytest_pixipack.reproduce import Variation


class CheckFailed(Exception):
    """A check found something; the text is for people."""


class WorkspaceFile(pytest.File):
    """A manifest with a workspace. One that cannot be read has an item that fails."""

    run: ZeroCode

    def collect(self) -> Iterator[pytest.Item]:
        """The checks that the options ask for."""
        from pytest_pixipack.manifest import load_manifest
        from pytest_pixipack.plugin.plan import plan

        try:
            self.manifest: Manifest = load_manifest(self.path)
            self.checks = plan(self.manifest, self.committed_lock, self.run.settings)
        except PixipackError as error:
            yield BrokenWorkspace.make(self, error)
            return
        if not self.checks and not (self.run.settings.environments or self.run.settings.platforms):
            yield EmptyWorkspace.make(self)
        for check in self.checks:
            if check.kind in self.run.settings.checks:
                yield CheckItem.make(self, check)

    @cached_property
    def committed_lock(self) -> Lock | None:
        """The lock, if there is one that can be read; the lock's check says if not."""
        from pytest_pixipack.lock import read_lock
        from pytest_pixipack.plugin.plan import lock_path

        try:
            return read_lock(lock_path(self.manifest))
        except PixipackError:
            return None

    @cached_property
    def engine(self) -> EngineChoice:
        """What runs the workspace."""
        from pytest_pixipack.plugin.engines import engine_of_workspace

        return engine_of_workspace(self)

    @cached_property
    def stages(self) -> Stages:
        """What the checks share."""
        from pytest_pixipack.plugin.caches import shared_cache
        from pytest_pixipack.plugin.stages import Stages

        hook = self.config.hook.pytest_pixipack_prepare_workspace
        return Stages(
            self.manifest,
            self.checks,
            self.run.directory,
            engine=self.engine.name,
            network=self.run.settings.network,
            prepare=lambda root: hook(config=self.config, root=root),
            toolchains=self.run.settings.toolchains,
            cache=lambda: shared_cache(self.config),
            record=bool(self.run.settings.record or self.run.settings.against),
            vary=self.run.settings.vary,
            variations=self._variations,
            rebuild=self.run.settings.rebuild,
        )

    def _variations(self) -> list[Variation]:
        from pytest_pixipack.plugin.reproduce import variations_of

        return variations_of(self.config)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the summary says of the workspace; JSON values, for reports cross processes."""
        from pytest_pixipack.plugin.records import record_facts
        from pytest_pixipack.plugin.reporting import workspace_facts

        told = record_facts(self.checks, self.committed_lock, self.run.settings)
        return {**workspace_facts(self), **({"record": told} if told else {})}


class WorkspaceItem(pytest.Item):
    """One line of the run; `result` is what the summary is made of."""

    parent: WorkspaceFile
    result: dict[str, Any]

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it comes from, and its heading."""
        return self.path, 0, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Findings as they are, anything unexpected with its traceback."""
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def relative(self, text: str) -> str:
        """A text in which paths below the directory that pytest was called in are relative."""
        return text.replace(f"{self.config.invocation_params.dir}{os.sep}", "")

    def laid_out(self, message: str, details: Mapping[str, str]) -> list[str]:
        """A message and its details as lines for this terminal."""
        from pytest_pixipack.plugin.outcomes import message_lines

        shown = {name: self.relative(text) for name, text in details.items()}
        return message_lines(self.relative(message), shown, get_terminal_size().columns)

    def fail(self, *texts: str) -> None:
        """Raises with how to run it again."""
        target = os.path.relpath(self.path, self.config.invocation_params.dir)
        place = f"{Path(target).as_posix()}::{self.name}"
        again = " ".join(["--pixi-pack", *self.options, f'"{place}"'])
        raise CheckFailed("\n".join([*texts, f"  again: pytest {again}"]))

    @property
    def options(self) -> list[str]:
        """Options without which the item would not be there."""
        return []


class BrokenWorkspace(WorkspaceItem):
    """A workspace of which not even the manifest can be used."""

    error: PixipackError
    lines: list[str]

    @classmethod
    def make(cls, parent: WorkspaceFile, error: PixipackError) -> BrokenWorkspace:
        """The only item of its file."""
        from pytest_pixipack.plugin.outcomes import error_details

        item: BrokenWorkspace = cls.from_parent(
            parent, name="manifest", nodeid=f"{parent.nodeid}::manifest"
        )
        item.error = error
        item.lines = item.laid_out(error.message, error_details(error))
        item.result = result_of_manifest(item)
        return item

    def setup(self) -> None:
        """Raises where the machine is to blame."""
        self.result["outcome"] = "failed"
        self.result["message"] = self.error.message
        if self.error.outcome == "infrastructure":
            self.result["outcome"] = "error"
            pytest.fail("\n".join(["infrastructure failure", *self.lines]), pytrace=False)

    def runtest(self) -> None:
        """Fails."""
        self.fail(*self.lines)


class EmptyWorkspace(WorkspaceItem):
    """A workspace that has no platform, so that it says nothing."""

    @classmethod
    def make(cls, parent: WorkspaceFile) -> EmptyWorkspace:
        """The only item of its file."""
        item: EmptyWorkspace = cls.from_parent(
            parent, name="manifest", nodeid=f"{parent.nodeid}::manifest"
        )
        item.result = result_of_manifest(item)
        return item

    def setup(self) -> None:
        """Skips."""
        reason = "The workspace has no platforms, so that there is nothing to check."
        self.result.update(outcome="skipped", message=reason)
        pytest.skip(reason)

    def runtest(self) -> None:
        """Nothing, for it was skipped."""


def result_of_manifest(item: WorkspaceItem) -> dict[str, Any]:
    """What the summary is told of a workspace without checks."""
    return {
        "kind": "manifest",
        "id": item.nodeid,
        "places": [],
        "workspace": {"name": item.path.parent.name, "file": item.parent.nodeid},
    }


class CheckItem(WorkspaceItem):
    """One check of one workspace."""

    check: Check
    judged: Check
    outcome: Outcome

    @classmethod
    def make(cls, parent: WorkspaceFile, check: Check) -> CheckItem:
        """The item of a check."""
        from pytest_pixipack.plugin.records import record_label

        # pytest 9.2 would not find items with brackets again after `--lf` without the id.
        item: CheckItem = cls.from_parent(
            parent, name=check.name, nodeid=f"{parent.nodeid}::{check.name}"
        )
        item.check = check
        item.result = {
            "kind": check.kind,
            "id": item.nodeid,
            "package": check.package,
            "label": record_label(check),
            "places": [[p.environment, p.platform, p.subdir] for p in check.places],
            "workspace": parent.facts,
        }
        return item

    def setup(self) -> None:
        """Does the work, so that what is no failure of the product is an error or a skip."""
        stages = self.parent.stages
        for needed in (*stages.prerequisites(self.check), self.check):
            self.judged, self.outcome = needed, stages.outcome(needed)
            self._note()
            if not self.outcome.passed:
                self._judge()
                return

    def runtest(self) -> None:
        """Fails where the check found errors, or one that it needs and that is not in this run."""
        if self.outcome.passed:
            return
        lines = self._lines()
        if self.judged is not self.check:
            lines.insert(0, f"needs {self.judged.name}, which failed:")
        if self.judged.kind != "lock":
            lines.append(f"  kept: {self.parent.stages.directory}")
        self.fail(*lines)

    def _lines(self) -> list[str]:
        """The message or the findings, as lines."""
        outcome = self.outcome
        if outcome.message:
            shown = {name: self._readable(text) for name, text in outcome.details.items()}
            return self.laid_out(self._readable(outcome.message), shown)
        from pytest_pixipack.verify.render import render

        lines = render(outcome.errors, get_terminal_size().columns)
        return [self._readable(line) for line in lines]

    def _judge(self) -> None:
        """Raises where that is not a failure of the product."""
        outcome = self.outcome
        if self.judged is not self.check and self.judged.name in self._selected_names:
            self._skip(f"needs {self.judged.name}")
        if outcome.status == "infrastructure":
            self.result["outcome"] = "error"
            pytest.fail("\n".join(["infrastructure failure", *self._lines()]), pytrace=False)
        excused = outcome.status == "unsupported" and not self.parent.engine.asked
        if outcome.status == "offline" or excused:
            remedy = outcome.details.get("remedy")
            self._skip(" ".join(filter(None, (outcome.message, remedy))))

    def _note(self) -> None:
        """What the summary says of the outcome."""
        self.result["outcome"] = "ok" if self.outcome.passed else "failed"
        self.result["message"] = self._readable(self.outcome.message or "") or None
        self.result["findings"] = [
            {**finding.to_json(), "file": self._readable(finding.file or "") or None}
            for finding in self.outcome.findings
        ]
        self.result["toolchain"] = self.outcome.data.get("toolchain")
        self.result["reproduction"] = self.outcome.data.get("reproduction")
        self.result["record"] = self.outcome.data.get("record")
        self.user_properties += map(tuple, self.outcome.data.get("properties", ()))
        self.result["relocked"] = bool(self.outcome.data.get("relocked"))
        self.result["reused"] = bool(self.outcome.data.get("reused"))

    def _skip(self, reason: str) -> None:
        self.result.update(outcome="skipped", message=self._readable(reason), findings=[])
        pytest.skip(self.result["message"])

    def _readable(self, text: str) -> str:
        return self.relative(self.parent.stages.readable(text))

    @property
    def options(self) -> list[str]:
        """The two toolchains that are compared, or the conditions that are changed."""
        settings = self.parent.run.settings
        if self.check.kind == REPRODUCE:
            return [f"--pixipack-vary={','.join(settings.vary or ('all',))}"]
        if self.check.toolchain is None:
            return []
        toolchains = self.parent.run.settings.toolchains
        wanted = (toolchains[0][0], self.check.toolchain)
        return [
            f'"--pixipack-toolchain={name}={path}"' for name, path in toolchains if name in wanted
        ]

    @property
    def _selected_names(self) -> set[str]:
        return {item.name for item in self.session.items if item.parent is self.parent}
