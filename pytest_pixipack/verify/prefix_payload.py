"""The files of a prefix against the artifact that they were installed from.

What conda-meta says of a file was written by the same installer as the file, so that both can be
wrong in the same way; the artifact knows better.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.prefix.files import PrefixFiles

# Windows has no executable bit.
_HAS_MODES = os.name != "nt"


def unlike_artifact(
    facts: PackageFacts, artifact: Artifact, real: PrefixFiles
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A message and the fields of a problem for each kind of difference.

    Files that conda-meta knows to be absent or altered are not looked at. Nothing is said of
    another build, and of what an installer changes: prefixes, and places of noarch Python packages.
    """
    if artifact.facts.noarch == "python" or artifact.facts.sha256 != facts.sha256:
        return
    recorded = facts.files or {}
    replaced = {path for path, file in (artifact.facts.files or {}).items() if file.placeholder}
    files = {path: file for path, file in artifact.payload.items() if file.kind != "directory"}
    absent = [path for path in files if path not in real and path not in recorded]
    if absent:
        yield (
            f"{len(absent)} files of {facts.name} were not installed.",
            {"field": "files absent", "expected": absent, "cause": "file-removed"},
        )
    present = {path: file for path, file in files.items() if path in real and path not in replaced}
    altered = [
        path
        for path, file in present.items()
        if _digest(file) not in (None, real[path].sha256) and _as_recorded(path, facts, real)
    ]
    if altered:
        yield (
            f"{len(altered)} installed files of {facts.name} are not those of the artifact.",
            {
                "field": "files altered",
                "expected": [f"{path} {(files[path].sha256 or '')[:12]}" for path in altered],
                "actual": [f"{path} {(real[path].sha256 or '')[:12]}" for path in altered],
                "cause": "content",
            },
        )
    modes = [path for path, file in present.items() if _other_mode(file, real[path])]
    if modes and _HAS_MODES:
        yield (
            f"{len(modes)} installed files of {facts.name} have another executable bit.",
            {
                "field": "files executable",
                "expected": [_mode(path, files[path]) for path in modes],
                "actual": [_mode(path, real[path]) for path in modes],
                "cause": "mode",
            },
        )


def _digest(file: FileFacts) -> str | None:
    return file.sha256 if file.kind == "file" else None


def _as_recorded(path: str, facts: PackageFacts, real: PrefixFiles) -> bool:
    """Whether the file is what conda-meta says; where it is not, that is what is reported."""
    recorded = (facts.files or {}).get(path)
    return recorded is None or recorded.sha256 in (None, real[path].sha256)


def _other_mode(file: FileFacts, found: FileFacts) -> bool:
    return file.kind == found.kind == "file" and file.executable != found.executable


def _mode(path: str, file: FileFacts) -> str:
    return f"{path} {'executable' if file.executable else 'not executable'}"
