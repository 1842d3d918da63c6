"""The package that was installed, and where its files are in the prefix.

What conda-meta says of a file was written by the same installer as the file, so that both can be
wrong in the same way; the package knows better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.verify.pack_inside import packages_inside
from pytest_pixipack.verify.placed_files import placed_digests
from pytest_pixipack.verify.prefix_records import PATH_TYPES, entries_of
from pytest_pixipack.verify.prefix_subject import expected_packages, files_of, prefix_of
from pytest_pixipack.verify.subject import Subject

T = TypeVar("T")

# What an installer makes itself; no package has it.
GENERATED = frozenset({
    "pyc_file", "unix_python_entry_point", "windows_python_entry_point_script",
    "windows_python_entry_point_exe", "unix_python_entry_point_script", "linked_package_record",
    "directory",
})  # fmt: skip


@dataclass(frozen=True)
class InstalledPackage:
    """A package with the paths that its files have in the prefix.

    `layer` is the one that has it; `files` are what its archive holds, `listed` what its paths.json
    says of them. `placed` has the digests that files with a placeholder can have in this prefix,
    `scripts` is where programs of a noarch Python package are.
    """

    layer: str
    artifact: Artifact
    files: Mapping[str, FileFacts]
    listed: Mapping[str, FileFacts]
    placed: Mapping[str, tuple[str, ...]]
    scripts: str = ""

    @cached_property
    def programs(self) -> Mapping[str, str]:
        """The programs of its entry points by path, and of which type conda-meta says they are."""
        found = {}
        noarch = self.artifact.link.get("noarch")
        points = noarch.get("entry_points") if isinstance(noarch, Mapping) else None
        for point in points if self.scripts and points else ():
            path = f"{self.scripts}/{point.partition('=')[0].strip()}"
            if self.scripts == "bin":
                found[path] = "unix_python_entry_point"
            else:
                found[f"{path}.exe"] = "windows_python_entry_point_exe"
                found[f"{path}-script.py"] = "windows_python_entry_point_script"
        return {path: kind for path, kind in found.items() if path not in self.files}

    def made_type(self, path: str) -> str | None:
        """The type of a file that an installer makes for the package: programs, compiled files."""
        directory, cached, name = path.rpartition("__pycache__/")
        if cached and path.endswith(".pyc") and path not in self.files:
            source = f"{directory}{name.partition('.')[0]}.py"
            return "pyc_file" if source in self.files else None
        return self.programs.get(path)

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
) -> InstalledPackage | None:
    places: Mapping[str, str] = {}
    if artifact.facts.noarch == "python":
        found = subject.once("places of noarch packages", lambda: _places(subject))
        if found is None:
            return None
        places = found
    return InstalledPackage(
        layer,
        artifact,
        moved({p: f for p, f in artifact.payload.items() if f.kind != "directory"}, places),
        moved(artifact.facts.files or {}, places),
        moved(placed, places),
        places.get("python-scripts", ""),
    )


def _places(subject: Subject) -> Mapping[str, str] | None:
    """Where files of noarch Python packages go (conda's `noarch: python`, CEP 17 for the place).

    The version of Python decides that; where its record is gone or wrong, other layers know which
    it has to be. None where none does.
    """
    windows, real = is_windows(subject.subdir or ""), files_of(subject)
    _, expected = expected_packages(subject).get("python", ("", None))
    pythons = [prefix_of(subject).packages.get("python"), expected]
    found = [site_packages_of(each, windows) for each in pythons if each is not None]
    if not found:
        return None
    there = {path for path in found if any(file.startswith(f"{path}/") for file in real)}
    site_packages = next((path for path in found if path in there), found[0])
    return noarch_places(site_packages, windows)


def noarch_places(site_packages: str, windows: bool) -> Mapping[str, str]:
    """Where the directories of a noarch Python package go."""
    return {"site-packages": site_packages, "python-scripts": "Scripts" if windows else "bin"}


def site_packages_of(python: PackageFacts, windows: bool) -> str:
    """Where a Python has its packages, below the prefix."""
    version = ".".join((python.version or "").split(".")[:2])
    usual = "Lib/site-packages" if windows else f"lib/python{version}/site-packages"
    return python.python_site_packages_path or usual


def moved(files: Mapping[str, T], places: Mapping[str, str]) -> Mapping[str, T]:
    """Files by their paths in a package, by those that they have in a prefix.

    `places` are the directories of a noarch Python package, and where they go.
    """
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
    return sorted(
        path
        for each in entries_of(record)
        if each.get("path_type") not in GENERATED
        if isinstance(path := each.get("_path"), str)
        if path in real and path not in installed.files and installed.made_type(path) is None
    )


def unlike_made(
    record: Mapping[str, Any], installed: InstalledPackage
) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record says of a file that an installer makes that
    it comes from the package. Unknown types are reported by themselves.
    """
    for each in entries_of(record):
        path, found = each.get("_path"), each.get("path_type")
        wanted = installed.made_type(path) if isinstance(path, str) else None
        if wanted is not None and found in PATH_TYPES and found not in GENERATED:
            yield f"{path} path_type", wanted, found
