"""The wheels of a pack: against the lock, by themselves, and what each of them needs.

pixi-pack 0.7.10 adds wheels without a look (its src/pack.rs warns that it does not check them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.pypi_files import file_name, why_no_wheel
from pytest_pixipack.verify.lock_pypi_markers import marker_environment
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheel_names import same_version
from pytest_pixipack.verify.wheel_tags import pack_tags
from pytest_pixipack.verify.wheels_inside import WheelInside, wheels_inside

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OWN = ("pack", "pack")


def check_wheels(subject: Subject) -> Iterator[Problem]:
    """Every wheel can be installed, and is the one that is locked; there is one of a name."""
    yield from _faults(subject)


def _faults(subject: Subject) -> tuple[Problem, ...]:
    """What is wrong with wheels, told once."""
    return subject.once("faults of wheels", lambda: tuple(_find(subject)))


def _find(subject: Subject) -> Iterator[Problem]:
    together: dict[str, list[WheelInside]] = {}
    for wheel in wheels_inside(subject):
        together.setdefault(wheel.facts.name, []).append(wheel)
    locked = locked_wheels(subject)
    for name in sorted({*together, *locked}):
        found = next(_of_one(subject, name, together.get(name, []), locked.get(name)), None)
        if found is not None:
            yield found


def locked_wheels(subject: Subject) -> Mapping[str, LockedPackage]:
    """The lock's PyPI packages by their normalised names."""
    from packaging.utils import canonicalize_name

    return {canonicalize_name(p.name): p for p in subject.packages or () if p.kind == "pypi"}


def _of_one(
    subject: Subject, name: str, wheels: Sequence[WheelInside], locked: LockedPackage | None
) -> Iterator[Problem]:
    """What is wrong with the wheels of one name, the gravest first."""
    for wheel in wheels:
        if wheel.problem and not wheel.is_unsafe:
            yield problem(
                subject,
                f"The wheel {wheel.file_name} in the pack cannot be used: {wheel.problem}",
                wheel.facts,
                field="file",
                layers=_OWN,
            )
    if len(wheels) > 1:
        yield problem(
            subject,
            f"The pack has {len(wheels)} wheels of {name}.",
            wheels[0].facts,
            field="wheel",
            expected=file_name(locked.location) if locked else "one wheel",
            actual=[wheel.file_name for wheel in wheels],
            layers=("lock", "pack") if locked else _OWN,
        )
    if locked is not None:
        yield from _unlike_lock(subject, locked, wheels[0] if wheels else None)
    elif subject.lock is not None:
        listed = name in _listed(subject)
        yield problem(
            subject,
            f"The wheel {wheels[0].file_name} is in the pack, but not in the lock"
            f"{'' if listed else ', nor in environment.yml'}.",
            wheels[0].facts,
            field="wheel",
            actual=wheels[0].file_name,
            severity="warning" if listed else "error",
            layers=("lock", "pack"),
        )


def _listed(subject: Subject) -> frozenset[str]:
    """The names of PyPI packages in environment.yml: what was injected is among them."""
    from packaging.utils import canonicalize_name

    found = pack_of(subject).environment_yml
    lines = found.pip if found is not None else ()
    return frozenset(canonicalize_name(line.partition("==")[0].strip()) for line in lines)


def _unlike_lock(
    subject: Subject, locked: LockedPackage, wheel: WheelInside | None
) -> Iterator[Problem]:
    def told(message: str, field: str, wanted: Any, found: Any, cause: str | None) -> Problem:
        return problem(
            subject, message, PackageFacts(name=_name(locked), version=locked.version),
            field=field, expected=wanted, actual=found, cause=cause, layers=("lock", "pack"),
        )  # fmt: skip

    file = file_name(locked.location) if why_no_wheel(locked) is None else None
    if wheel is None:
        yield told(
            f"{locked.name} is locked as a PyPI package, but its wheel is not in the pack.",
            "wheel", file or locked.name, None, "file-removed",
        )  # fmt: skip
        return
    version = wheel.name.version if wheel.name else None
    if not same_version(locked.version, version):
        yield told(
            f"The wheel of {locked.name} in the pack is one of another version.",
            "version", locked.version, version, "version-change",
        )  # fmt: skip
    if file not in (None, wheel.file_name):
        yield told(
            f"The wheel of {locked.name} in the pack is not the file that is locked.",
            "wheel", file, wheel.file_name, "content",
        )  # fmt: skip
    if file and wheel.member.sha256 and locked.sha256 not in (None, wheel.member.sha256):
        yield told(
            f"The wheel {wheel.file_name} in the pack is another one than the locked one.",
            "sha256", locked.sha256, wheel.member.sha256, "content",
        )  # fmt: skip


