"""The files of a prefix against those of the package that they were installed from."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.verify.prefix_installed import InstalledPackage, added_files
from pytest_pixipack.verify.prefix_records import entries_of
from pytest_pixipack.verify.prefix_subject import shown_file

# Windows has no executable bit.
_HAS_MODES = os.name != "nt"


def unlike_package(
    facts: PackageFacts,
    record: Mapping[str, Any],
    installed: InstalledPackage,
    real: PrefixFiles,
    told: Collection[str],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A message and the fields of a problem for each kind of difference.

    Files that are `told` are not as conda-meta says, either; of their content nothing is said.
    """
    recorded, name = facts.files or {}, facts.name
    files = installed.files
    absent = [path for path in files if path not in real and path not in recorded]
    if absent:
        yield (
            f"{len(absent)} files of {name} were not installed.",
            {"field": "files absent", "expected": absent, "cause": "file-removed"},
        )
    altered = [
        path
        for path in files
        if path in real and path not in told
        if installed.is_as_packed(path, real[path]) is False
    ]
    if altered:
        yield (
            f"{len(altered)} installed files of {name} are not those of the {installed.layer}.",
            {
                "field": "files altered",
                "expected": [f"{path} {_wanted(path, installed)}" for path in altered],
                "actual": [f"{path} {shown_file(real[path])}" for path in altered],
                "cause": "content",
            },
        )
    modes = [path for path in files if path in real and _other_mode(files[path], real[path])]
    if modes and _HAS_MODES:
        yield (
            f"{len(modes)} installed files of {name} have another executable bit.",
            {
                "field": "files executable",
                "expected": [_mode(path, files[path]) for path in modes],
                "actual": [_mode(path, real[path]) for path in modes],
                "cause": "mode",
            },
        )
    if added := added_files(record, installed, real):
        yield (
            f"{len(added)} files were installed with {name} that are not in the {installed.layer}.",
            {"field": "files added", "expected": None, "actual": added, "cause": "file-added"},
        )


def not_executable(
    facts: PackageFacts, programs: Iterable[str], real: PrefixFiles
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same for programs that are not, or no longer, executable; installers make all of them so.

    On Windows, no file is said to be.
    """
    found = [path for path in programs if path in real and real[path].kind == "file"]
    found = [path for path in found if not real[path].executable]
    if found and _HAS_MODES:
        yield (
            f"{len(found)} programs of {facts.name} are not executable.",
            {
                "field": "files executable",
                "expected": [f"{path} executable" for path in found],
                "actual": [f"{path} not executable" for path in found],
                "cause": "mode",
            },
        )


def entry_points(record: Mapping[str, Any]) -> list[str]:
    """The programs that an installer made for the entry points of a noarch Python package."""
    return [
        path
        for each in entries_of(record)
        if each.get("path_type") == "unix_python_entry_point"
        if isinstance(path := each.get("_path"), str)
    ]


def _wanted(path: str, installed: InstalledPackage) -> str:
    placed = installed.placed.get(path)
    return placed[0][:12] if placed else shown_file(installed.files[path])


def _other_mode(file: FileFacts, found: FileFacts) -> bool:
    return file.kind == found.kind == "file" and file.executable != found.executable


def _mode(path: str, file: FileFacts) -> str:
    return f"{path} {'executable' if file.executable else 'not executable'}"
