"""Asks the real pixi about the cases of `pypi_cases` and writes down what it says.

    python -m tests.verify.pypi_recording

needs pixi and git on PATH. `tests/data/pypi-lock-check` then holds each base workspace with the
lock that pixi made of it, and `verdicts.json`: what `pixi lock --check` says of each case, and
whether `pixi list --locked` takes it. In all of it `@ROOT@` stands for the folder with the channel,
`@INDEX@` for the URL of the index (`@HOST@` without its scheme), and `@REV@` for the commit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
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


def recorded(folder: Path, base: str, *edits: Edit) -> Path:
    """A recorded workspace below `folder`, edited. Its channel and its index are not there."""
    root = folder.as_uri().removeprefix("file://")
    host = "127.0.0.1:9"
    values = {"@ROOT@": root, "@INDEX@": f"http://{host}", "@HOST@": host, "@REV@": "c" * 40}
    around = World(folder, values)
    workspace = folder / "workspace"
    shutil.copytree(DATA / base, workspace)
    for path in workspace.rglob("*"):
        if path.is_file() and path.suffix != ".whl":
            path.write_bytes(around.real(path.read_bytes().decode()).encode())
    for edit in edits:
        apply(around, workspace, edit)
    return workspace


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
    """Makes an edit. Raises `ValueError` where there is nothing to replace."""
    path = workspace / edit.file
    if edit.old is not None:
        text = world.general(path.read_bytes().decode())
        if edit.old not in text or not isinstance(edit.new, str):
            raise ValueError(f"{edit.file} does not have {edit.old!r}:\n{text}")
        write_files(world, workspace, {edit.file: text.replace(edit.old, edit.new)})
    elif edit.new is not None:
        write_files(world, workspace, {edit.file: edit.new})
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


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


def made(world: World, case: Case, workspace: Path) -> Path:
    """The workspace of a case."""
    shutil.copytree(locked_base(world, case.base), workspace, ignore=_own)
    for edit in case.edits:
        apply(world, workspace, edit)
    return workspace


def keep(world: World, name: str, target: Path) -> None:
    """Copies a base workspace with its lock below `target`."""
    source = locked_base(world, name)
    for path in sorted(source.rglob("*")):
        kept = path.relative_to(source)
        if path.is_dir() or _own("", list(kept.parts)):
            continue
        content = path.read_bytes()
        if path.suffix != ".whl":
            content = world.general(content.decode()).encode()
        (target / kept).parent.mkdir(parents=True, exist_ok=True)
        (target / kept).write_bytes(content)


def _own(_folder: str, names: list[str]) -> set[str]:
    return {".pixi", ".gitignore", ".gitattributes"} & set(names)


def main() -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    verdicts = {}
    with world() as around:
        for name in BASES:
            keep(around, name, DATA / name)
        for case in CASES:
            workspace = made(around, case, around.root / "cases" / case.name)
            verdicts[case.name] = verdict(around, workspace)
    text = json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n"
    (DATA / "verdicts.json").write_bytes(text.encode())


if __name__ == "__main__":
    main()
