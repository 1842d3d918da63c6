"""Rules about PyPI packages in a lock: what is asked for is there, and nothing else.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/pypi.rs, as far as this can
be told without a Python interpreter: requirements with environment markers are taken to apply
where that makes a package needed, and not where it would make one missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.model import DEFAULT_INDEX
from pytest_pixipack.manifest import PypiSpec
from pytest_pixipack.verify.lock_environments import pypi_options
from pytest_pixipack.verify.places import environments, places
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Place, Subject

_SOURCES = ("path", "git", "url")


def pypi_problems(subject: Subject, rule: str) -> Iterable[Problem]:
    """The problems with PyPI packages that one rule reports."""
    found = subject.once("pypi", lambda: tuple(_all(subject)))
    return (problem for name, problem in found if name == rule)


def _all(subject: Subject) -> Iterator[tuple[str, Problem]]:
    assert subject.lock is not None
    for place in places(subject):
        packages = subject.lock.environments[place.environment].packages
        if place.locked is not None and place.locked.name in packages:
            yield from _Walk(subject, place, packages[place.locked.name]).run()


class _Walk:
    """The PyPI packages of one environment on one platform."""

    def __init__(self, subject: Subject, place: Place, packages: tuple[LockedPackage, ...]) -> None:
        self.subject = subject
        self.place = place
        self.wheels = {normalised(p.name): p for p in packages if p.kind == "pypi"}
        self.provided = {n for p in packages if p.kind != "pypi" for n in _provides(p)}

    def run(self) -> Iterator[tuple[str, Problem]]:
        assert self.subject.manifest is not None
        wanted = self.subject.manifest.pypi_dependencies(
            self.place.environment, self.place.platform
        )
        for spec in wanted:
            yield from self._requirement(spec)
        reached = self._reached([normalised(spec.name) for spec in wanted])
        for name, package in self.wheels.items():
            if name not in reached:
                yield self._problem(
                    "lock-unused", f"{package.name} is locked, but nothing needs it.", package.name,
                    actual=f"{package.name} {package.version or ''}".strip(),
                    line=self.subject.line_of(package),
                )  # fmt: skip
        for name in reached:
            if name in self.wheels:
                yield from self._dependencies(self.wheels[name])

    def _requirement(self, spec: PypiSpec) -> Iterator[tuple[str, Problem]]:
        name, text = normalised(spec.name), _text(spec)
        place = {"file": str(spec.position.file), "line": spec.position.line}
        package = self.wheels.get(name)
        if package is None:
            if name not in self.provided and not _has_marker(spec.value):
                yield self._problem(
                    "lock-pypi-requirement",
                    f"The manifest asks for {text} from PyPI, but no such package is locked.",
                    spec.name, expected=text, **place,
                )  # fmt: skip
            return
        bounds = _bounds(spec.value)
        if bounds and package.version and not _satisfies(package.version, bounds):
            yield self._problem(
                "lock-pypi-version",
                f"The manifest asks for {text}, but {package.name} {package.version} is locked.",
                spec.name, expected=text, actual=f"{package.name} {package.version}", **place,
            )  # fmt: skip

    def _dependencies(self, package: LockedPackage) -> Iterator[tuple[str, Problem]]:
        for text in package.pypi.requires_dist if package.pypi is not None else ():
            name, bounds, marker = _parts(text)
            other = self.wheels.get(name)
            if other is None and name not in self.provided and not marker:
                yield self._problem(
                    "lock-pypi-requirement",
                    f"{package.name} depends on {text}, but no such package is locked.",
                    package.name, expected=text, line=self.subject.line_of(package),
                )  # fmt: skip
            elif other is None or not other.version or marker or not bounds:
                continue
            elif not _satisfies(other.version, bounds):
                yield self._problem(
                    "lock-pypi-version",
                    f"{package.name} depends on {text}, but {other.version} is locked.",
                    package.name, expected=text, actual=f"{other.name} {other.version}",
                    line=self.subject.line_of(package),
                )  # fmt: skip

    def _reached(self, names: list[str]) -> list[str]:
        reached: dict[str, None] = {}
        queue = list(names)
        while queue:
            name = queue.pop(0)
            if name in reached:
                continue
            reached[name] = None
            package = self.wheels.get(name)
            if package is not None and package.pypi is not None:
                queue += [_parts(text)[0] for text in package.pypi.requires_dist]
        return list(reached)

    def _problem(self, rule: str, message: str, name: str, **more: Any) -> tuple[str, Problem]:
        values: dict[str, Any] = {"file": self.subject.lock_file, "field": "pypi-dependencies"}
        return rule, Problem(
            message=message,
            environment=self.place.environment,
            platform=self.place.platform.name,
            package=name,
            **{**values, **more},
        )


def check_indexes(subject: Subject) -> Iterator[Problem]:
    """Environments with PyPI packages were locked with the manifest's indexes."""
    manifest, lock = subject.manifest, subject.lock
    assert manifest is not None
    assert lock is not None
    for name in environments(subject):
        locked = lock.environments.get(name)
        asked = any(manifest.pypi_dependencies(name, p) for p in manifest.platforms(name))
        if locked is None or not asked:
            continue
        options = pypi_options(manifest, name)
        wanted = [options.get("index-url") or DEFAULT_INDEX]
        wanted += list(options.get("extra-index-urls") or ())
        there = any(p.kind == "pypi" for each in locked.packages.values() for p in each)
        if locked.indexes is None and not there:
            continue
        found = list(locked.indexes or ())
        if [w.rstrip("/") for w in wanted] != [f.rstrip("/") for f in found]:
            yield Problem(
                message=f"The environment {name} was locked with other PyPI indexes.",
                environment=name,
                field="indexes",
                expected=wanted,
                actual=found,
                file=subject.lock_file,
            )


def normalised(name: str) -> str:
    """A PyPI name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _provides(package: LockedPackage) -> Iterator[str]:
    """The PyPI names that a conda package stands for: its purls, else its own name."""
    purls = package.facts.purls
    if purls is None:
        yield normalised(package.name)
    for purl in purls or ():
        if purl.startswith("pkg:pypi/"):
            yield normalised(re.split("[@?#]", purl.removeprefix("pkg:pypi/"))[0])


def _text(spec: PypiSpec) -> str:
    bounds = _bounds(spec.value)
    return f"{spec.name} {bounds}" if bounds else spec.name


def _bounds(value: Any) -> str:
    """The version specifiers of a dependency, empty where any version will do."""
    if isinstance(value, dict):
        if any(key in value for key in _SOURCES):
            return ""
        value = value.get("version", "")
    text = str(value).strip()
    if text == "*":
        return ""
    return f"=={text}" if text[:1].isdigit() else text


def _has_marker(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("env-markers"))


def _satisfies(version: str, bounds: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(bounds).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _parts(requirement: str) -> tuple[str, str, bool]:
    """Name, specifiers, and whether there is a marker, of a PEP 508 requirement."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return normalised(re.split(r"[\s\[<>=!~;(@]", requirement)[0]), "", True
    return normalised(parsed.name), str(parsed.specifier), parsed.marker is not None
