"""Finds the workspaces below a directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.manifest.load import PIXI_TOML, PYPROJECT_TOML, may_mention_pixi
from pytest_pixipack.toml_positions import load_toml

# What makes a directory an installed environment; there are no workspaces in those.
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
_NEVER = ("node_modules", "__pycache__")


def find_workspaces(root: Path, ignored: Callable[[Path], bool] | None = None) -> Iterator[Path]:
    """The directories with a workspace manifest, `root` first, each level by name.

    Never below hidden directories (so not in `.pixi` and `.git`), environments, `node_modules`,
    links, and what `ignored` says. A manifest that cannot be read or parsed counts, so that it is
    reported and not passed over; one that has only a package does not.
    """
    todo = [root]
    while todo:
        directory = todo.pop()
        names, folders = _scan(directory)
        if any(mark in names for mark in _ENVIRONMENT_MARKS) and directory != root:
            continue
        if _is_workspace(directory, names):
            yield directory
        children = [directory / name for name in sorted(folders, reverse=True)]
        todo += [child for child in children if ignored is None or not ignored(child)]


def _scan(directory: Path) -> tuple[set[str], list[str]]:
    """All names in a directory, and the directories to look into."""
    names: set[str] = set()
    folders = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.name.startswith(".") or entry.name in _NEVER:
                    continue
                if _is_directory(entry):
                    folders.append(entry.name)
    except OSError:
        return names, []  # not ours to read, or gone in the meantime
    return names, folders


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_workspace(directory: Path, names: set[str]) -> bool:
    if PIXI_TOML in names and (directory / PIXI_TOML).is_file():
        return _says_workspace(directory / PIXI_TOML, ())
    if PYPROJECT_TOML not in names:
        return False
    file = directory / PYPROJECT_TOML
    # Most of these files have nothing to do with pixi, and parsing takes longer than looking.
    return file.is_file() and may_mention_pixi(file) and _says_workspace(file, ("tool", "pixi"))


def _says_workspace(file: Path, prefix: tuple[str, ...]) -> bool:
    try:
        table, _ = load_toml(file)
    except (InvalidInput, Infrastructure):
        return True
    for key in prefix:
        inner = table.get(key)
        if not isinstance(inner, dict):
            return False
        table = inner
    if "workspace" in table or "project" in table:
        return True
    # Neither a workspace nor a package is a mistake, which has to be reported.
    return not prefix and "package" not in table
