"""Copies of workspaces, in which stages run."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_pixipack.lock import Lock


def copy_with_sources(root: Path, lock: Lock, target: Path) -> Path:
    """Copies a workspace and the source packages of its lock; returns where the workspace went.

    Raises as `copy_beside` does.
    """
    from pytest_pixipack.workspace.copying import copy_beside

    sources = [
        Path(os.path.normpath(root / package.location))
        for package in lock.packages
        if package.is_source and "://" not in package.location
    ]
    return copy_beside(root, sources, target)
