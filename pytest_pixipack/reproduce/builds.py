"""Running builds: each in a process of its own, under conditions that a variation may change."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_pixipack import errors
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.process import end_group
from pytest_pixipack.errors import Infrastructure, PixipackError
from pytest_pixipack.reproduce import build_child
from pytest_pixipack.reproduce.conditions import Machine, Setup, marks, without_effect
from pytest_pixipack.reproduce.processes import end_descendants
from pytest_pixipack.reproduce.sources import (
    CHECKOUT,
    Pristine,
    copied_sources,
    copy_in_order,
    remove,
)
from pytest_pixipack.reproduce.variations import Variation

_LAST_LINES = 20
# What a wait until a moment gets from libfaketime 0.9.10, which reckons with another clock than the
# caller (`clock_nanosleep` in its src/libfaketime.c). Python waits so since 3.11.
_REFUSED = re.compile(r"\[Errno 22\]|Invalid argument|\bEINVAL\b")
_NONE = "a build as usual has to come first"


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
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._left_faketime = False
        self._starting = threading.Lock()
        self.base: Built | None = None
        # Where the workspace is in a build as usual.
        self.root = workspace / "workspace" / CHECKOUT / pristine.relative
        self.usual = Setup(
            workspace=workspace / "workspace",
            work=directory / "b",
            home=directory / "home",
            temp=directory / "tmp",
            cache=directory / "cache",
            network=machine.network,
            environment=without_effect(machine),
        )

    @property
    def moment(self) -> float | None:
        """When the machine was looked at, in seconds since 1970, if its clock can be stopped."""
        return self._machine.moment if self._machine.faketime is not None else None

    def build(self, variations: Sequence[Variation] = (), timeout: float | None = None) -> Built:
        """Builds with these conditions changed; what was made is kept below the lane's directory.

        `timeout` is in seconds, where it is to be shorter than usual. Raises `Infrastructure` where
        the build cannot be run at all, or takes longer.
        """
        with self._prepared(variations) as (setup, root, results):
            result = self._run(setup, root, results, timeout=timeout)
            if self._warm is None:
                self._warm = self._keep(setup)
            made = _built(result, results / "observed", root)
            if not self._left_faketime:
                return made
            return replace(made, seen=tuple({**seen, "left": True} for seen in made.seen))

    def leaves_faketime(self, made: Built) -> bool:
        """Whether a build has failed in a way that libfaketime is known to make builds fail.

        If so, all builds from here on are without it.
        """
        refused = made.error is not None and _REFUSED.search(made.error.message) is not None
        if not refused or self._machine.faketime is None:
            return False
        self._machine = replace(self._machine, faketime=None)
        self._left_faketime = True
        return True

    def look(self, variations: Sequence[Variation] = ()) -> tuple[Mapping[str, Any], ...]:
        """What a process sees with these conditions changed; nothing is built.

        Raises as `build` does.
        """
        with self._prepared(variations) as (setup, root, results):
            self._run(setup, root, results, build=False)
            return _seen(results / "observed", root)

    def marks(self, variation: Variation) -> frozenset[str]:
        """Words by which one would know this variation in what a build writes."""
        return marks(self.usual, variation.change(self.usual, self._machine))

    def stop(self) -> None:
        """Ends the build that runs, and lets no other one start; may be called from any thread."""
        with self._starting:
            self._stopped = True
            if self._running is not None:
                _end(self._running)

    @contextlib.contextmanager
    def _prepared(self, variations: Sequence[Variation]) -> Iterator[tuple[Setup, Path, Path]]:
        """The conditions, the workspace in them, and a directory for results."""
        setup = self.usual
        for each in variations:
            setup = each.change(setup, self._machine)
        self._count += 1
        results = self._directory / f"r{self._count}"
        observed = results / "observed"
        observed.mkdir(parents=True)
        try:
            root = copied_sources(
                self._pristine,
                setup.workspace,
                renamed=setup.renamed,
                reverse=setup.reverse,
                later=setup.later,
            )
            for folder in (setup.home, setup.temp, setup.cache, setup.work):
                folder.mkdir(parents=True, exist_ok=True)
            if setup.warm:
                self._take(setup)
            yield setup, root, results
        finally:
            _remove_shared_memory(observed)
            for folder in (setup.workspace, setup.home, setup.temp, setup.cache, setup.work):
                remove(folder)

    def _run(
        self,
        setup: Setup,
        root: Path,
        results: Path,
        *,
        build: bool = True,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        options = self._pristine.options
        job = {
            "build": build,
            "engine": self._engine,
            "root": str(root),
            "out": str(results),
            "work": str(setup.work),
            "observed": str(results / "observed"),
            "kept": [str(folder) for folder in _kept(setup).values()],
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
        self._start(place, setup, min(timeout or self._wanted.timeout, self._wanted.timeout))
        found: dict[str, Any] = json.loads((results / "result.json").read_text(encoding="utf-8"))
        return found

    def _start(self, job: Path, setup: Setup, timeout: float) -> None:
        log = job.with_name("log.txt")
        try:
            with log.open("wb") as stream:
                with self._starting:
                    if self._stopped:
                        raise Infrastructure("The build was stopped.")
                    process = _process(job, setup, stream)
                    self._running = process
                try:
                    code = process.wait(timeout)
                finally:
                    with self._starting:
                        self._running = None
                        _end(process)
        except subprocess.TimeoutExpired:
            raise Infrastructure(
                f"A build took longer than {timeout:g} seconds.", file=log,
                remedy="Allow more time, or look at what it waits for.",
            ) from None  # fmt: skip
        except OSError as error:
            raise Infrastructure(
                f"A build cannot be started: {error.strerror or error}."
            ) from error
        if code or not job.with_name("result.json").is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            raise Infrastructure(
                f"A build process ended with {code}: " + "\n".join(lines), file=log
            )

    def _keep(self, setup: Setup) -> Path:
        """What the first build has left, for those that are to find it there."""
        kept = self._directory / "warm"
        for name, folder in _kept(setup).items():
            if folder.is_dir():
                copy_in_order(folder, kept / name)
        return kept

    def _take(self, setup: Setup) -> None:
        if self._warm is None:
            raise Infrastructure(f"Nothing is there that was kept: {_NONE}.")
        for name, folder in _kept(setup).items():
            if (self._warm / name).is_dir():
                remove(folder)
                copy_in_order(self._warm / name, folder)


def _kept(setup: Setup) -> dict[str, Path]:
    """Where a build may find what an earlier one has left: a user's home and caches, and the
    directories that an engine names to a backend (`cacheDirectory`, `workspaceScratchDirectory`).
    """
    return {
        "home": setup.home,
        "user": setup.cache,
        "backend": setup.work / "cache",
        "scratch": setup.work / "scratch",
    }


def _remove_shared_memory(observed: Path) -> None:
    """Removes what libfaketime leaves of a process that is killed."""
    for path in observed.glob("*.json"):
        for name in (f"faketime_shm_{path.stem}", f"sem.faketime_sem_{path.stem}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


def _process(job: Path, setup: Setup, log: Any) -> subprocess.Popen[bytes]:
    variables = setup.variables()
    # For the build's backends alone: a library for all programs is no concern of ours.
    for name in ("LD_PRELOAD", "FAKETIME"):
        variables.pop(name, None)
    return subprocess.Popen(
        [sys.executable, build_child.__file__, str(job)],
        env=hermetic_environment(setup.home, network=setup.network, extra=variables),
        cwd=job.parent,
        # Nothing is sent: where this end is gone, so is the process that wants the build.
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        umask=-1 if sys.platform == "win32" else setup.umask,
        start_new_session=sys.platform != "win32",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a build process with all that it has started."""
    if process.poll() is None:
        end_descendants(process.pid)
    end_group(process)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _built(result: Mapping[str, Any], observed: Path, root: Path) -> Built:
    seen = _seen(observed, root)
    if "error" in result:
        return Built(seen=seen, error=_error(result["error"]))
    files = {name: Path(path) for name, path in result["artifacts"].items()}
    if result["pack"] is not None:
        files[build_child.PACK] = Path(result["pack"])
    return Built(files, seen)


def _seen(observed: Path, root: Path) -> tuple[Mapping[str, Any], ...]:
    """What was seen by all processes of all backends, in the order of their packages."""

    def place(facts: Mapping[str, Any]) -> tuple[str, float]:
        """Which package a process was for, wherever the workspace was, and when."""
        path = Path(str(facts["path"]))
        if path.is_relative_to(root):
            return f"./{path.relative_to(root).as_posix()}", facts["time"] or 0
        return f"../{path.name}", facts["time"] or 0

    each = [json.loads(path.read_text(encoding="utf-8")) for path in observed.glob("*.json")]
    return tuple(
        {**facts, **process}
        for facts in sorted(each, key=place)
        for process in facts.get("processes") or [{}]
    )


def _error(described: Mapping[str, Any]) -> PixipackError:
    kind = getattr(errors, described["class"], errors.PixipackError)
    more = {name: described[name] for name in ("file", "line", "column", "package", "remedy")}
    found: PixipackError = kind(described["message"], **more)
    return found
