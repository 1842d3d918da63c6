"""Conda packages as files: reading them with care, writing them deterministically."""

from __future__ import annotations

from pytest_pixipack.artifact.digests import Digests, file_digests
from pytest_pixipack.artifact.reader import (
    Artifact,
    read_artifact,
    read_index,
    read_run_exports,
)
from pytest_pixipack.artifact.safety import DEFAULT_LIMITS, ArtifactLimits
from pytest_pixipack.artifact.writer import EPOCH, Member, path_entries, write_artifact

__all__ = [
    "DEFAULT_LIMITS",
    "EPOCH",
    "Artifact",
    "ArtifactLimits",
    "Digests",
    "Member",
    "file_digests",
    "path_entries",
    "read_artifact",
    "read_index",
    "read_run_exports",
    "write_artifact",
]
