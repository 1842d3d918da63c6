"""What is added to a pack beside the locked packages: whether it is what its name says, and fits.

pixi-pack 0.7.10 checks conda packages against each other and adds wheels as they come (its
src/pack.rs); here everything that would fail on the machine that the pack is for is refused. One
thing is kept: of a locked package, another version may be added, which pixi-pack packs, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.artifact import Artifact, file_digests, read_artifact
from pytest_pixipack.artifact.wheels import Wheel, read_wheel
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.engine.closure import check_closure
from pytest_pixipack.engine.wheels import packed_wheel
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.manifest import Platform
from pytest_pixipack.pack import PackedPackage, PackedWheel
from pytest_pixipack.prefix import InstallRecord
from pytest_pixipack.prefix.checked import check_record
from pytest_pixipack.safe_names import quoted, shown

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_PURL = "pkg:pypi/"
# What a package without a subdir has in its record, as rattler_index writes it.
_NO_SUBDIR = "unknown"


@dataclass(frozen=True, slots=True)
class PackTarget:
    """What a pack is for: a platform, and the locked Python if there is one."""

    platform: Platform
    python: LockedPackage | None

    @classmethod
    def of(cls, platform: Platform, packages: Iterable[LockedPackage]) -> PackTarget:
        """The target of a pack of these packages."""
        found = (each for each in packages if each.name == "python" and each.kind != "pypi")
        return cls(platform, next(found, None))


def packed_artifact(artifact: Artifact) -> PackedPackage:
    """A package file that is no locked one as a member of a pack."""
    record = built_record(artifact)
    subdir = artifact.facts.subdir or "noarch"
    return PackedPackage(subdir, artifact.path.name, artifact.path, record)


def injected(
    paths: Sequence[Path],
    packages: Sequence[PackedPackage],
    wheels: Sequence[PackedWheel],
    target: PackTarget,
) -> tuple[list[PackedPackage], list[PackedWheel]]:
    """The package files and wheels at `paths`, to be packed beside `packages` and `wheels`.

    Raises `InvalidInput` for a file that is no package, damaged or unsafe; that is not what its
    name says; that is for another platform or Python; that takes the place of a packed one; or
    that needs what is not packed.
    """
    added = [_package(path, target) for path in paths if path.suffix != ".whl"]
    # Without a Python, a pack can only carry wheels.
    complete = target.python is not None
    read = {path: read_wheel(path, complete=complete) for path in paths if path.suffix == ".whl"}
    _refuse_replaced(packages, added)
    if added:
        check_closure([*packages, *added], added)
    more = [packed_wheel(path) for path in read]
    _refuse_other_versions(wheels, more)
    provided = _provided([*packages, *added], [*wheels, *more])
    for path, wheel in read.items():
        _check_tags(path, target)
        _check_requirements(path, wheel, provided, target)
    return added, [packed_wheel(path) for path in paths if path.suffix == ".whl"]


def _package(path: Path, target: PackTarget) -> PackedPackage:
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
    if facts.subdir not in (None, _NO_SUBDIR, "noarch", target.platform.subdir):
        raise _refusal(
            path,
            f"it is for {quoted(facts.subdir)}, the pack is for {target.platform.subdir}",
            f"Inject the package for {target.platform.subdir}.",
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


def _provided(
    packages: Iterable[PackedPackage], wheels: Iterable[PackedWheel]
) -> Mapping[str, str | None]:
    """The Python projects that are in a pack, with their versions; wheels before packages."""
    from packaging.utils import canonicalize_name

    found: dict[str, str | None] = {}
    for package in packages:
        version = package.record.get("version")
        names = [package.record["name"]]
        for purl in package.record.get("purls") or ():
            if purl.startswith(_PURL):
                names.append(purl.removeprefix(_PURL).partition("@")[0].partition("?")[0])
        found |= {str(canonicalize_name(name)): version for name in names}
    return {**found, **{str(canonicalize_name(each.name)): each.version for each in wheels}}


def _check_tags(path: Path, target: PackTarget) -> None:
    from pytest_pixipack.verify.lock_pypi_python import tags_of

    tags = tags_of(target.platform, target.python) if target.python is not None else None
    if tags is not None and not tags.accept(path.name):
        raise _refusal(
            path,
            f"the Python {tags.major}.{tags.minor} of the pack for {target.platform.subdir} does "
            "not take it",
            "Inject the wheel for that platform and Python.",
        )


def _check_requirements(
    path: Path, wheel: Wheel, provided: Mapping[str, str | None], target: PackTarget
) -> None:
    python = target.python.version if target.python is not None else None
    if python and wheel.requires_python and not _fits(wheel.requires_python, python):
        raise _refusal(
            path,
            f"it needs Python {quoted(wheel.requires_python)}, the pack has {python}",
            "Inject another version of it.",
        )
    for requirement in _requirements(path, wheel, target.platform.subdir, python):
        if not _is_met(requirement, provided):
            raise _refusal(
                path,
                f"it requires {quoted(str(requirement))}, which is not in the pack",
                "Inject what is missing, too, or another version.",
            )


def _requirements(
    path: Path, wheel: Wheel, subdir: str, python: str | None
) -> Iterator[Requirement]:
    """The requirements that apply; those of extras do not."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    from pytest_pixipack.verify.lock_pypi_markers import marker_environment

    environment = marker_environment(subdir, python or "")
    for text in wheel.requires_dist:
        try:
            requirement = Requirement(text)
            if requirement.marker is not None and (
                environment is None or not requirement.marker.evaluate({**environment, "extra": ""})
            ):
                continue
        except (
            InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName, RecursionError,
        ):  # fmt: skip
            raise _refusal(
                path,
                f"its requirement {quoted(text)} cannot be understood",
                "Get or make the wheel again.",
            ) from None
        yield requirement


def _is_met(requirement: Requirement, provided: Mapping[str, str | None]) -> bool:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    name = str(canonicalize_name(requirement.name))
    version = provided.get(name)
    if version is None or requirement.url is not None:
        return name in provided
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:  # a conda version that PyPI has no word for
        return True


def _fits(spec: str, python: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(spec).contains(python, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _refusal(path: Path, reason: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"{shown(path.name)} cannot be injected: {reason}.", file=path, remedy=remedy
    )
