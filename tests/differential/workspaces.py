"""What is compared: the recorded workspaces and the documented examples."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pytest_pixipack.lock import Lock, parse_lock
from pytest_pixipack.platforms import current_platform

from .known import Item

TESTS = Path(__file__).parents[1]
CASES = TESTS / "data" / "conformance" / "cases"
EXAMPLES = TESTS.parent / "docs" / "examples"
REPOSITORY = "https://git.example.org/stub.git"
KEYS = ("NAME", "EMAIL")
MANIFESTS = ("pixi.toml", "pyproject.toml")


@dataclass(frozen=True)
class Case:
    """A workspace: `root` is copied, `inside` leads to the workspace, `lock` was recorded."""

    name: str
    root: Path
    inside: str
    lock: Path

    def copy(self, target: Path) -> Path:
        """Copies everything but what was recorded, and returns the workspace without its lock."""
        recorded = shutil.ignore_patterns("expected", ".pixi")
        shutil.copytree(self.root, target, symlinks=True, ignore=recorded)
        workspace = target / self.inside
        (workspace / "pixi.lock").unlink(missing_ok=True)
        if (target / "repo").is_dir():
            use_repository(workspace / "pixi.toml", target / "repo")
        return workspace

    def recorded(self) -> Lock:
        return parse_lock(self.lock.read_text(encoding="utf-8").replace("@ROOT@", "/root"))


def use_repository(manifest: Path, repository: Path) -> None:
    """Makes a Git repository of a directory and has the manifest name it, not the recorded one."""
    who = {f"GIT_{role}_{key}": "n@example.org" for role in ("AUTHOR", "COMMITTER") for key in KEYS}
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "m")):
        subprocess.run(["git", *command], cwd=repository, env={**os.environ, **who}, check=True)
    text = manifest.read_text(encoding="utf-8")
    assert REPOSITORY in text
    manifest.write_text(text.replace(REPOSITORY, repository.as_uri()), encoding="utf-8")


def is_workspace(directory: Path) -> bool:
    return any((directory / name).is_file() for name in MANIFESTS)


def all_cases() -> dict[str, Case]:
    """Those recorded cases that came with their workspace, and all examples."""
    found = {}
    for root in sorted(CASES.iterdir()):
        if is_workspace(root / "workspace"):
            found[root.name] = Case(root.name, root, "workspace", root / "expected" / "pixi.lock")
    for root in sorted(EXAMPLES.iterdir()):
        if is_workspace(root):
            found[root.name] = Case(root.name, root, "", root / "pixi.lock")
    return found


def items(
    layer: str, *, here: str | None = None, only_here: bool = False, only_sources: bool = False
) -> Iterator[Item]:
    """One item for each environment and platform that is locked; `here` is this machine's.

    pixi installs an environment that needs a graphics card only where there is one: that is no item
    of the layer `install`.
    """
    machine = here or current_platform()
    for case in all_cases().values():
        lock = case.recorded()
        for (environment, subdir), sources in targets(lock).items():
            if layer == "install" and needs_a_card(lock, environment, subdir):
                continue
            if (not only_here or subdir == machine) and (not only_sources or sources):
                yield Item(layer, case.name, environment, subdir, subdir == machine)


def needs_a_card(lock: Lock, environment: str, subdir: str) -> bool:
    platforms = lock.platforms_of(environment, subdir)
    return all("__cuda" in " ".join(platform.virtual_packages) for platform in platforms)


def targets(lock: Lock) -> dict[tuple[str, str], bool]:
    """Environments and subdirs, and whether there are source packages."""
    subdirs = {platform.name: platform.subdir for platform in lock.platforms}
    # Two platforms of one subdir are one target for all that is not the lock.
    found: dict[tuple[str, str], bool] = {}
    for name, environment in lock.environments.items():
        for platform, packages in environment.packages.items():
            key = (name, subdirs[platform])
            sources = any(package.is_source for package in packages)
            found[key] = found.get(key, False) or sources
    return found


def injections() -> dict[str, tuple[str, ...]]:
    """What was injected into the recorded packs, by a name for each."""
    commands = json.loads((CASES / "injection" / "case.json").read_text(encoding="utf-8"))
    found = {}
    for words in commands["commands"]:
        files = tuple(word for before, word in pairwise(words) if before == "-i")
        if files:
            found["+".join(Path(file).name.split("-")[0] for file in files)] = files
    return found
