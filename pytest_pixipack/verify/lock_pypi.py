"""Rules about PyPI packages in a lock: what is asked for is there, and nothing else.

The walk through one environment is in `lock_pypi_walk`; what holds between environments, for whole
environments, and of files is in the modules that are called here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_pixipack.verify.lock_pypi_environment import environment_problems
from pytest_pixipack.verify.lock_pypi_files import file_problems
from pytest_pixipack.verify.lock_pypi_group import group_problems, reached_by_pypi
from pytest_pixipack.verify.lock_pypi_walk import Walk
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_Found = tuple[str, Problem]


def pypi_problems(subject: Subject, rule: str) -> Iterable[Problem]:
    """The problems with PyPI packages that one rule reports."""
    found = subject.once("pypi", lambda: tuple(_all(subject)))
    return (problem for name, problem in found if name == rule)


def conda_reached(subject: Subject) -> frozenset[tuple[str, str, str]]:
    """Environment, platform and name of the conda packages that PyPI requirements lead to."""
    located = [(walk.place, walk.packages, walk.conda) for walk in _walks(subject)]
    return subject.once("pypi conda", lambda: reached_by_pypi(located))


def _all(subject: Subject) -> Iterator[_Found]:
    walks = _walks(subject)
    for walk in walks:
        yield from walk.problems
    yield from group_problems(subject, [(w.place, w.packages, w.conda) for w in walks])
    yield from environment_problems(subject)
    yield from file_problems(subject)


def _walks(subject: Subject) -> tuple[Walk, ...]:
    return subject.once("pypi walks", lambda: tuple(_walked(subject)))


def _walked(subject: Subject) -> Iterator[Walk]:
    assert subject.lock is not None
    for place in places(subject):
        packages = subject.lock.environments[place.environment].packages
        if place.locked is None or place.locked.name not in packages:
            continue  # lock-platforms says that nothing is locked
        walk = Walk(subject, place, packages[place.locked.name])
        walk.run()
        yield walk
