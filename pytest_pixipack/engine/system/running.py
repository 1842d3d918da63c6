"""One operation of the system engine: a workspace, a hermetic environment, tools that run in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.cache.scratch import Scratch
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.guard import NetworkGuard, network_guard
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.system.backends import backend_variables
from pytest_pixipack.engine.system.classify import tool_error
from pytest_pixipack.engine.system.mirrors import (
    Configuration,
    stand_in_channels,
    write_configuration,
)
from pytest_pixipack.engine.system.process import TIMEOUT, Finished, run_tool
from pytest_pixipack.engine.system.tools import Tools
from pytest_pixipack.errors import Infrastructure, PixipackError, Unsupported
from pytest_pixipack.lock import Lock
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.whole_files import write_named

LOCK_NAME = "pixi.lock"
# What `NetworkGuard.wrap` says of itself: no namespace, no permission to run, no such command.
_WRAPPER_CODES = (125, 126, 127)
_NEWEST_LOCK = 7
_LOOPBACK = re.compile(rb"://(?:[^/\s\"']*@)?(?:127\.0\.0\.1|localhost):(\d{1,5})\b")
_LOCK_VERSION = re.compile(rb"^version:\s*(\d+)\s*$", flags=re.M)


@dataclass(frozen=True, slots=True)
class Run:
    """What the steps of one operation share; `environment` is that of every child process."""

    tools: Tools
    options: EngineOptions
    scratch: Path
    environment: dict[str, str] = field(repr=False)
    configuration: Configuration
    guard: NetworkGuard
    timeout: float = TIMEOUT

    def attempt(self, name: str, *arguments: str | Path, directory: Path) -> Finished:
        """Runs a tool; its exit code is the caller's to judge."""
        child = self.options.child
        return run_tool(
            self.tools.require(name),
            [str(argument) for argument in arguments],
            environment=self.environment,
            directory=(child.directory if child else None) or directory,
            timeout=self.timeout,
            umask=child.umask if child else None,
            wrap=self.guard.wrap,
        )

    def error(self, done: Finished) -> PixipackError:
        """The error of a command that failed; of a network error, the address that was wanted."""
        if self.guard.isolation.applied and done.code in _WRAPPER_CODES and not done.stdout:
            return Infrastructure(
                f"{done.tool} could not be started without a network: {done.stderr.strip()}",
                remedy="Look at what the machine permits, or allow the network.",
            )
        error = tool_error(done, network=self.options.network)
        named = any(request.host in error.message for request in self.guard.wanted)
        if named or isinstance(error, Infrastructure):
            return self.guard.error(str(done.tool)) or error
        return error

    def call(self, name: str, *arguments: str | Path, directory: Path) -> Finished:
        """Runs a tool that has to succeed. Raises the error that its output tells."""
        done = self.attempt(name, *arguments, directory=directory)
        if done.code != 0:
            raise self.error(done)
        return done


@dataclass(frozen=True, slots=True)
class WorkspaceRun:
    """A run in a workspace."""

    run: Run
    manifest: Manifest
    table: ChannelTable

    @property
    def root(self) -> Path:
        """The workspace's directory."""
        return self.manifest.root

    def pixi(self, *arguments: str | Path) -> Finished:
        """Runs pixi in the workspace. Raises the error that its output tells."""
        return self.run.call("pixi", *arguments, directory=self.root)


@contextmanager
def plain_run(options: EngineOptions, tools: Tools, timeout: float) -> Iterator[Run]:
    """A run without a workspace, in a scratch directory that goes away."""
    with _scratch(options) as scratch, network_guard(network=options.network) as guard:
        configuration = write_configuration(scratch / "config", {})
        environment = _environment(options, tools, scratch, configuration, guard)
        yield Run(tools, options, scratch, environment, configuration, guard, timeout)


@contextmanager
def workspace_run(
    root: Path, options: EngineOptions, tools: Tools, timeout: float, *, keep: bool = False
) -> Iterator[WorkspaceRun]:
    """A run in the workspace in `root`, with its stand-ins in place.

    One run at a time uses a workspace. What pixi leaves in `.pixi` is removed again where there was
    none before, unless `keep` is set. Raises as `load_manifest` does, and `Unsupported` or
    `InvalidInput` for stand-ins that cannot be used.
    """
    manifest = load_manifest(root)
    options = options.with_stand_ins(manifest)
    table = ChannelTable(manifest.root, options.channels, options.network)
    with _scratch(options) as scratch, _alone(manifest.root, options.cache_dir):
        backends = backend_variables(
            options.backends,
            options.environ,
            root=manifest.root,
            directory=scratch / "backends",
            record=options.record,
        )
        channels = stand_in_channels(options.channels, manifest.root)
        served = {channel.served_as: channel.directory for channel in channels}
        ports = loopback_ports(manifest)
        with network_guard(network=options.network, channels=served, loopback_ports=ports) as guard:
            mirrors = {
                each.url: _with_slash(guard.channel_url(each.served_as)) for each in channels
            }
            configuration = write_configuration(scratch / "config", mirrors)
            environment = _environment(options, tools, scratch, configuration, guard) | backends
            run = Run(tools, options, scratch, environment, configuration, guard, timeout)
            with _leftovers(manifest.root, keep):
                yield WorkspaceRun(run, manifest, table)


