"""The pytest plugin. Without `--pixi-pack` it adds options, markers and fixtures, nothing else.

Every pytest run of an environment with this package imports this module: whatever takes time is
imported by those who need it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

import pytest

from pytest_pixipack.plugin.fixtures import (
    COLLECTED,
    LEFT_OUT,
    SNAPSHOT_FIXTURES,
    UNUSED_SNAPSHOTS,
    lock_regression,
    pack_regression,
    pixi_engine,
    pixi_reproduce,
    pixi_workspace,
    stub_backend,
    stub_channel,
    transcript_regression,
)
from pytest_pixipack.plugin.options import SETTINGS, add_options, read_settings

__all__ = [
    "lock_regression",
    "pack_regression",
    "pixi_engine",
    "pixi_reproduce",
    "pixi_workspace",
    "stub_backend",
    "stub_channel",
    "transcript_regression",
]

NEEDS_NETWORK = "needs the network (--pixipack-network)"
_MARKERS = (
    "pixi_engine(*names): run the test once with each of these engines",
    "pixi_network: the test needs the network; skipped unless --pixipack-network",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Registers the options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Registers the hooks that others can implement."""
    from pytest_pixipack.plugin import hookspec

    pluginmanager.add_hookspecs(hookspec)


def pytest_configure(config: pytest.Config) -> None:
    """Registers markers and, behind the flag, the collection of workspaces."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    settings = read_settings(config)
    config.stash[SETTINGS] = settings
    if settings.tools is not None:
        from pytest_pixipack.plugin.engines import use_tools

        use_tools(config, settings.tools)
    if settings.collect:
        from pytest_pixipack.plugin.collection import register

        register(config, settings)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test once for each engine of its `pixi_engine` marker."""
    if "pixi_engine" in metafunc.fixturenames:
        names = [name for mark in metafunc.definition.iter_markers("pixi_engine")
                 for name in mark.args]  # fmt: skip
        if names:
            metafunc.parametrize("pixi_engine", list(dict.fromkeys(names)), indirect=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips tests that need the network where it is off."""
    if item.get_closest_marker("pixi_network") and not item.config.stash[SETTINGS].network:
        pytest.skip(NEEDS_NETWORK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Labels failures that are not the product's, and says where a workspace was kept."""
    # Whoever has an error of ours has imported one of these.
    ours = sys.modules.keys() & {"pytest_pixipack.errors", "pytest_pixipack.matchers"}
    if call.excinfo is not None and ours and not item.config.getoption("fulltrace"):
        from pytest_pixipack.plugin.tracebacks import hide_internals

        hide_internals(call.excinfo.value)
    report = yield
    if COLLECTED in item.config.stash:
        from pytest_pixipack.plugin.unused import note

        note(item, report)
    if report.failed:
        from pytest_pixipack.plugin.failures import describe_failure

        describe_failure(item, call, report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Remembers how many tests there were before some were left out."""
    before = len(items)
    yield
    if config.stash[SETTINGS].shard is not None:
        from pytest_pixipack.plugin.sharding import leave_out_other_shards

        leave_out_other_shards(config, items)
    config.stash[LEFT_OUT] = len(items) < before


def pytest_collection_finish(session: pytest.Session) -> None:
    """Looks which tests may have snapshots."""
    files = {item.path for item in session.items}
    if any(path.with_suffix("").is_dir() for path in files) or any(
        not SNAPSHOT_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        for item in session.items
    ):
        from pytest_pixipack.plugin.unused import collected

        session.config.stash[COLLECTED] = collected(session)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Looks for snapshots that no test used, where reports say that some have snapshots."""
    if session.config.stash[SETTINGS].shard is not None:
        from pytest_pixipack.plugin.sharding import forgive_an_empty_shard

        forgive_an_empty_shard(session)
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(session.config, "workerinput"):
        return
    reports = [report for kind in terminal.stats.values() for report in kind
               if hasattr(report, "pixipack_snapshots")]  # fmt: skip
    if reports:
        from pytest_pixipack.plugin.unused import finish

        finish(session, terminal, reports)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says once why tests of ours were skipped; pytest itself shows no reason without `-rs`."""
    skipped = terminalreporter.stats.get("skipped")
    if skipped:
        from pytest_pixipack.plugin.failures import write_skips

        write_skips(terminalreporter, skipped)
    if UNUSED_SNAPSHOTS in terminalreporter.config.stash:
        from pytest_pixipack.plugin.unused import write_unused

        write_unused(terminalreporter)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explains a failed comparison with our matchers and types."""
    if op != "==":
        return None
    # Whoever compares with our types has imported one of these.
    if not sys.modules.keys() & {"pytest_pixipack.facts", "pytest_pixipack.matchers"}:
        return None
    from pytest_pixipack.difference import explain_comparison

    return explain_comparison(left, right)
