"""Asks the real pixi about the cases of `pypi_cases` and writes down what it says.

    python -m tests.verify.pypi_recording [NAME...]

needs pixi and git on PATH. Each case is a workspace with a lock that pixi made, in which something
was edited; `verdict.json` holds what `pixi lock --check` says of it. In all of it `@ROOT@` stands
for the folder with the channel, `@INDEX@` for the index's URL, and `@REV@` for the commit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.verify.pypi_cases import BASES, CASES, Case, Edit
from tests.verify.pypi_world import GIT_URL, served, write_channel, write_index, write_repository

DATA = Path(__file__).parents[1] / "data" / "pypi-lock-check"
_REASON = re.compile(r"pixi_core\S*: (.*(?:out of date because|not consistent for all).*)")


@dataclass(frozen=True)
class World:
    """Where everything lies while pixi runs, and what stands for what."""

    root: Path
    values: Mapping[str, str]

    def real(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(name, value)
        return text

    def general(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(value, name)
        return text

    def pixi(self, workspace: Path, *arguments: str) -> tuple[int, str]:
        """Exit code and what was written to standard error."""
        home = self.root / "home"
        env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "PIXI_HOME": str(home),
            "PIXI_CACHE_DIR": str(self.root / "cache"), "TMPDIR": str(self.root / "tmp"),
            "PIXI_NO_CONFIG": "1", "PIXI_NO_PROGRESS": "true", "PIXI_NO_WRAP": "1",
            "PIXI_COLOR": "never", "NO_COLOR": "1", "LANG": "C.UTF-8", "RUST_BACKTRACE": "0",
            "CONDA_OVERRIDE_GLIBC": "2.36", "CONDA_OVERRIDE_LINUX": "6.1",
            "CONDA_OVERRIDE_ARCHSPEC": "x86_64", "CONDA_OVERRIDE_CUDA": "",
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        done = subprocess.run(
            ["pixi", *arguments],
            cwd=workspace, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=300,
            encoding="utf-8",
        )  # fmt: skip
        return done.returncode, done.stderr


@contextmanager
def world() -> Iterator[World]:
    """A world of its own below a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="pypi-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        for name in ("home", "cache", "tmp"):
            (root / name).mkdir()
        write_channel(root / "channel")
        write_index(root / "index")
        rev = write_repository(root / "rig")
        config = f'[url "file://{root}/rig"]\n\tinsteadOf = {GIT_URL}\n[safe]\n\tdirectory = *\n'
        (root / "home" / "gitconfig").write_text(config, encoding="utf-8")
        with served(root / "index") as url:
            yield World(root, {
                "@ROOT@": str(root), "@INDEX@": url, "@HOST@": url.removeprefix("http://"),
                "@REV@": rev,
            })  # fmt: skip


def write_files(world: World, workspace: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_bytes(world.real(content).encode())


def locked_base(world: World, name: str) -> Path:
    """A base workspace with the lock that pixi makes of it."""
    workspace = world.root / "bases" / name
    if not workspace.exists():
        write_files(world, workspace, BASES[name])
        code, said = world.pixi(workspace, "lock", "-v")
        if code:
            raise SystemExit(f"pixi cannot lock {name}:\n{said}")
        code, said = world.pixi(workspace, "lock", "--check", "-v")
        if code:
            raise SystemExit(f"pixi finds its own lock of {name} out of date:\n{said}")
    return workspace


def apply(world: World, workspace: Path, edit: Edit) -> None:
    path = workspace / edit.file
    if edit.old is None:
        if edit.new is None:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            write_files(world, workspace, {edit.file: edit.new})
        return
    text = world.general(path.read_bytes().decode())
    if edit.old not in text:
        raise SystemExit(f"{edit.file} does not have {edit.old!r}:\n{text}")
    assert isinstance(edit.new, str)
    path.write_bytes(world.real(text.replace(edit.old, edit.new)).encode())


def verdict(world: World, workspace: Path) -> dict[str, Any]:
    """What pixi says. The check comes last, since it writes the lock that it finds wanting."""
    strict, _ = world.pixi(workspace, "list", "--locked", "--no-install", "--json")
    code, said = world.pixi(workspace, "lock", "--check", "-v")
    found = (_REASON.search(line) for line in said.splitlines())
    reasons = sorted({world.general(match[1]) for match in found if match})
    return {
        "up_to_date": code == 0,
        "strict": strict == 0,
        "reasons": [re.sub(r"(environment: )(.*)", _sorted_names, each) for each in reasons],
    }


def _sorted_names(match: re.Match[str]) -> str:
    return match[1] + ", ".join(sorted(match[2].split(", ")))


def record(world: World, case: Case, target: Path) -> None:
    """Writes a case with its verdict below `target`."""
    workspace = world.root / "cases" / case.name
    shutil.copytree(locked_base(world, case.base), workspace, ignore=_own)
    for edit in case.edits:
        apply(world, workspace, edit)
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(workspace.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(workspace)
            copy.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            if path.suffix != ".whl":
                content = world.general(content.decode()).encode()
            copy.write_bytes(content)
    found = verdict(world, workspace)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (target / "verdict.json").write_bytes(text.encode())


def _own(_folder: str, names: list[str]) -> set[str]:
    return {".pixi", ".gitignore", ".gitattributes"} & set(names)


def main(names: list[str]) -> None:
    with world() as made:
        for case in CASES:
            if not names or case.name in names or case.base in names:
                record(made, case, DATA / case.name)
                text = (DATA / case.name / "verdict.json").read_text(encoding="utf-8")
                found = json.loads(text)
                sys.stdout.write(f"{case.name}: {found['up_to_date']} {found['strict']}\n")
                for reason in found["reasons"]:
                    sys.stdout.write(f"    {reason}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
