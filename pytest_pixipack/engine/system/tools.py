"""The tools of the system engine: where they are and which release they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.support import SUPPORTED, WAY_ON, is_supported
from pytest_pixipack.errors import Infrastructure, Unsupported

TOOLS = tuple(SUPPORTED)
REQUIRED = ("pixi", "pixi-pack", "pixi-unpack")
_PROBE_TIMEOUT = 60.0  # seconds; the first start of a program on a busy machine may be slow


class MissingTool(Infrastructure):
    """A tool of the system engine is not on this machine: a reason to skip, never a failure."""

    def __init__(self, tool: str, where: str) -> None:
        self.tool = tool
        super().__init__(
            f"{tool} was not found {where}.",
            remedy=f"Install {tool} {SUPPORTED[tool]} and put it on PATH, or use the embedded "
            "engine (--pixipack-engine=embedded).",
        )


@dataclass(frozen=True, slots=True)
class Tool:
    """One program: its name, absolute path, and what it says its version is.

    `version` is None where `text`, the output of `--version`, holds none.
    """

    name: str
    path: Path
    text: str
    version: Version | None

    def __str__(self) -> str:
        return f"{self.name} {self.version or '(unknown version)'}"

    @property
    def problem(self) -> str | None:
        """Why this release is not supported, as a full sentence; None where it is."""
        needed = SUPPORTED[self.name]
        if self.version is None:
            said = self.text.strip().splitlines()[:1] or ["nothing"]
            return (
                f"The version of {self.name} ({self.path}) is unknown: `--version` says "
                f"{said[0]!r}; {self.name} {needed} is supported."
            )
        if not is_supported(self.name, self.version):
            return (
                f"{self.name} {self.version} ({self.path}) is not supported; "
                f"{self.name} {needed} is."
            )
        return None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that were found; those that were not are absent. `where` says where from."""

    found: Mapping[str, Tool] = field(default_factory=dict)
    where: str = "on PATH"

    def __str__(self) -> str:
        return ", ".join(str(tool) for tool in self.found.values()) or "no tools"

    def get(self, name: str) -> Tool | None:
        """A tool, supported or not; None where it is missing."""
        return self.found.get(name)

    def require(self, name: str) -> Tool:
        """A tool that can be used.

        Raises `MissingTool` where there is none, `Unsupported` where its release is too old or
        unknown.
        """
        tool = self.found.get(name)
        if tool is None:
            raise MissingTool(name, self.where)
        if tool.problem is not None:
            raise Unsupported(tool.problem, remedy=f"Upgrade {name}. {WAY_ON}")
        return tool

    def problem(self, *names: str) -> str | None:
        """The first reason why the named tools (default: the required ones) cannot be used."""
        for name in names or REQUIRED:
            tool = self.found.get(name)
            if tool is None:
                return f"{name} was not found {self.where}."
            if tool.problem is not None:
                return tool.problem
        return None


def find_tools(
    environ: Mapping[str, str] | None = None,
    *,
    explicit: Mapping[str, Path] | None = None,
    directory: Path | None = None,
) -> Tools:
    """Looks for the tools and asks each for its version.

    `explicit` names single files (name of the tool -> path), `directory` holds a toolchain
    (nothing is then taken from PATH); otherwise the `PATH` of `environ` (default: this process's)
    counts. Raises `MissingTool` where an explicit file is not there.
    """
    found_environ = os.environ if environ is None else environ
    path = str(directory) if directory else found_environ.get("PATH", "")
    found: dict[str, Tool] = {}
    for name in TOOLS:
        given = (explicit or {}).get(name)
        if given is not None and not given.is_file():
            raise MissingTool(name, f"at {given}")
        # The path is not resolved: what a link is called can decide what it does.
        located = str(given) if given else shutil.which(name, path=path)
        if located:
            found[name] = probe(name, Path(located).absolute())
    return Tools(found, f"in {directory}" if directory else "on PATH")


def probe(name: str, path: Path) -> Tool:
    """Asks a program for its version; asked again only after the file has changed."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0
    text = _version_text(path, stamp)
    return Tool(name, path, text, parse_version(text))


def parse_version(text: str) -> Version | None:
    """The version in the output of `--version` (`pixi 0.77.0`); None where there is none."""
    for line in text.splitlines():
        match = re.match(r"\s*(?:[\w.-]*[a-z]\s+)?v?(\d+(?:\.\d+)+\S*)", line, flags=re.I)
        if match is None:
            continue
        for candidate in (match[1], re.match(r"\d+(?:\.\d+)+", match[1])[0]):  # type: ignore[index]
            try:
                return Version(candidate)
            except InvalidVersion:
                continue
    return None


@lru_cache(maxsize=64)
def _version_text(path: Path, _stamp: int) -> str:
    with scratch_directory() as home:
        try:
            done = subprocess.run(
                [str(path), "--version"],
                env=hermetic_environment(home),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PROBE_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