def loopback_ports(manifest: Manifest) -> list[int]:
    """The ports of servers on this machine that the manifest or the lock names: channels, indexes
    and sources, which need no network.
    """
    found: set[int] = set()
    for path in (manifest.path, manifest.root / LOCK_NAME):
        if path.is_file():
            found.update(map(int, _LOOPBACK.findall(path.read_bytes())))
    return sorted(port for port in found if 0 < port < 65536)


def _with_slash(url: str) -> str:
    return url.rstrip("/") + "/"


@contextmanager
def lock_in_place(root: Path, lock: Lock | None = None) -> Iterator[Path]:
    """Yields the path of the workspace's lock; afterwards it holds what it held before.

    With `lock`, it holds that one meanwhile. The tools only work on the file itself.
    """
    path = root / LOCK_NAME
    before = path.read_bytes() if path.is_file() else None
    try:
        if lock is not None:
            _replace(path, lock.to_text().encode("utf-8"))
        yield path
    finally:
        if before is None:
            path.unlink(missing_ok=True)
        elif not path.is_file() or path.read_bytes() != before:
            _replace(path, before)


def refuse_newer_lock(root: Path, tool: str) -> None:
    """Raises `Unsupported` for a lock of an unknown version, which pixi would silently replace."""
    path = root / LOCK_NAME
    match = _LOCK_VERSION.search(path.read_bytes()[:4096]) if path.is_file() else None
    if match and int(match[1]) > _NEWEST_LOCK:
        raise Unsupported(
            f"The lock has version {int(match[1])}, which is newer than the {_NEWEST_LOCK} that is "
            f"supported; {tool} would treat it as missing and write it anew.",
            file=path,
            remedy=f"Use a newer {tool} and a newer pytest-pixipack, or remove the lock.",
        )


def _replace(path: Path, content: bytes) -> None:
    try:
        write_named(path, content)
    except OSError as error:
        raise Infrastructure(
            f"The lock cannot be written: {error.strerror or error}.",
            file=path,
            remedy="Choose a directory that can be written, with enough room.",
        ) from error


def _environment(
    options: EngineOptions,
    tools: Tools,
    scratch: Path,
    configuration: Configuration,
    guard: NetworkGuard,
) -> dict[str, str]:
    environment = hermetic_environment(
        scratch / "home",
        network=options.network,
        proxy=guard.url,
        base=options.environ,
        # No CONDA_OVERRIDE_*: pixi lays them over the virtual packages that a workspace declares;
        # without them, it solves and builds for what is declared, whatever the machine has.
        extra={
            "PIXI_CONFIG_FILE": str(configuration.pixi),
            "PIXI_COLOR": "never",
            "PIXI_NO_WRAP": "1",
            "RUST_BACKTRACE": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
        },
    )
    if options.network and not options.channels:
        # Real packages may be kept. Those of stubs never meet them: a cache knows only the URL.
        environment["PIXI_CACHE_DIR"] = str(options.cache_dir.absolute() / "pixi")
    # pixi takes one of the two: no configuration, or this file.
    environment.pop("PIXI_NO_CONFIG", None)
    pixi = tools.get("pixi")
    if pixi is not None:  # pixi-pack runs the `pixi` that it finds on PATH
        environment["PATH"] = os.pathsep.join(
            [str(_directory_with_pixi(pixi.path, scratch)), environment.get("PATH", "")]
        )
    if options.child is not None:
        environment |= options.child.environment
    return environment


def _directory_with_pixi(path: Path, scratch: Path) -> Path:
    if path.stem == "pixi":
        return path.parent
    directory = scratch / "bin"
    directory.mkdir(exist_ok=True)
    alias = directory / f"pixi{path.suffix if os.name == 'nt' else ''}"
    try:
        alias.symlink_to(path)
    except OSError:  # Windows without the right to make links
        shutil.copy2(path, alias)
    return directory


@contextmanager
def _scratch(options: EngineOptions) -> Iterator[Path]:
    own = None if options.scratch is not None else Scratch()
    if own is not None:
        scratch = own.path
    elif options.scratch is not None:
        scratch = options.scratch / "run"
        scratch.mkdir(parents=True)
    # Resolved: pixi compares paths as text, and on macOS /tmp and /var are links.
    scratch = scratch.resolve()
    try:
        yield scratch
    finally:
        if own is None:
            shutil.rmtree(scratch, ignore_errors=True)
        else:
            own.close()


@contextmanager
def _alone(root: Path, cache_dir: Path) -> Iterator[None]:
    from filelock import FileLock

    name = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    directory = cache_dir / "locks"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Infrastructure(
            f"The cache directory cannot be made: {error.strerror or error}.",
            file=directory,
            remedy="Choose another one (PIXIPACK_CACHE_DIR).",
        ) from error
    with FileLock(directory / f"workspace-{name}.lock"):
        yield


@contextmanager
def _leftovers(root: Path, keep: bool) -> Iterator[None]:
    """Removes what pixi makes in a workspace that has no `.pixi` yet."""
    directory = root / ".pixi"
    fresh = not os.path.lexists(directory)
    try:
        yield
    finally:
        if fresh and not keep:
            shutil.rmtree(directory, ignore_errors=True)
