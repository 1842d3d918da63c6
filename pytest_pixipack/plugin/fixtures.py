"""The fixtures, thin: what they hand out is made in modules that are imported on use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pixipack.plugin.options import SETTINGS

if TYPE_CHECKING:
    from pytest_pixipack.plugin.reproduce import Reproducer
    from pytest_pixipack.plugin.snapshots import LockRegression, PackRegression
    from pytest_pixipack.plugin.stubs import StubBackend, StubChannels
    from pytest_pixipack.plugin.transcripts import TranscriptRegression
    from pytest_pixipack.plugin.workspaces import WorkspaceFactory

# Whether a phase of the test failed, and the directories that are kept if so.
FAILED = pytest.StashKey[bool]()
KEPT = pytest.StashKey[list[Path]]()
# The snapshots that a test has compared with, as absolute paths.
SNAPSHOTS = pytest.StashKey[list[str]]()
SNAPSHOT_FIXTURES = frozenset({"lock_regression", "pack_regression"})
# Of a run: whether tests were left out, the files with tests that may have snapshots, and the
# snapshots that no test used.
LEFT_OUT = pytest.StashKey[bool]()
COLLECTED = pytest.StashKey["dict[Path, int]"]()
UNUSED_SNAPSHOTS = pytest.StashKey["list[Path]"]()


@pytest.fixture
def pixi_engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine of this test: that of the marker `pixi_engine`, else the option's."""
    from pytest_pixipack.plugin.engines import engine_of_test

    asked = getattr(request, "param", None)
    return engine_of_test(asked or request.config.stash[SETTINGS].engine, by_test=asked is not None)


@pytest.fixture
def stub_channel(request: pytest.FixtureRequest) -> Iterator[StubChannels]:
    """`stub_channel("curl")` is a channel from a specification, `stub_channel()` an empty one.

    A name is that of `fixture_channels/<name>.toml` below rootdir, else of one that this package
    brings along; a path is relative to rootdir. `stub_channel("curl").serve()` serves it over HTTP
    until the test ends.
    """
    from contextlib import ExitStack

    from pytest_pixipack.plugin.stubs import StubChannels

    with ExitStack() as opened:
        yield StubChannels(request.config.rootpath, opened.callback)


@pytest.fixture
def stub_backend(request: pytest.FixtureRequest) -> Iterator[StubBackend]:
    """A stub build backend, to stand in for real ones, that knows what it was told."""
    from pytest_pixipack.plugin.stubs import StubBackend
    from pytest_pixipack.plugin.workspaces import short_directory

    with short_directory(request, "r") as directory:
        yield StubBackend(directory)


@pytest.fixture
def pixi_workspace(request: pytest.FixtureRequest, pixi_engine: str) -> Iterator[WorkspaceFactory]:
    """Makes workspaces: `pixi_workspace(...)` writes one, `pixi_workspace.copy(path)` copies one.

    They are removed after the test unless it fails or `--pixipack-keep` is given.
    """
    from pytest_pixipack.plugin.workspaces import WorkspaceFactory, short_directory

    with short_directory(request, "w") as directory:
        yield WorkspaceFactory(request, directory, pixi_engine)


@pytest.fixture
def pixi_reproduce(request: pytest.FixtureRequest) -> Reproducer:
    """`pixi_reproduce(workspace)` builds it again under changed conditions.

    The result says what differs, and through which condition; see `Reproducer`.
    """
    from pytest_pixipack.plugin.reproduce import Reproducer

    return Reproducer(request)


@pytest.fixture
def lock_regression(
    request: pytest.FixtureRequest, datadir: Path, original_datadir: Path
) -> LockRegression:
    """`lock_regression.check(lock)` compares a lock with the one that was stored."""
    from pytest_pixipack.plugin.snapshots import LockRegression

    return LockRegression(request, datadir, original_datadir)


@pytest.fixture
def pack_regression(
    request: pytest.FixtureRequest, datadir: Path, original_datadir: Path
) -> PackRegression:
    """`pack_regression.check(pack)` compares what is in a pack with what was stored."""
    from pytest_pixipack.plugin.snapshots import PackRegression

    return PackRegression(request, datadir, original_datadir)


@pytest.fixture
def transcript_regression(
    request: pytest.FixtureRequest, datadir: Path, original_datadir: Path
) -> TranscriptRegression:
    """`transcript_regression.check(stub_backend)` compares messages with those that were stored."""
    from pytest_pixipack.plugin.transcripts import TranscriptRegression

    return TranscriptRegression(request, datadir, original_datadir)
