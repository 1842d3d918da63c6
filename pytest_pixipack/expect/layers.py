"""The layers of a verification, as expectations see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.expect.apply import Layer
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.verify.subject import Subject

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact


def layers_of(subject: Subject) -> Iterator[Layer]:
    """The packages of each layer that was given, for the subject's platform."""
    subdir = subject.subdir or subject.platform or ""
    environment = subject.environment if subject.lock is not None else None
    if subject.packages is not None:
        locked = [package.facts for package in subject.packages if package.kind != "pypi"]
        yield Layer(
            "lock", subdir, locked, True, environment, subject.lock_file, _locked_wheels(subject)
        )
    if subject.artifacts:
        built = [artifact.facts for artifact in subject.artifacts]
        yield Layer("artifact", subdir, built, False, environment)
    if subject.pack is not None:
        yield Layer(
            "pack", subject.pack.platform, subject.pack.records, True, environment,
            str(subject.pack.path), _packed_wheels(subject), _files_in_pack(subject),
        )  # fmt: skip
    if subject.prefix is not None:
        installed = tuple(subject.prefix.packages.values())
        path = str(subject.prefix.path)
        wheels = _installed_wheels(subject)
        yield Layer("prefix", subdir, installed, True, environment, path, wheels)


def _locked_wheels(subject: Subject) -> tuple[PackageFacts, ...]:
    from pytest_pixipack.verify.pack_wheels import locked_wheels

    found = locked_wheels(subject).items()
    return tuple(PackageFacts(name=name, version=package.version) for name, package in found)


def _packed_wheels(subject: Subject) -> tuple[PackageFacts, ...]:
    from pytest_pixipack.verify.wheel_names import wheel_name

    assert subject.pack is not None
    names = (wheel_name(file_name) for file_name in subject.pack.wheels)
    return tuple(PackageFacts(name=each.name, version=each.version) for each in names if each)


def _installed_wheels(subject: Subject) -> tuple[PackageFacts, ...]:
    from pytest_pixipack.verify.prefix_subject import wheels_of

    return tuple(PackageFacts(name=each.name, version=each.version) for each in wheels_of(subject))


def _files_in_pack(subject: Subject) -> Callable[[PackageFacts], Iterable[str] | None]:
    """Finds the paths in a package of the pack; all are read when the first is asked for."""

    def files(facts: PackageFacts) -> Iterable[str] | None:
        listed = subject.once("paths in the pack", lambda: _paths(subject))
        return listed.get(facts.file_name or "")

    return files


def _paths(subject: Subject) -> Mapping[str, tuple[str, ...] | None]:
    from pytest_pixipack.artifact import read_artifact
    from pytest_pixipack.verify.pack_inside import each_copied, package_members

    assert subject.pack is not None
    platform = subject.pack.platform
    python = next((each for each in subject.pack.records if each.name == "python"), None)

    def look(file: Path) -> tuple[str, ...] | None:
        try:
            return tuple(_spelled(read_artifact(file), python, platform))
        except (InvalidInput, Unsupported):  # is found by other rules
            return None

    copied = each_copied(subject.pack, package_members, look)
    return {member.name.rpartition("/")[2]: paths for member, paths in copied}


def _spelled(artifact: Artifact, python: PackageFacts | None, platform: str) -> Iterator[str]:
    """The paths of a package as they are in its archive, and as they will be in a prefix."""
    from pytest_pixipack.verify.prefix_installed import moved, noarch_places, site_packages_of

    yield from artifact.payload
    if artifact.facts.noarch == "python" and python is not None:
        windows = is_windows(platform)
        places = noarch_places(site_packages_of(python, windows), windows)
        yield from moved(artifact.payload, places)
        programs, suffix = ("Scripts", ".exe") if windows else ("bin", "")
        for point in (artifact.link.get("noarch") or {}).get("entry_points") or ():
            yield f"{programs}/{point.partition('=')[0].strip()}{suffix}"
