"""Workspaces for tests: copies of existing ones, or written in Python."""

from __future__ import annotations

from pytest_pixipack.workspace.builder import WorkspaceBuilder
from pytest_pixipack.workspace.copying import copy_workspace, short_root
from pytest_pixipack.workspace.workspace import Engine, Workspace

__all__ = ["Engine", "Workspace", "WorkspaceBuilder", "copy_workspace", "short_root"]