def _name(locked: LockedPackage) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(locked.name)


def check_wheel_closure(subject: Subject) -> Iterator[Problem]:
    """Every wheel fits the pack's Python and platform, and has what it requires in the pack.

    Conda packages count by their names. Requirements of extras are not followed.
    """
    pack = pack_of(subject)
    faulty = {each.package for each in _faults(subject) if each.severity != "warning"}
    every = wheels_inside(subject)
    wheels = [each for each in every if not (each.is_unsafe or each.facts.name in faulty)]
    if not wheels:
        return
    from packaging.utils import canonicalize_name

    provided: dict[str, str | None] = {
        canonicalize_name(facts.name): facts.version for facts in pack.records
    }
    provided |= {wheel.facts.name: wheel.facts.version for wheel in every}
    python = next((facts for facts in pack.records if facts.name == "python"), None)
    if python is None:
        yield problem(
            subject,
            "The pack has wheels, but no Python to install them for.",
            PackageFacts(name="python"),
            field="package",
            expected="python",
            actual=None,
            severity="error",
            layers=_OWN,
        )
        return
    tags = pack_tags(subject, python)
    for wheel in wheels:
        if tags is not None and not tags.accept(wheel.file_name):
            words = f"is not for Python {python.version} on {pack.platform}"
            yield _unfit(subject, wheel, words, "tags", wheel.file_name, severity="error")
            continue
        requires = wheel.metadata.requires_python
        if requires and python.version and not _fits(requires, python.version):
            words = f"needs Python {requires}"
            yield _unfit(subject, wheel, words, "requires-python", python.version, requires)
        yield from _requirements(subject, wheel, provided, python.version)


def _requirements(
    subject: Subject,
    wheel: WheelInside,
    provided: Mapping[str, str | None],
    python: str | None,
) -> Iterator[Problem]:
    from packaging.utils import canonicalize_name

    environment = marker_environment(pack_of(subject).platform, python or "")
    for text, requirement in _applying(wheel.metadata.requires_dist, environment):
        name = canonicalize_name(requirement.name)
        found = provided.get(name)
        if name not in provided or not _satisfies(requirement, found):
            words = f"requires {text}, which nothing in the pack satisfies"
            actual = f"{name} {found}" if name in provided else None
            yield _unfit(subject, wheel, words, "requires-dist", actual, text, about=(name,))


def _applying(
    texts: Iterable[str], environment: dict[str, str] | None
) -> Iterator[tuple[str, Requirement]]:
    """The requirements that count here; one that cannot be read does not."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import InvalidSpecifier
    from packaging.version import InvalidVersion

    for text in texts:
        try:
            requirement = Requirement(text)
            marker = requirement.marker
            applies = marker is None or (
                environment is not None and marker.evaluate({**environment, "extra": ""})
            )
        except (
            InvalidRequirement, InvalidSpecifier, InvalidVersion, UndefinedComparison,
            UndefinedEnvironmentName, RecursionError, ValueError, KeyError,
        ):  # fmt: skip
            continue
        if applies:
            yield text, requirement


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
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(spec).contains(python, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _unfit(
    subject: Subject,
    wheel: WheelInside,
    words: str,
    field: str,
    actual: str | None,
    expected: str | None = None,
    *,
    severity: Any = "warning",
    about: tuple[str, ...] = (),
) -> Problem:
    return problem(
        subject,
        f"The wheel {wheel.file_name} {words}.",
        wheel.facts,
        field=field,
        expected=expected,
        actual=actual,
        severity=severity,
        about=about,
        layers=_OWN,
    )
