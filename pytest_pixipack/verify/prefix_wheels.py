"""Rules about the wheels that are installed in a prefix, beside its conda packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.prefix.distributions import Distribution
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.prefix.launchers import launchers
from pytest_pixipack.verify.pack_inside import wheel_members
from pytest_pixipack.verify.pack_wheels import locked_wheels
from pytest_pixipack.verify.prefix_payload import not_executable
from pytest_pixipack.verify.prefix_subject import prefix_of, problem
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheel_names import same_version, wheel_name
from pytest_pixipack.verify.wheel_payload import PlacedWheel, placed_wheel, unlike_wheel


@dataclass(frozen=True, slots=True)
class _Expected:
    """What `layer` says of a PyPI package: the versions in which it may be installed."""

    layer: str
    versions: tuple[str | None, ...]

    @property
    def version(self) -> str | None:
        return self.versions[0]

    def met_by(self, found: Distribution) -> bool:
        return any(same_version(version, found.version) for version in self.versions)


def wheels_missing(subject: Subject, found_wheels: Iterable[Distribution]) -> Iterator[Problem]:
    """Wheels that are locked or packed, and not installed, or in another version."""
    expected, installed = _expected_wheels(subject), {each.name: each for each in found_wheels}
    for name in missing_wheels(subject, installed.values()):
        wanted, found = expected[name], installed.get(name)
        what = "not installed" if found is None else f"installed as {found.version}"
        yield problem(
            subject,
            f"The wheel {name} is in the {wanted.layer}, but {what}.",
            PackageFacts(name=name, version=wanted.version),
            field="wheel",
            expected=f"{name} {wanted.version or '*'}",
            actual=None if found is None else f"{name} {found.version}",
            cause="file-removed" if found is None else "version-change",
            layers=(wanted.layer, "prefix"),
        )


def missing_wheels(subject: Subject, found_wheels: Iterable[Distribution]) -> list[str]:
    """The names of wheels that have to be installed, and are not, or in another version."""
    installed = {each.name: each for each in found_wheels}
    return sorted(
        name
        for name, wanted in _expected_wheels(subject).items()
        if name not in installed or not wanted.met_by(installed[name])
    )


def wheels_extra(subject: Subject, found_wheels: Iterable[Distribution]) -> Iterator[Problem]:
    """What was installed with pip or the like, and is neither locked nor packed."""
    if subject.lock is None and subject.pack is None:
        return
    known = {*_expected_wheels(subject), *locked_wheels(subject)}
    layer = "pack" if subject.pack is not None else "lock"
    for wheel in found_wheels:
        if wheel.name not in known:
            yield problem(
                subject,
                f"The Python package {wheel.name} is installed, but not in the {layer}.",
                PackageFacts(name=wheel.name, version=wheel.version),
                field="wheel",
                actual=f"{wheel.name} {wheel.version}",
                cause="file-added",
                layers=(layer, "prefix"),
            )


def _expected_wheels(subject: Subject) -> Mapping[str, _Expected]:
    """The PyPI packages that have to be installed, by their normalised names."""
    if subject.pack is None:
        return {
            name: _Expected("lock", (package.version,))
            for name, package in locked_wheels(subject).items()
        }
    found: dict[str, _Expected] = {}
    for member in wheel_members(subject.pack):
        wheel = wheel_name(member.name)
        if wheel is not None:
            others = found[wheel.name].versions if wheel.name in found else ()
            found[wheel.name] = _Expected("pack", (*others, wheel.version))
    return found


def wheel_files(subject: Subject, wheel: Distribution, real: PrefixFiles) -> Iterator[Problem]:
    """The files of an installed wheel against its RECORD, and against the wheel in the pack."""
    placed = placed_wheel(subject, wheel)
    own = PackageFacts(name=wheel.name, version=wheel.version)
    absent = sorted(path for path in wheel.files if path not in real)
    altered = sorted(_altered(wheel, real, placed))
    for kind, paths, cause, words in (
        ("absent", absent, "file-removed", "are gone"),
        ("altered", altered, "content", "are not as they were installed"),
    ):
        if paths:
            yield problem(
                subject,
                f"{len(paths)} installed files of the wheel {wheel.name} {words}.",
                own,
                field=f"files {kind}",
                expected=[f"{path} {short(wheel.files[path].sha256)}" for path in paths],
                actual=None if kind == "absent"
                else [f"{path} {short(real[path].sha256)}" for path in paths],
                cause=cause,
                layers=("prefix", "prefix"),
            )  # fmt: skip
    if placed is not None:
        for message, more in unlike_wheel(placed, wheel, real, {*absent, *altered}):
            yield problem(subject, message, own, layers=("pack", "prefix"), **more)
    programs = _programs(subject, wheel, placed)
    for message, more in not_executable(own, programs, real):
        yield problem(subject, message, own, layers=("prefix", "prefix"), **more)


def _programs(subject: Subject, wheel: Distribution, placed: PlacedWheel | None) -> Iterable[str]:
    """What of an installed wheel is there to be run; only the wheel knows which are its scripts."""
    if is_windows(subject.subdir or ""):
        return ()
    if placed is None:
        return sorted(launchers(prefix_of(subject).path, [wheel]))
    paths = dict.fromkeys((*placed.members, *wheel.files))
    return [path for path in paths if placed.is_program(path)]


def _altered(wheel: Distribution, real: PrefixFiles, placed: PlacedWheel | None) -> Iterator[str]:
    """Files that are not as RECORD says; where only RECORD is wrong, they are not."""
    for path, entry in wheel.files.items():
        if path not in real:
            continue
        found = real[path]
        if entry.sha256 is not None:
            same = entry.sha256 == found.sha256
        else:
            same = entry.size in (None, found.size)
        if not same and (placed is None or not placed.is_as_packed(path, found)):
            yield path


def short(digest: str | None) -> str:
    """The first digits of a digest, enough to tell two apart."""
    return (digest or "unknown")[:12]
