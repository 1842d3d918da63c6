"""Copying a workspace without what tools leave in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported

# What pixi, version control, Python and test tools leave behind; never part of a workspace.
_LEFT_BEHIND = frozenset({
    ".pixi", ".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
    ".hypothesis", ".tox", ".nox", "node_modules",
})  # fmt: skip


def copy_workspace(source: Path, target: Path) -> None:
    """Copies a workspace, links as links, executable bits kept.

    Tools' leftovers (`.pixi`, `.git`, caches) and virtual environments stay behind, and so does
    the directory that `target` lies in. Raises `InvalidInput` where `source` is no directory,
    `Infrastructure` where `target` cannot be written.
    """
    if not source.is_dir():
        raise InvalidInput("There is no such workspace directory.", file=source)

    def ignored(directory: str, names: list[str]) -> set[str]:
        # The target may lie below the source (`--basetemp` in a repository).
        own = {name for name in names if _is_below(target, Path(directory, name))}
        return left_behind(directory, names) | own

    try:
        shutil.copytree(source, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    except (shutil.Error, OSError) as error:
        raise Infrastructure(
            f"The workspace cannot be copied: {_reason(error)}.",
            file=target,
            remedy="Choose a directory that can be written, with enough room.",
        ) from error


def copy_beside(root: Path, directories: Iterable[Path], target: Path) -> Path:
    """Copies a workspace and those directories that do not lie in it; returns where it went.

    Their places relative to each other stay, which is what manifests and locks go by. Raises as
    `copy_workspace` does, and `Unsupported` where they lie on several drives.
    """
    outside = outside_sources(root, directories)
    base = _common(root, outside)
    for directory in (root, *outside):
        copy_workspace(directory, target / directory.relative_to(base))
    return target / root.relative_to(base)


def _common(root: Path, outside: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([root, *outside]))
    except ValueError:
        raise Unsupported(
            "The workspace has source packages on another drive, so that it cannot be copied.",
            file=root,
            remedy="Put them beside the workspace.",
        ) from None


def outside_sources(root: Path, directories: Iterable[Path]) -> list[Path]:
    """Those source directories that do not lie below the workspace, sorted."""
    return sorted({path for path in directories if not _is_below(path, root)})


def _is_below(path: Path, root: Path) -> bool:
    try:
        path.relative_to(root)
    except ValueError:
        return False
    return True


def left_behind(directory: str, names: list[str]) -> set[str]:
    """Those names in a directory that are no part of a workspace: tools' leftovers."""
    found = {name for name in names if name in _LEFT_BEHIND}
    for name in names:
        folder = Path(directory, name)
        if (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir():
            found.add(name)
    return found


def _reason(error: BaseException) -> str:
    if isinstance(error, shutil.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def short_root(base: Path, name: str, taken: Callable[[Path], bool] = os.path.lexists) -> Path:
    """A directory below `base` with a short name: Windows paths are limited to 260 characters."""
    stem = "".join(c for c in name if c.isalnum() or c == "-")[:12] or "w"
    number = 0
    while taken(base / f"{stem}{number or ''}"):
        number += 1
    return base / f"{stem}{number or ''}"
