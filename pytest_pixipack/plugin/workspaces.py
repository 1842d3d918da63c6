"""`pixi_workspace`: workspaces in short directories, with stubs in the place of real names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.channel import BuiltChannel, StubChannel
from pytest_pixipack.engine.choice import make_engine
from pytest_pixipack.engine.options import ChildSettings, EngineOptions, stand_in_directory
from pytest_pixipack.plugin.caches import shared_cache
from pytest_pixipack.plugin.fixtures import FAILED, KEPT
from pytest_pixipack.plugin.options import SETTINGS
from pytest_pixipack.plugin.stubs import StubBackend
from pytest_pixipack.plugin.trees import remove_tree
from pytest_pixipack.workspace import (
    Engine,
    Workspace,
    WorkspaceBuilder,
    copy_workspace,
    short_root,
)

if TYPE_CHECKING:
    from pytest_pixipack.channel.server import ChannelServer

    ChannelLike = StubChannel | BuiltChannel | ChannelServer | Path | str
    BackendLike = StubBackend | Path | str


class WorkspaceFactory:
    """Makes the workspaces of one test, each in a directory of its own below `directory`."""

    def __init__(self, request: pytest.FixtureRequest, directory: Path, engine: str) -> None:
        self._request = request
        self._directory = directory
        self.engine = engine

    def __call__(
        self,
        *,
        name: str = "workspace",
        channels: Sequence[ChannelLike] = (),
        backends: Mapping[str, BackendLike] | None = None,
        platforms: Sequence[str] | None = None,
        dependencies: Mapping[str, Any] | None = None,
        workspace: Mapping[str, Any] | None = None,
        tables: Mapping[str, Any] | None = None,
        child: ChildSettings | None = None,
    ) -> WorkspaceBuilder:
        """Starts a workspace that is written in Python.

        `channels` are stub channels, channel names, URLs, paths or channels that are served; a stub
        channel appears in the manifest by its name, one that is served by its URL. `workspace` and
        `tables` go into the manifest as they are. With `child`, backends run in processes of
        their own. See `WorkspaceBuilder` for the rest.
        """
        root = self._root(name)
        stubs = {c.name: c for c in channels if isinstance(c, (StubChannel, BuiltChannel))}
        served = any(not isinstance(c, (StubChannel, BuiltChannel, Path, str)) for c in channels)
        return WorkspaceBuilder(
            root,
            self._engine(stubs, backends or {}, child, private=served),
            self._outputs(root),
            name=name,
            channels=[_channel_name(channel) for channel in channels],
            platforms=platforms,
            dependencies=dependencies,
            workspace=workspace,
            tables=tables,
        )

    def copy(
        self,
        path: str | Path,
        *,
        channels: Mapping[str, StubChannel | BuiltChannel | Path] | None = None,
        backends: Mapping[str, BackendLike] | None = None,
        child: ChildSettings | None = None,
    ) -> Workspace:
        """Copies a workspace; `path` is relative to rootdir.

        `channels` and `backends` say what stands in for which name; they come before the
        workspace's own `[tool.pixipack]`. Raises `InvalidInput` where there is no such directory.
        """
        source = self._request.config.rootpath / path
        root = self._root(source.name)
        copy_workspace(source, root)
        return Workspace(
            root, self._engine(channels or {}, backends or {}, child), self._outputs(root)
        )

    def _root(self, name: str) -> Path:
        root = short_root(self._directory, name)
        root.mkdir()
        return root

    def _outputs(self, root: Path) -> Path:
        # Beside the workspace: what is made is no input of the next step.
        outputs = self._directory / "out" / root.name
        outputs.mkdir(parents=True)
        return outputs

    def _engine(
        self,
        channels: Mapping[str, StubChannel | BuiltChannel | Path],
        backends: Mapping[str, BackendLike],
        child: ChildSettings | None,
        *,
        private: bool = False,
    ) -> Engine:
        """The engine; `private` for a cache of the test's own.

        A server is there to be asked: what an earlier test has downloaded would not be asked for.
        """
        config = self._request.config
        cache = shared_cache(config)
        marked = self._request.node.get_closest_marker("pixi_network") is not None
        return make_engine(
            self.engine,
            EngineOptions(
                cache_dir=self._directory / "cache",
                shared_dir=None if private else cache,
                channels={
                    name: stand_in_directory(name, channel, cache, None)
                    for name, channel in channels.items()
                },
                backends={StubBackend.name: "stub"}
                | {
                    name: _backend_choice(backend, config.rootpath)
                    for name, backend in backends.items()
                },
                network=marked and config.stash[SETTINGS].network,
                record=self._record(backends),
                child=child,
            ),
        )

    def _record(self, backends: Mapping[str, BackendLike]) -> Path | None:
        for backend in backends.values():
            if isinstance(backend, StubBackend):
                return backend.directory
        if "stub_backend" in self._request.fixturenames:
            handle: StubBackend = self._request.getfixturevalue("stub_backend")
            return handle.directory
        return None


@contextmanager
def short_directory(request: pytest.FixtureRequest, prefix: str) -> Iterator[Path]:
    """A directory with a short path that is removed at the end, unless it has to be kept."""
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    directory = factory.mktemp(prefix)
    kept = request.node.stash.setdefault(KEPT, [])
    kept.append(directory)
    yield directory
    keep = request.config.stash[SETTINGS].keep
    if not keep and not request.node.stash.get(FAILED, False):
        remove_tree(directory)


def _channel_name(channel: ChannelLike) -> str:
    if isinstance(channel, (StubChannel, BuiltChannel)):
        return channel.name
    return channel.as_posix() if isinstance(channel, Path) else str(channel)


def _backend_choice(backend: BackendLike, root: Path) -> str:
    """The stand-in as an engine knows it; transcripts are named from rootdir."""
    if isinstance(backend, StubBackend):
        return "stub"
    from pytest_pixipack.backend.stand_in import RECORD, REPLAY, absolute

    text = str(backend)
    return absolute(text, root) if text.startswith((RECORD, REPLAY)) else text
