"""Zero-code runs: which workspaces, which engine, where stages are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.cache.place import named_cache_dir
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.manifest.discovery import find_workspaces
from pytest_pixipack.manifest.load import find_manifest
from pytest_pixipack.plugin.items import WorkspaceFile, WorkspaceItem
from pytest_pixipack.plugin.junit import add_suite_property
from pytest_pixipack.plugin.options import Settings
from pytest_pixipack.plugin.reporting import Summary
from pytest_pixipack.plugin.rootdir import require_own_rootdir
from pytest_pixipack.plugin.trees import remove_tree

MANIFESTS = ("pixi.toml", "pyproject.toml")
_DIRECTORY = "pixipack_directory"
_FLAGS = ("--pixi-pack", "--pixipack-only")
_NARROWING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "collectonly")


def register(config: pytest.Config, settings: Settings) -> None:
    """Switches zero-code runs on. Raises `pytest.UsageError` where there is no workspace, and for
    toolchains and variations that cannot be used."""
    run = ZeroCode(config, settings)
    if settings.toolchains and not run.is_worker:
        from pytest_pixipack.plugin.toolchains import require_toolchains

        require_toolchains(settings.toolchains)
    if settings.vary:
        from pytest_pixipack.plugin.reproduce import require_variations

        require_variations(config, settings.vary)
    if not run.is_worker:
        require_own_rootdir(config)
        run.summary.records.read()
        run.add_arguments()
    config.pluginmanager.register(run, "pixipack-zero-code")


class ZeroCode:
    """The hooks of a run with `--pixi-pack`."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.summary = Summary(config, settings)

    @property
    def is_worker(self) -> bool:
        """Whether this is a process of pytest-xdist that was told what to run."""
        return hasattr(self.config, "workerinput")

    @cached_property
    def directory(self) -> Path:
        """The directory of the run, the same for all workers."""
        given = getattr(self.config, "workerinput", {}).get(_DIRECTORY)
        if given is not None:
            return Path(given)
        factory: pytest.TempPathFactory | None = getattr(self.config, "_tmp_path_factory", None)
        if factory is None:  # -p no:tmpdir
            return Path(tempfile.mkdtemp(prefix="pixipack-"))
        return Path(tempfile.mkdtemp(prefix="pixipack-", dir=factory.getbasetemp()))

    # Finding ----------------------------------------------------------------------------------

    def add_arguments(self) -> None:
        """Adds the workspaces of the repository to what is collected, if no path was given."""
        config = self.config
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            found = [*self._below(config.rootpath)]
            others = [] if self.settings.only else config.args
            # pytest 8 leaves out the rest of a directory of which it is also given a file.
            walked = [Path(config.invocation_params.dir, arg) for arg in others]
            more = [path for path in found if not any(w in path.parents for w in walked)]
            config.args = [*others, *map(str, more)]
            where = str(config.rootpath)
        else:
            paths = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
            found = [manifest for path in paths for manifest in self._below(path)]
            where = ", ".join(arg.split("::")[0] for arg in config.args)
            if not found and not self._flag_typed:
                return  # the flag is in a configuration file, the path on the command line
        if not found:
            raise pytest.UsageError(
                f"pixi-pack: no workspace (pixi.toml, or pyproject.toml with [tool.pixi]) is found "
                f"in {where} or below."
            )
        self._check_choices(found)

    @property
    def _flag_typed(self) -> bool:
        return any(flag in self.config.invocation_params.args for flag in _FLAGS)

    def _below(self, path: Path) -> Iterator[Path]:
        if path.is_file():
            if _is_workspace(path):
                yield path
            return
        for directory in find_workspaces(path, self._is_ignored):
            if (manifest := find_manifest(directory)) is not None:
                yield manifest

    def _is_ignored(self, path: Path) -> bool:
        hook = self.config.hook.pytest_ignore_collect
        return bool(hook(collection_path=path, config=self.config))

    def _check_choices(self, manifests: Iterable[Path]) -> None:
        """Raises `pytest.UsageError` for an environment or platform that no workspace has."""
        from pytest_pixipack.manifest import load_manifest
        from pytest_pixipack.toml_positions import did_you_mean

        if not self.settings.environments and not self.settings.platforms:
            return
        environments: set[str] = set()
        platforms: set[str] = set()
        for path in manifests:
            try:
                manifest = load_manifest(path)
                environments |= {*manifest.environment_names()}
                for name in manifest.environment_names():
                    for platform in manifest.platforms(name):
                        platforms |= {platform.name, platform.subdir}
            except PixipackError:
                return  # which is reported as a failing item
        for what, chosen, known in (
            ("environment", self.settings.environments, environments),
            ("platform", self.settings.platforms, platforms),
        ):
            for each in chosen:
                if each not in known:
                    hint = did_you_mean(each, sorted(known)) or f"There are: {sorted(known)}."
                    raise pytest.UsageError(f"pixi-pack: no workspace has {what} `{each}`. {hint}")

    # Collecting -------------------------------------------------------------------------------

    @pytest.hookimpl
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leaves out the cache, where there are sources of others, and, if that was asked for, all
        files but manifests."""
        if collection_path == self._cache:
            return True
        if not self.settings.only or collection_path.name in MANIFESTS:
            return None
        return True if collection_path.is_file() else None

    @pytest.hookimpl
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> WorkspaceFile | None:
        """A manifest with a workspace in it."""
        if file_path.name not in MANIFESTS or not _is_workspace(file_path):
            return None
        if not parent.session.isinitpath(file_path) and self._is_installed(file_path):
            return None
        node: WorkspaceFile = WorkspaceFile.from_parent(
            parent, path=file_path, **self._node_id(file_path)
        )
        node.run = self
        return node

    @cached_property
    def _cache(self) -> Path | None:
        return named_cache_dir(os.environ)

    def _node_id(self, path: Path) -> dict[str, Any]:
        """Outside of rootdir, pytest would give the same id to several workspaces."""
        if path.is_relative_to(self.config.rootpath):
            return {}
        return {"nodeid": Path(os.path.relpath(path, self.config.rootpath)).as_posix()}

    def _is_installed(self, path: Path) -> bool:
        """Whether a file lies in an environment or in a hidden directory below rootdir."""
        for folder in path.parents:
            if folder == self.config.rootpath:
                return False
            hidden = folder.name.startswith(".")
            if hidden or (folder / "conda-meta").is_dir() or (folder / "pyvenv.cfg").is_file():
                return True
        return False

    # Reporting --------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tells a worker of pytest-xdist where stages are."""
        node.workerinput[_DIRECTORY] = str(self.directory)

    @pytest.hookimpl
    def pytest_report_header(self) -> str:
        """What checks, with what."""
        return self.summary.header()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Puts the result on the report, which is what gets from a worker to the controller."""
        report = yield
        if isinstance(item, WorkspaceItem) and (call.when == "call" or not report.passed):
            report.pixipack = dict(item.result)  # type: ignore[attr-defined]
            if report.skipped and isinstance(report.longrepr, tuple):
                # The line of the manifest, not the one of ours that says so.
                report.longrepr = (str(item.path), 1, report.longrepr[2])
        return report

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collects results in the process that prints them."""
        result = getattr(report, "pixipack", None)
        if result is not None:
            by_pytest = {"passed": "ok", "skipped": "skipped"}.get(report.outcome, "error")
            result.setdefault("outcome", by_pytest)
            if report.failed and result["outcome"] not in ("failed", "error"):
                result["outcome"] = "error"
            self.summary.add(result)
        elif report.failed and report.nodeid.split("::")[0].endswith(MANIFESTS):
            self.summary.crashed(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Notes any test that was running in a worker of pytest-xdist which died."""
        self.summary.crashed(crashitem)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Compares and writes the record before anybody reports how the run went."""
        try:
            return (yield)
        finally:
            if not self.is_worker and not self.config.option.collectonly:
                self._finish_records(session)

    def _finish_records(self, session: pytest.Session) -> None:
        records = self.summary.records
        records.finish(self.summary.results)
        if records.reason is not None:
            session.testsfailed += 1  # pytest's exit code follows from it, and its reports do
            session.shouldfail = session.shouldfail or f"pixi-pack: {records.reason}"
        for name, value in records.properties:
            add_suite_property(self.config, name, value)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Refuses to call it a success where nothing was checked; writes the report; cleans up."""
        if self.is_worker:
            return
        if exitstatus == pytest.ExitCode.OK and not self._checked_something():
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            self.summary.nothing_checked = True
        if self.summary.records.problem and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        written = self.summary.write_report(session.exitstatus)
        if not written and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self._clean_up()

    def _checked_something(self) -> bool:
        if self.summary.results:
            return any(result["outcome"] != "skipped" for result in self.summary.results)
        option = self.config.option
        narrowed = self.settings.shard is not None or any(
            getattr(option, name, None) for name in _NARROWING
        )
        return narrowed or not self._flag_typed

    def _clean_up(self) -> None:
        if self.settings.keep or "directory" not in self.__dict__:
            return
        if self.summary.all_well:
            remove_tree(self.directory)
            return
        for directory in self.summary.directories_of_good_workspaces():
            remove_tree(Path(directory))

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table."""
        self.summary.write(terminalreporter)


def _is_workspace(path: Path) -> bool:
    """Whether a file is the manifest of a workspace: `pixi.toml` goes before `pyproject.toml`."""
    manifest = find_manifest(path.parent)
    if manifest is None or manifest.name != path.name:
        return False
    return any(True for _ in find_workspaces(path.parent, lambda _: True))
