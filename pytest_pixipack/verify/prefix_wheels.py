"""Rules about the wheels that are installed in a prefix, beside its conda packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.prefix.distributions import Distribution
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# Makes a problem with the prefix of a subject; see `prefix_rules.problem`.
Making: TypeAlias = Callable[..., Problem]


def wheels_missing(
    subject: Subject, found_wheels: Iterable[Distribution], problem: Making
) -> Iterator[Problem]:
    """Wheels that are locked or packed, and not installed, or in another version."""
    installed = {each.name: each for each in found_wheels}
    for name, (layer, version) in sorted(_expected_wheels(subject).items()):
        found = installed.get(name)
        if found is None or (version is not None and not _same_version(version, found.version)):
            what = "not installed" if found is None else f"installed as {found.version}"
            yield problem(
                subject,
                f"The wheel {name} is in the {layer}, but {what}.",
                PackageFacts(name=name, version=version),
                field="wheel",
                expected=f"{name} {version or '*'}",
                actual=None if found is None else f"{name} {found.version}",
                cause="file-removed" if found is None else "version-change",
                layers=(layer, "prefix"),
            )


def _expected_wheels(subject: Subject) -> Mapping[str, tuple[str, str | None]]:
    """Normalised names of PyPI packages, with the layer that says so and the version."""
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    if subject.pack is None:
        locked = [package for package in subject.packages or () if package.kind == "pypi"]
        return {canonicalize_name(p.name): ("lock", None) for p in locked}
    found = {}
    for wheel in subject.pack.wheels:
        try:
            name, version, _, _ = parse_wheel_filename(wheel)
        except InvalidWheelFilename:
            continue
        found[str(name)] = ("pack", str(version))
    return found


def _same_version(one: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def wheel_files(
    subject: Subject, wheel: Distribution, real: PrefixFiles, problem: Making
) -> Iterator[Problem]:
    """The files of an installed wheel against its RECORD."""
    absent = sorted(path for path in wheel.files if path not in real)
    altered = sorted(
        path
        for path, entry in wheel.files.items()
        if path in real and entry.sha256 is not None and entry.sha256 != real[path].sha256
    )
    for kind, paths, cause, words in (
        ("absent", absent, "file-removed", "are gone"),
        ("altered", altered, "content", "are not as they were installed"),
    ):
        if paths:
            yield problem(
                subject,
                f"{len(paths)} installed files of the wheel {wheel.name} {words}.",
                field=f"files {kind}",
                expected=[f"{path} {short(wheel.files[path].sha256)}" for path in paths],
                actual=None if kind == "absent"
                else [f"{path} {short(real[path].sha256)}" for path in paths],
                cause=cause,
                layers=("prefix", "prefix"),
            )  # fmt: skip


def short(digest: str | None) -> str:
    """The first digits of a digest, enough to tell two apart."""
    return (digest or "unknown")[:12]
