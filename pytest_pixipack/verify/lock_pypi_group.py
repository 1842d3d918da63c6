"""Environments that are solved together: one version of each PyPI package, and a conda package
stands for one of PyPI only where something asks for the conda package itself.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/outdated.rs
(find_inconsistent_solve_groups) and satisfiability/platform.rs (verify_solve_group_satisfiability).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.lock_closure import problems_of
from pytest_pixipack.verify.lock_pypi_conda import CondaSide
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Place, Subject

Located = tuple[Place, Sequence[LockedPackage], CondaSide]


def group_problems(subject: Subject, located: Iterable[Located]) -> Iterator[tuple[str, Problem]]:
    """The problems between environments that are solved together."""
    assert subject.manifest is not None
    groups: dict[tuple[str, str], list[Located]] = {}
    for each in located:
        environment = subject.manifest.environment(each[0].environment)
        key = f"group {environment.solve_group}" if environment.solve_group else environment.name
        groups.setdefault((key, each[0].platform.name), []).append(each)
    for members in groups.values():
        yield from _one_of_each(subject, members)
        yield from _asked_for(subject, members)


def reached_by_pypi(located: Iterable[Located]) -> frozenset[tuple[str, str, str]]:
    """Environment, platform and name of the conda packages that PyPI requirements lead to."""
    return frozenset(
        (place.environment, place.platform.name, name)
        for place, _, conda in located
        for name in (*conda.used, *conda.brought_in)
    )


def _one_of_each(subject: Subject, members: Sequence[Located]) -> Iterator[tuple[str, Problem]]:
    known: dict[str, tuple[str, LockedPackage]] = {}
    for place, packages, _ in members:
        for package in packages:
            if package.kind != "pypi":
                continue
            first = known.setdefault(normalised(package.name), (place.environment, package))
            if first[1].location == package.location:
                continue
            shown = [p.version or p.location for p in (first[1], package)]
            if shown[0] == shown[1]:
                shown = [first[1].location, package.location]
            yield (
                "lock-pypi-version",
                Problem(
                    message=f"{package.name} is locked as {shown[1]} here and as {shown[0]} in the "
                    f"environment {first[0]}, but the two are solved together.",
                    environment=place.environment,
                    platform=place.platform.name,
                    package=package.name,
                    version=package.version,
                    field="solve-group",
                    expected=first[1].location,
                    actual=package.location,
                    file=subject.lock_file,
                    line=subject.line_of(package),
                    cause="version-change",
                ),
            )


def _asked_for(subject: Subject, members: Sequence[Located]) -> Iterator[tuple[str, Problem]]:
    unused = {
        (problem.environment, problem.platform, problem.package)
        for problem in problems_of(subject, "lock-unused")
    }
    expected: set[str] = set()
    for place, _, conda in members:
        at = (place.environment, place.platform.name)
        expected |= {name for name in conda.known if (*at, name) not in unused}
        expected |= conda.brought_in
    for place, _, conda in members:
        for name in sorted(conda.used - expected):
            package = conda.known[name]
            yield (
                "lock-pypi-conda",
                Problem(
                    message=f"{name} is locked as a conda package, but it is only asked for as one "
                    "of PyPI.",
                    environment=place.environment,
                    platform=place.platform.name,
                    package=name,
                    version=package.version,
                    field="dependencies",
                    expected="a package of PyPI",
                    actual="a conda package",
                    file=subject.lock_file,
                    line=subject.line_of(package),
                    cause="dependency-change",
                    remedy=f"Run `pixi lock`, or add {name} to [dependencies]",
                ),
            )
