"""`pixi.toml` and `[tool.pixi]` of `pyproject.toml`, as pixi 0.77 reads them."""

from __future__ import annotations

from pytest_pixipack.manifest.discovery import find_workspaces
from pytest_pixipack.manifest.load import find_manifest, load_manifest, load_package
from pytest_pixipack.manifest.manifest import Manifest
from pytest_pixipack.manifest.model import (
    RUN_EXPORT_BUCKETS,
    Activation,
    BackendRef,
    BuildSection,
    BuildSource,
    ChannelRef,
    DependencyTables,
    Environment,
    Feature,
    FeatureTarget,
    ManifestWarning,
    Package,
    Platform,
    Position,
    PypiSpec,
    StandIns,
    Workspace,
)
from pytest_pixipack.manifest.platforms import default_virtual_packages
from pytest_pixipack.manifest.spec import Pin, Spec

__all__ = [
    "RUN_EXPORT_BUCKETS", "Activation", "BackendRef", "BuildSection", "BuildSource", "ChannelRef",
    "DependencyTables", "Environment", "Feature", "FeatureTarget", "Manifest", "ManifestWarning",
    "Package", "Pin", "Platform", "Position", "PypiSpec", "Spec", "StandIns", "Workspace",
    "default_virtual_packages", "find_manifest", "find_workspaces", "load_manifest",
    "load_package",
]  # fmt: skip
