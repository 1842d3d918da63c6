"""The package that was installed, and where its files are in the prefix.

What conda-meta says of a file was written by the same installer as the file, so that both can be
wrong in the same way; the package knows better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.verify.pack_inside import packages_inside
from pytest_pixipack.verify.placed_files import placed_digests
from pytest_pixipack.verify.subject import Subject

T = TypeVar("T")

# What an installer makes itself; no package has it.
_GENERATED = frozenset({
    "pyc_file", "unix_python_entry_point", "windows_python_entry_point_script",
    "windows_python_entry_point_exe", "unix_python_entry_point_script", "linked_package_record",
    "directory",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """A package with the paths that its files have in the prefix.

    `layer` is the one that has it; `files` are what its archive holds, `listed` what its paths.json
    says of them. `placed` has the digests that files with a placeholder can have in this prefix.
    """

    layer: str
    artifact: Artifact
    files: Mapping[str, FileFacts]
    listed: Mapping[str, FileFacts]
    placed: Mapping[str, tuple[str, ...]]

    def is_as_packed(self, path: str, found: FileFacts) -> bool | None:
        """Whether a file of the prefix is what becomes of that in the package; None: not known."""
        packed = self.files.get(path)
        if packed is None:
            return None
        if packed.kind != found.kind:
            return False
        if packed.kind == "link":
            return packed.target == found.target
        listed = self.listed.get(path)
        if listed is not None and listed.placeholder is not None:
            digests = self.placed.get(path, ())
            return found.sha256 in digests if digests else None
        return packed.sha256 == found.sha256


def installed_from(subject: Subject, facts: PackageFacts) -> InstalledPackage | None:
    """The package that was installed, from a build or the pack; None where neither has it.

    Where lock or pack have another one of the name, that is what has to be reported.
    """
    return subject.once(f"installed {facts.name}", lambda: _installed_from(subject, facts))


def _installed_from(subject: Subject, facts: PackageFacts) -> InstalledPackage | None:
    prefix = subject.prefix
    assert prefix is not None
    artifact = subject.built.get(facts.name)
    if artifact is not None:
        if artifact.facts.sha256 != facts.sha256:
            return None
        placed = placed_digests(artifact.path, artifact, prefix.path, subject.subdir)
        return _installed(subject, "artifact", artifact, placed)
    if subject.pack is None:
        return None
    known = subject.once(
        "packages by digest",
        lambda: {each.digests.sha256: each for each in packages_inside(subject).values()},
    )
    inside = known.get(facts.sha256 or "")
    if inside is None or inside.artifact is None:
        return None
    return _installed(subject, "pack", inside.artifact, inside.placed)


def _installed(
    subject: Subject, layer: str, artifact: Artifact, placed: Mapping[str, tuple[str, ...]]
) -> InstalledPackage:
    prefix = subject.prefix
    assert prefix is not None
    places = places_of(artifact.facts, prefix.packages.get("python"), subject.subdir or "")
    return InstalledPackage(
        layer,
        artifact,
        moved({p: f for p, f in artifact.payload.items() if f.kind != "directory"}, places),
        moved(artifact.facts.files or {}, places),
        moved(placed, places),
    )


def places_of(facts: PackageFacts, python: PackageFacts | None, subdir: str) -> Mapping[str, str]:
    """Where the directories of a package go in a prefix with this Python, by their names.

    Only those of noarch Python packages move (conda's `noarch: python`, CEP 17 for the place).
    """
    if facts.noarch != "python":
        return {}
    windows = is_windows(subdir)
    version = ".".join((python.version or "").split(".")[:2]) if python is not None else ""
    usual = "Lib/site-packages" if windows else f"lib/python{version}/site-packages"
    site_packages = (python.python_site_packages_path if python is not None else None) or usual
    return {"site-packages": site_packages, "python-scripts": "Scripts" if windows else "bin"}


def moved(files: Mapping[str, T], places: Mapping[str, str]) -> Mapping[str, T]:
    """Files by their paths in a package, by those that they have in the prefix."""
    if not places:
        return files
    found = {}
    for path, value in files.items():
        first, slash, rest = path.partition("/")
        found[f"{places[first]}{slash}{rest}" if first in places and rest else path] = value
    return found


def added_files(
    record: Mapping[str, Any], installed: InstalledPackage, real: PrefixFiles
) -> list[str]:
    """Files of the prefix that a record lists as its own, and that its package has not."""
    data = record.get("paths_data")
    paths = data.get("paths") if isinstance(data, dict) else None
    return sorted(
        path
        for each in paths or ()
        if isinstance(each, dict) and each.get("path_type") not in _GENERATED
        if isinstance(path := each.get("_path"), str)
        if path in real and path not in installed.files
    )
