"""Running builds: each in a process of its own, under conditions that a variation may change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_pixipack import errors
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.errors import Infrastructure, PixipackError
from pytest_pixipack.reproduce import build_child
from pytest_pixipack.reproduce.conditions import Machine, Setup
from pytest_pixipack.reproduce.sources import Pristine, copy_in_order, remove
from pytest_pixipack.reproduce.variations import Variation

_LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is built each time: an environment on a platform, all packages or only some.

    `pack` is whether it is packed, too; `timeout` is in seconds, for one build.
    """

    environment: str
    platform: str
    only: tuple[str, ...] | None = None
    pack: bool = True
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made: `files` by target (a package's name, or `environment.tar`).

    `seen` is what its processes saw of their surroundings; `error` is why there is nothing.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    seen: tuple[Mapping[str, Any], ...] = ()
    error: PixipackError | None = None


class Lane:
    """A place where one build at a time runs, always at the same paths.

    Builds of two lanes run side by side, and are at different paths: so only builds of one lane
    are compared with each other.
    """

    def __init__(
        self,
        directory: Path,
        workspace: Path,
        pristine: Pristine,
        machine: Machine,
        wanted: Wanted,
        engine: str,
    ) -> None:
        self._directory = directory
        self._pristine = pristine
        self._machine = machine
        self._wanted = wanted
        self._engine = engine
        self._count = 0
        self._warm: Path | None = None
        self.base: Built | None = None
        self.usual = Setup(
            workspace=workspace / "workspace",
            work=directory / "b",
            home=directory / "home",
            temp=directory / "tmp",
            cache=directory / "cache",
            network=machine.network,
        )

    def build(self, variations: Sequence[Variation] = ()) -> Built:
        """Builds with these conditions changed; what was made is kept below the lane's directory.

        Raises `Infrastructure` where the build cannot be run at all.
        """
        setup = self.usual
        for each in variations:
            setup = each.change(setup, self._machine)
        self._count += 1
        results = self._directory / f"r{self._count}"
        observed = results / "observed"
        observed.mkdir(parents=True)
        try:
            copy_in_order(
                self._pristine.directory,
                setup.workspace,
                reverse=setup.reverse,
                later=setup.later,
            )
            for folder in (setup.home, setup.temp, setup.cache, setup.work):
                folder.mkdir(parents=True, exist_ok=True)
            if setup.warm and self._warm is not None:
                self._take_caches(setup, self._warm)
            result = self._run(setup, results, observed)
            if self._warm is None:
                self._warm = self._keep_caches(setup)
        finally:
            _remove_shared_memory(observed)
            for folder in (setup.workspace, setup.home, setup.temp, setup.cache, setup.work):
                remove(folder)
        return _built(result, observed, setup.workspace)

    def _run(self, setup: Setup, results: Path, observed: Path) -> dict[str, Any]:
        options = self._pristine.options
        job = {
            "engine": self._engine,
            "root": str(setup.workspace / self._pristine.relative),
            "out": str(results),
            "work": str(setup.work),
            "observed": str(observed),
            "environment": self._wanted.environment,
            "platform": self._wanted.platform,
            "only": None if self._wanted.only is None else list(self._wanted.only),
            "pack": self._wanted.pack,
            "cpus": setup.cpus,
            "variables": setup.variables(),
            "options": {
                "cache_dir": str(options.cache_dir),
                "channels": {name: str(path) for name, path in options.channels.items()},
                "backends": dict(options.backends),
                "network": setup.network,
                "backend_timeout": options.backend_timeout,
                "environ": dict(options.environ),
            },
        }
        place = results / "job.json"
        place.write_text(json.dumps(job), encoding="utf-8")
        _start(place, setup, self._wanted.timeout)
        found: dict[str, Any] = json.loads((results / "result.json").read_text(encoding="utf-8"))
        return found

    def _keep_caches(self, setup: Setup) -> Path:
        """What the first build has left in its caches, for those that are to find it there."""
        kept = self._directory / "warm"
        for name, folder in _caches(setup).items():
            if folder.is_dir():
                copy_in_order(folder, kept / name)
        return kept

    def _take_caches(self, setup: Setup, kept: Path) -> None:
        for name, folder in _caches(setup).items():
            if (kept / name).is_dir():
                remove(folder)
                copy_in_order(kept / name, folder)


def _caches(setup: Setup) -> dict[str, Path]:
    """The user's cache directory, and the one that an engine names to a backend."""
    return {"user": setup.cache, "backend": setup.work / "cache"}


def _remove_shared_memory(observed: Path) -> None:
    """Removes what libfaketime leaves of a process that becomes another program."""
    for path in observed.glob("*.json"):
        for name in (f"faketime_shm_{path.stem}", f"sem.faketime_sem_{path.stem}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


def _start(job: Path, setup: Setup, timeout: float) -> None:
    variables = setup.variables()
    # For the build's backends alone: a library for all programs is no concern of ours.
    for name in ("LD_PRELOAD", "FAKETIME"):
        variables.pop(name, None)
    environment = hermetic_environment(setup.home, network=setup.network, extra=variables)
    command = [sys.executable, build_child.__file__, str(job)]
    umask = -1 if sys.platform == "win32" else setup.umask
    log = job.with_name("log.txt")
    try:
        with log.open("wb") as stream:
            done = subprocess.run(
                command,
                env=environment,
                cwd=job.parent,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                umask=umask,
            )
    except subprocess.TimeoutExpired:
        raise Infrastructure(
            f"A build took longer than {timeout:g} seconds.", file=log,
            remedy="Allow more time, or look at what it waits for.",
        ) from None  # fmt: skip
    except OSError as error:
        raise Infrastructure(f"A build cannot be started: {error.strerror or error}.") from error
    if done.returncode or not job.with_name("result.json").is_file():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise Infrastructure(
            f"A build process ended with {done.returncode}: " + "\n".join(lines), file=log
        )


def _built(result: Mapping[str, Any], observed: Path, workspace: Path) -> Built:
    def place(facts: Mapping[str, Any]) -> str:
        """Which package a process was for, wherever the workspace was."""
        return str(facts["path"]).partition(workspace.name)[2]

    each = (json.loads(path.read_text(encoding="utf-8")) for path in observed.glob("*.json"))
    seen = tuple(sorted(each, key=lambda facts: (place(facts), facts["time"] or 0)))
    if "error" in result:
        return Built(seen=seen, error=_error(result["error"]))
    files = {name: Path(path) for name, path in result["artifacts"].items()}
    if result["pack"] is not None:
        files[build_child.PACK] = Path(result["pack"])
    return Built(files, seen)


def _error(described: Mapping[str, Any]) -> PixipackError:
    kind = getattr(errors, described["class"], errors.PixipackError)
    more = {name: described[name] for name in ("file", "line", "column", "package", "remedy")}
    found: PixipackError = kind(described["message"], **more)
    return found
