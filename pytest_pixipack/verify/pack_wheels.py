"""The wheels of a pack among themselves: what they need, and whether this Python takes them.

pixi-pack 0.7.10 adds wheels without a look (its src/pack.rs warns that it does not check them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack.wheel_metadata import WheelMetadata, wheel_metadata
from pytest_pixipack.verify.lock_pypi_markers import marker_environment
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def check_wheel_closure(subject: Subject) -> Iterator[Problem]:
    """Every wheel can be read, fits the pack's Python, and has what it requires in the pack.

    Conda packages count by their names. Requirements of extras are not followed.
    """
    pack = pack_of(subject)
    if not pack.wheels:
        return
    from packaging.utils import canonicalize_name

    wheels = list(wheel_metadata(pack))
    provided: dict[str, str | None] = {
        canonicalize_name(facts.name): facts.version for facts in pack.records
    }
    provided |= {canonicalize_name(wheel.name): wheel.version for wheel in wheels if wheel.name}
    python = next((facts.version for facts in pack.records if facts.name == "python"), None)
    for wheel in wheels:
        facts = PackageFacts(name=canonicalize_name(wheel.name or wheel.file_name.split("-")[0]))
        if wheel.problem:
            yield _problem(subject, facts, wheel, f"cannot be read: {wheel.problem}", "wheel")
            continue
        yield from _requirements(subject, facts, wheel, provided, python)
        if python and wheel.requires_python and not _fits(wheel.requires_python, python):
            yield _problem(
                subject, facts, wheel, f"needs Python {wheel.requires_python}", "requires-python",
                wheel.requires_python, python,
            )  # fmt: skip


def _requirements(
    subject: Subject,
    facts: PackageFacts,
    wheel: WheelMetadata,
    provided: Mapping[str, str | None],
    python: str | None,
) -> Iterator[Problem]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    environment = marker_environment(pack_of(subject).platform, python or "")
    for text in wheel.requires_dist:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if not _applies(requirement, environment):
            continue
        name = canonicalize_name(requirement.name)
        found = provided.get(name)
        if name not in provided or not _satisfies(requirement, found):
            words = f"requires {text}, which nothing in the pack satisfies"
            actual = f"{name} {found}" if name in provided else None
            yield _problem(subject, facts, wheel, words, "requires-dist", text, actual)


def _applies(requirement: Requirement, environment: dict[str, str] | None) -> bool:
    if requirement.marker is None:
        return True
    if environment is None:
        return False
    return requirement.marker.evaluate({**environment, "extra": ""})


def _satisfies(requirement: Requirement, version: str | None) -> bool:
    from packaging.version import InvalidVersion, Version

    if version is None or requirement.url is not None:
        return True
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:  # a conda version that PyPI has no word for
        return True


def _fits(spec: str, python: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(spec).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True


def _problem(
    subject: Subject,
    facts: PackageFacts,
    wheel: WheelMetadata,
    words: str,
    field: str,
    expected: str | None = None,
    actual: str | None = None,
) -> Problem:
    return problem(
        subject,
        f"The wheel {wheel.file_name} {words}.",
        facts,
        field=field,
        expected=expected,
        actual=actual,
        severity="warning",
        layers=("pack", "pack"),
    )
