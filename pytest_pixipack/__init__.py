"""pytest-pixipack: do pixi.lock, built packages, environment.tar and the installed prefix agree?

The public names; each is imported when it is first used, so that `import pytest_pixipack` costs
nothing (the stub backend and every pytest run that does not use the plugin start with it). The
functions `verify`, `compare` and `difference` are in the modules of their name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dirty_equals import Contains

    from pytest_pixipack.artifact import Artifact, read_artifact, write_artifact
    from pytest_pixipack.channel import BuiltChannel, File, StubChannel
    from pytest_pixipack.compare import Compared, compare_paths
    from pytest_pixipack.difference import Difference
    from pytest_pixipack.engine.embedded import EmbeddedEngine
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.engine.system.engine import SystemEngine
    from pytest_pixipack.engine.system.tools import MissingTool
    from pytest_pixipack.errors import (
        BackendError,
        Infrastructure,
        InvalidInput,
        PixipackError,
        SolveError,
        Unsupported,
    )
    from pytest_pixipack.facts import FileFacts, PackageFacts, RunExports
    from pytest_pixipack.lock import Lock, parse_lock, read_lock, write_lock
    from pytest_pixipack.manifest import Manifest, load_manifest
    from pytest_pixipack.matchers import (
        HasFiles,
        IsBuildString,
        IsMd5,
        IsPack,
        IsPackage,
        IsPrefix,
        IsSha256,
        IsSource,
        IsSpec,
        IsTimestamp,
        IsVersion,
    )
    from pytest_pixipack.pack import Pack, read_pack, unpack, write_pack
    from pytest_pixipack.prefix import Prefix, read_prefix
    from pytest_pixipack.verify import Finding, Report, check_lock
    from pytest_pixipack.workspace import Workspace, WorkspaceBuilder

__version__ = "0.1.0"

_HOMES = {
    "dirty_equals": ("Contains",),
    "pytest_pixipack.artifact": ("Artifact", "read_artifact", "write_artifact"),
    "pytest_pixipack.channel": ("BuiltChannel", "File", "StubChannel"),
    "pytest_pixipack.compare": ("Compared", "compare_paths"),
    "pytest_pixipack.difference": ("Difference",),
    "pytest_pixipack.engine.embedded": ("EmbeddedEngine",),
    "pytest_pixipack.engine.options": ("EngineOptions",),
    "pytest_pixipack.engine.system.engine": ("SystemEngine",),
    "pytest_pixipack.engine.system.tools": ("MissingTool",),
    "pytest_pixipack.errors": (
        "BackendError", "Infrastructure", "InvalidInput", "PixipackError", "SolveError",
        "Unsupported",
    ),
    "pytest_pixipack.facts": ("FileFacts", "PackageFacts", "RunExports"),
    "pytest_pixipack.lock": ("Lock", "parse_lock", "read_lock", "write_lock"),
    "pytest_pixipack.manifest": ("Manifest", "load_manifest"),
    "pytest_pixipack.matchers": (
        "HasFiles", "IsBuildString", "IsMd5", "IsPack", "IsPackage", "IsPrefix", "IsSha256",
        "IsSource", "IsSpec", "IsTimestamp", "IsVersion",
    ),
    "pytest_pixipack.pack": ("Pack", "read_pack", "unpack", "write_pack"),
    "pytest_pixipack.prefix": ("Prefix", "read_prefix"),
    "pytest_pixipack.verify": ("Finding", "Report", "check_lock"),
    "pytest_pixipack.workspace": ("Workspace", "WorkspaceBuilder"),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Artifact", "BackendError", "BuiltChannel", "Compared", "Contains", "Difference",
    "EmbeddedEngine", "EngineOptions", "File", "FileFacts", "Finding", "HasFiles",
    "Infrastructure", "InvalidInput", "IsBuildString", "IsMd5", "IsPack", "IsPackage",
    "IsPrefix", "IsSha256", "IsSource", "IsSpec", "IsTimestamp", "IsVersion", "Lock",
    "Manifest", "MissingTool", "Pack", "PackageFacts", "PixipackError", "Prefix", "Report",
    "RunExports", "SolveError", "StubChannel", "SystemEngine", "Unsupported", "Workspace",
    "WorkspaceBuilder", "check_lock", "compare_paths", "load_manifest", "parse_lock",
    "read_artifact", "read_lock", "read_pack", "read_prefix", "unpack", "write_artifact",
    "write_lock", "write_pack",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
