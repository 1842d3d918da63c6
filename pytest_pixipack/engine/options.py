"""What an engine is told: stand-ins, caches, network, and how builds run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_pixipack.cache import default_cache_dir, user_cache_dir
from pytest_pixipack.channel import BuiltChannel, StubChannel
from pytest_pixipack.channel.cache import built_channel
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import Manifest
from pytest_pixipack.redaction import hidden_repr

if TYPE_CHECKING:
    from pytest_pixipack.engine.reuse import BuiltPackages

__all__ = [
    "ChildSettings",
    "EngineOptions",
    "Progress",
    "default_cache_dir",
    "stand_in_directory",
    "user_cache_dir",
]

# What is downloaded, how many bytes have arrived, and of how many, where that is known.
Progress: TypeAlias = Callable[[str, int, "int | None"], None]


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """How a build's child process differs from this one; `None` leaves a thing as it is.

    `environment` is laid over the hermetic environment, `umask` is ignored on Windows. The words
    of `wrapper` come before the command line of a backend, which they have to run.
    """

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    directory: Path | None = None
    umask: int | None = None
    wrapper: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Settings of one engine run.

    `channels` maps channel names or URLs to directories of channels that stand in for them,
    `backends` maps backend names to stand-ins (`pytest_pixipack.backend.stand_in`): `stub`, an
    executable's path, `replay:FILE` or `record:FILE:BACKEND`; both come before the manifest's own
    `[tool.pixipack]`. Backend messages are recorded below `record`; `backend_timeout` is the time
    that one answer may take, in seconds (pixi itself waits for a day).
    With `child` set, backends run in processes of their own with these settings. With `scratch`
    set, work files go there and stay; else into a temporary directory that is removed. `progress`
    is told of downloads. What is named by its content (built channels, packages, backend
    environments, archives) goes into `shared_dir` where that is given, the rest below `cache_dir`.
    With `built`, packages that were built before from the same things are taken from there.
    """

    cache_dir: Path
    channels: Mapping[str, Path] = field(default_factory=dict)
    backends: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    record: Path | None = None
    child: ChildSettings | None = None
    scratch: Path | None = None
    backend_timeout: float = 600.0
    # Secrets of CI are among them, and pytest shows the `repr` of all variables with `-l`.
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    progress: Progress | None = field(default=None, compare=False, repr=False)
    shared_dir: Path | None = None
    built: BuiltPackages | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def content_dir(self) -> Path:
        """The cache of what is named by its content."""
        return self.cache_dir if self.shared_dir is None else self.shared_dir

    def with_stand_ins(self, manifest: Manifest) -> EngineOptions:
        """The same options with what the manifest's `[tool.pixipack]` names added.

        Stub channel specs are built into the cache. Raises `InvalidInput` where one is missing.
        """
        channels = {
            name: stand_in_directory(name, path, self.content_dir, manifest.path)
            for name, path in manifest.stand_ins.channels.items()
            if name not in self.channels
        }
        backends = {
            name: value
            for name, value in manifest.stand_ins.backends.items()
            if name not in self.backends
        }
        return replace(
            self, channels={**self.channels, **channels}, backends={**self.backends, **backends}
        )


def stand_in_directory(
    name: str, source: Path | StubChannel | BuiltChannel, cache_dir: Path, manifest: Path | None
) -> Path:
    """The channel directory behind a stand-in: a built channel, a directory, or a TOML spec."""
    if isinstance(source, BuiltChannel):
        return source.path
    if isinstance(source, Path):
        if source.is_dir():
            return source
        if not source.is_file():
            raise InvalidInput(
                f"The stand-in for channel {name} does not exist: {source}.",
                file=manifest,
                remedy="Name a channel directory or a stub channel spec (TOML).",
            )
        source = StubChannel.from_toml(source)
    return built_channel(source, cache_dir / "channels").path
