"""Walks from the manifest's requirements through the locked packages, and says what is wrong.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/platform.rs
(verify_package_platform_satisfiability), but goes on after the first problem.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.lock_closure_notes import Notes, or_lock
from pytest_pixipack.verify.lock_needs import Need, requirements
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import (
    condition_holds,
    satisfies,
    spec_condition,
    spec_extras,
    spec_name,
    virtual_satisfies,
)
from pytest_pixipack.verify.subject import Place, Subject


def closure_problems(subject: Subject) -> tuple[tuple[str, Problem], ...]:
    """All problems of all places, each with the name of its rule."""
    return subject.once("closure", lambda: tuple(_all(subject)))


def _all(subject: Subject) -> Iterator[tuple[str, Problem]]:
    assert subject.manifest is not None
    assert subject.lock is not None
    for place in places(subject):
        packages = subject.lock.environments[place.environment].packages
        if place.locked is not None and place.locked.name in packages:
            yield from _Walk(subject, place, packages[place.locked.name]).run()


def needs_packages(subject: Subject, place: Place) -> bool:
    """Whether an environment without any package would not be what the manifest asks for."""
    assert subject.manifest is not None
    if subject.manifest.pypi_dependencies(place.environment, place.platform):
        return True
    return bool(_Walk(subject, place, ()).run())


class _Walk:
    """The walk through one environment on one platform."""

    def __init__(self, subject: Subject, place: Place, packages: tuple[LockedPackage, ...]) -> None:
        self.notes = Notes(subject, place, packages)
        self.subject = subject
        self.manifest = self.notes.manifest
        self.place = place
        self.virtual = self.manifest.virtual_packages(place.environment, place.platform)
        self.met: set[str] = set()
        self.visited: set[str] = set()
        self.followed: set[tuple[str, str]] = set()
        self.wanted_sources: set[str] = set()
        self.untraceable = False

    def run(self) -> list[tuple[str, Problem]]:
        self.notes.duplicates()
        self.notes.constraints()
        queue = deque(requirements(self.manifest, self.place))
        queue += self._dev_requirements()
        while queue:
            queue += self._visit(queue.popleft())
        self._unused()
        self._unwanted_sources()
        self.notes.constrained()
        return self.notes.problems

    def _dev_requirements(self) -> list[Need]:
        from pytest_pixipack.verify.dev import broken_dev_sources, dev_needs

        for spec, message, remedy in broken_dev_sources(self.subject, self.place):
            need = Need(spec.name, None, spec)
            self.notes.add(
                "lock-source-location", message, need, None, about=(spec.name,), remedy=remedy
            )
            self.untraceable = True
        needs, complete = dev_needs(self.subject, self.place)
        # What a backend adds to the dependencies of a package under development is not known.
        self.untraceable |= not complete
        for need in needs:
            written = need.written_name or need.name
            if written != written.lower() and not need.is_source:
                # pixi 0.77 compares the name as it is written with the locked one.
                lower = written.lower()
                self.notes.add(
                    "lock-depends",
                    f"{need.asker} depends on {written}; pixi accepts no lock with capitals in "
                    "the name of what a package under development depends on.",
                    need,
                    None,
                    expected=written,
                    actual=lower,
                    about=(need.name,),
                    remedy=f"Write {lower} for {written}: pixi accepts no lock with capitals here",
                )
        return needs

    def _visit(self, need: Need) -> list[Need]:
        """What a requirement brings in; notes what is wrong with it."""
        plain = need.spec is None and need.source is None
        if (plain and need.text in self.met) or not self._applies(need):
            return []
        package = self.notes.known.get(need.name)
        if package is None:
            return self._absent(need)
        if need.is_source:
            self.wanted_sources.add(need.name)
            if not package.is_source:
                self.notes.kind(need, package)
            else:
                self.notes.location(need, package)
        elif not self.notes.is_file(need, package):
            return self._follow(package, need)
        if not satisfies(self.notes.facts[need.name], need.text):
            self.notes.unsatisfied(need, package)
        elif plain:
            self.met.add(need.text)
        return self._follow(package, need)

    def _applies(self, need: Need) -> bool:
        condition = spec_condition(need.text)
        return condition is None or condition_holds(
            condition, self.notes.facts.values(), self.virtual
        )

    def _follow(self, package: LockedPackage, need: Need) -> list[Need]:
        found: list[Need] = []
        if package.name not in self.visited:
            self.visited.add(package.name)
            found += [self._depend(package, text) for text in package.depends]
        for extra in spec_extras(need.text):
            if (package.name, extra) not in self.followed:
                self.followed.add((package.name, extra))
                texts = package.facts.extra_depends.get(extra, ())
                found += [self._depend(package, text) for text in texts]
        return found

    def _depend(self, package: LockedPackage, text: str) -> Need:
        sources = package.source.source_depends if package.source is not None else {}
        source = sources.get(spec_name(text))
        base = package.location if package.is_source else "."
        return Need(text, package.name, None, dict(source) if source else None, base)

    def _absent(self, need: Need) -> list[Need]:
        virtual = [v for v in self.virtual if v.partition("=")[0] == need.name]
        if virtual and not need.is_source:
            if not any(virtual_satisfies(v, need.text) for v in virtual):
                self.notes.missing(need, actual=virtual[0])
            return []
        self.notes.missing(need, actual=None)
        entry = self._unselected(need.name)
        if entry is None:
            # What the missing package would have brought in cannot be told from what is unused.
            self.untraceable |= not need.name.startswith("__")
            return []
        return self._follow(entry, Need(need.name))

    def _unselected(self, name: str) -> LockedPackage | None:
        """An entry of the lock that the environment ought to refer to."""
        subdirs = (self.place.platform.subdir, "noarch", None)
        for package in self.subject.once("by name", self._by_name).get(name, ()):
            if package.subdir in subdirs:
                return package
        return None

    def _by_name(self) -> dict[str, list[LockedPackage]]:
        found: dict[str, list[LockedPackage]] = {}
        for package in self.notes.lock.packages:
            if package.kind != "pypi":
                found.setdefault(package.name, []).append(package)
        return found

    def _unused(self) -> None:
        if self.untraceable:
            return
        for package in self.notes.conda:
            if package.name not in self.visited:
                self.notes.entry(
                    "lock-unused",
                    f"{package.name} is locked, but nothing needs it.",
                    package,
                    actual=package.dist if package.version else package.name,
                    remedy=or_lock(f"add {package.name} to the dependencies again"),
                )

    def _unwanted_sources(self) -> None:
        for package in self.notes.conda:
            if (
                package.is_source
                and package.name in self.visited
                and package.name not in self.wanted_sources
            ):
                self.notes.entry(
                    "lock-source-kind",
                    f"{package.name} is locked as a source package, but only asked for as a "
                    "binary one.",
                    package,
                    expected="binary package",
                    actual=f"source package in {package.location}",
                    remedy=or_lock(f'write {package.name} = {{ path = "{package.location}" }}')
                    if "://" not in package.location
                    else None,
                )


def problems_of(subject: Subject, rule: str) -> Iterable[Problem]:
    """The problems that one rule reports."""
    return (problem for name, problem in closure_problems(subject) if name == rule)
