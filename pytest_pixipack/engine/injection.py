"""What is added to a pack beside the locked packages: whether it is what its name says, and fits.

pixi-pack 0.7.10 checks conda packages against each other and adds wheels as they come (its
src/pack.rs); here files that are damaged, unsafe or not what their name says are refused. What it
packs beyond that is packed here, too, and `verify` tells of it: another version of a locked
package, a wheel for another Python or without what it requires.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_pixipack.artifact import Artifact, file_digests, read_artifact
from pytest_pixipack.artifact.wheels import read_wheel
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.engine.closure import check_closure
from pytest_pixipack.engine.wheels import packed_wheel
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.pack import PackedPackage, PackedWheel
from pytest_pixipack.prefix import InstallRecord
from pytest_pixipack.prefix.checked import check_record
from pytest_pixipack.safe_names import quoted, shown

# What a package without a subdir has in its record, as rattler_index writes it.
_NO_SUBDIR = "unknown"


def packed_artifact(artifact: Artifact) -> PackedPackage:
    """A package file that is no locked one as a member of a pack."""
    record = built_record(artifact)
    subdir = artifact.facts.subdir or "noarch"
    return PackedPackage(subdir, artifact.path.name, artifact.path, record)


def injected(
    paths: Sequence[Path],
    packages: Sequence[PackedPackage],
    wheels: Sequence[PackedWheel],
    subdir: str,
) -> tuple[list[PackedPackage], list[PackedWheel]]:
    """The package files and wheels at `paths`, to be packed beside `packages` and `wheels`.

    Raises `InvalidInput` for a file that is no package, damaged or unsafe; that is not what its
    name says; that takes the place of a packed one; and for a conda package that is not for
    `subdir`, or needs what is not packed.
    """
    added = [_package(path, subdir) for path in paths if path.suffix != ".whl"]
    # Without a Python, a pack can only carry wheels.
    complete = any(package.record["name"] == "python" for package in packages)
    more = []
    for path in paths:
        if path.suffix == ".whl":
            read_wheel(path, complete=complete)
            more.append(packed_wheel(path))
    _refuse_replaced(packages, added)
    if added:
        check_closure([*packages, *added], added)
    _refuse_other_versions(wheels, more)
    return added, more


def _package(path: Path, subdir: str) -> PackedPackage:
    artifact = read_artifact(path)
    package = packed_artifact(artifact)
    check_record(InstallRecord(path, package.record))
    facts = artifact.facts
    suffix = ".conda" if path.name.endswith(".conda") else ".tar.bz2"
    if path.name != f"{facts.dist}{suffix}":
        raise _refusal(
            path,
            f"the package in it is {facts.dist}",
            f"Name it {facts.dist}{suffix}, or inject the package that was meant.",
        )
    if facts.subdir not in (None, _NO_SUBDIR, "noarch", subdir):
        raise _refusal(
            path,
            f"it is for {quoted(facts.subdir)}, the pack is for {subdir}",
            f"Inject the package for {subdir}.",
        )
    return package


def _refuse_replaced(packages: Sequence[PackedPackage], added: Sequence[PackedPackage]) -> None:
    """Refuses another file in the place of one: only the last one would be in the pack."""
    known = {(each.subdir, each.file_name): each for each in packages}
    for package in added:
        other = known.setdefault((package.subdir, package.file_name), package)
        if other is package or _sha256(other) == package.record["sha256"]:
            continue
        raise _refusal(
            package.path,
            "another file of that name is in the pack",
            "Build it with another build string, or leave it out.",
        )


def _sha256(package: PackedPackage) -> object:
    return package.record.get("sha256") or file_digests(package.path).sha256


def _refuse_other_versions(wheels: Sequence[PackedWheel], added: Sequence[PackedWheel]) -> None:
    from packaging.utils import canonicalize_name

    known = {canonicalize_name(each.name): each for each in wheels}
    for wheel in added:
        other = known.setdefault(canonicalize_name(wheel.name), wheel)
        same = other.file_name == wheel.file_name
        if same and file_digests(other.path).sha256 == file_digests(wheel.path).sha256:
            continue
        raise _refusal(
            wheel.path,
            f"the pack has {other.file_name} of the same project",
            "Leave one of the two out: only one can be installed.",
        )


def _refusal(path: Path, reason: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"{shown(path.name)} cannot be injected: {reason}.", file=path, remedy=remedy
    )
