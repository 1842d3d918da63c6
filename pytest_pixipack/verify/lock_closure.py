"""Walks from the manifest's requirements through the locked packages, and says what is wrong.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/platform.rs
(verify_package_platform_satisfiability), but goes on after the first problem.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.location import to_url
from pytest_pixipack.manifest import Manifest, Spec
from pytest_pixipack.verify.locations import (
    describe_spec,
    file_address,
    location_of,
    locations_agree,
    resolved_location,
)
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.resolved import resolved_facts
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


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement: its match spec without a channel, who asks, and where its source lies.

    `written_name` is the name with its capitals, where they count.
    """

    text: str
    asker: str | None = None
    spec: Spec | None = None
    source: dict[str, Any] | None = None
    base: str = "."
    written_name: str | None = None

    @property
    def name(self) -> str:
        """The name of the package that is needed."""
        return spec_name(self.text)

    @property
    def is_source(self) -> bool:
        """Whether a package is needed that is built from source."""
        return self.source is not None


def requirements(manifest: Manifest, place: Place) -> tuple[Need, ...]:
    """What the manifest asks of an environment on a platform."""
    specs = manifest.dependencies(place.environment, place.platform)
    return tuple(need_of(spec) for spec in specs)


def need_of(spec: Spec, base: str = ".") -> Need:
    """The requirement that one line of a manifest makes; `base` is the manifest's directory."""
    text = replace(spec, channel=None, subdir=None).match_spec()
    return Need(text, None, spec, location_of(spec) if spec.is_source else None, base)


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
        assert subject.manifest is not None
        assert subject.lock is not None
        self.subject = subject
        self.manifest = subject.manifest
        self.lock = subject.lock
        self.place = place
        self.conda = [package for package in packages if package.kind != "pypi"]
        self.known = {package.name: package for package in self.conda}
        self.facts = {p.name: resolved_facts(subject, place, p) for p in self.conda}
        self.virtual = self.manifest.virtual_packages(place.environment, place.platform)
        self.met: set[str] = set()
        self.visited: set[str] = set()
        self.followed: set[tuple[str, str]] = set()
        self.wanted_sources: set[str] = set()
        self.untraceable = False
        self.problems: list[tuple[str, Problem]] = []

    def run(self) -> list[tuple[str, Problem]]:
        self._duplicates()
        self._constraints()
        queue = deque(requirements(self.manifest, self.place))
        queue += self._dev_requirements()
        while queue:
            queue += self._visit(queue.popleft())
        self._unused()
        self._unwanted_sources()
        self._constrained()
        return self.problems

    def _dev_requirements(self) -> list[Need]:
        from pytest_pixipack.verify.dev import broken_dev_sources, dev_needs

        for spec, message, remedy in broken_dev_sources(self.subject, self.place):
            need = Need(spec.name, None, spec)
            self._add(
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
                self._add(
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
        package = self.known.get(need.name)
        if package is None:
            return self._absent(need)
        if need.is_source:
            self.wanted_sources.add(need.name)
            if not package.is_source:
                self._kind(need, package)
            else:
                self._location(need, package)
        elif not self._is_file(need, package):
            return self._follow(package, need)
        if not satisfies(self.facts[need.name], need.text):
            self._unsatisfied(need, package)
        elif plain:
            self.met.add(need.text)
        return self._follow(package, need)

    def _applies(self, need: Need) -> bool:
        condition = spec_condition(need.text)
        return condition is None or condition_holds(condition, self.facts.values(), self.virtual)

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
                self._missing(need, actual=virtual[0])
            return []
        self._missing(need, actual=None)
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
        for package in self.lock.packages:
            if package.kind != "pypi":
                found.setdefault(package.name, []).append(package)
        return found

    def _missing(self, need: Need, actual: str | None) -> None:
        by = f"{need.asker} depends on" if need.asker else "The manifest asks for"
        locked = f"{actual} is assumed" if actual else "no such package is locked"
        self._add(
            "lock-depends" if need.asker else "lock-spec",
            f"{by} {need.text}, but {locked}.",
            need,
            self.known.get(need.asker) if need.asker else None,
            expected=need.text,
            actual=actual,
            about=(need.name,),
            remedy=None if need.asker else _or(self._without(need.name)),
        )

    def _without(self, name: str) -> str:
        """The edit that takes a requirement away, and no package of another environment."""
        if any(
            package.name == name
            for environment in self.lock.environments.values()
            if environment.name != self.place.environment
            for packages in environment.packages.values()
            for package in packages
        ):
            return f"leave the feature that asks for {name} out of {self.place.environment}"
        return f"remove {name} from the manifest"

    def _unsatisfied(self, need: Need, package: LockedPackage) -> None:
        facts = self.facts[package.name]
        by = f"{need.asker} depends on" if need.asker else "The manifest asks for"
        self._add(
            "lock-depends" if need.asker else "lock-spec",
            f"{by} {need.text}, but {facts.name} {facts.version} is locked.",
            need,
            self.known.get(need.asker) if need.asker else package,
            expected=need.text,
            actual=_as_asked(facts, need.spec),
            about=(need.name,),
            remedy=None if need.asker else _or(_allowing(facts, need.spec)),
        )

    def _kind(self, need: Need, package: LockedPackage) -> None:
        self._add(
            "lock-source-kind",
            f"{package.name} has to be built from source, but a binary package is locked.",
            need,
            package,
            expected=f"source package in {describe_spec(need.source or {})}",
            actual="binary package",
            about=(package.name,),
            remedy=_or(f'write {package.name} = "*", without the place of its source'),
        )

    def _is_file(self, need: Need, package: LockedPackage) -> bool:
        """Whether a requirement that names one file of a package is met by it."""
        spec = need.spec
        if spec is None or spec.kind not in ("path", "url"):
            return True
        wanted = file_address(spec, self.manifest.root)
        digests = {"sha256": package.facts.sha256, "md5": package.facts.md5}
        for key, found in {"url": to_url(package.location), **digests}.items():
            asked = wanted if key == "url" else getattr(spec, key)
            if asked is not None and asked != found:
                self._add(
                    "lock-spec",
                    f"The manifest asks for {spec.name} from {wanted}, another file is locked.",
                    need,
                    package,
                    field=key,
                    expected=asked,
                    actual=found,
                    about=(spec.name,),
                )
                return False
        return True

    def _location(self, need: Need, package: LockedPackage) -> None:
        if not locations_agree(need.source or {}, need.base, package.location):
            self._add(
                "lock-source-location",
                f"The source of {package.name} is locked at another place.",
                need,
                package,
                expected=resolved_location(need.source or {}, need.base),
                actual=package.location,
                about=(package.name,),
                remedy=_or(f"name {package.location} again") if self._is_there(package) else None,
            )

    def _is_there(self, package: LockedPackage) -> bool:
        return "://" in package.location or (self.manifest.root / package.location).exists()

    def _duplicates(self) -> None:
        seen: set[str] = set()
        for package in self.conda:
            if package.name in seen:
                self._entry(
                    "lock-duplicate",
                    f"{package.name} is locked twice for {self.place.platform.name}.",
                    package,
                    actual=package.identifier,
                )
            seen.add(package.name)

    def _constraints(self) -> None:
        for spec in self.manifest.constraints(self.place.environment, self.place.platform):
            package = self.known.get(spec.name)
            text = replace(spec, channel=None, subdir=None).match_spec()
            if package is None or package.is_source or satisfies(self.facts[spec.name], text):
                continue
            need = Need(text, None, spec)
            self._add(
                "lock-spec",
                f"The manifest constrains {text}, but {package.name} {package.version} is locked.",
                need,
                package,
                field="constraints",
                expected=text,
                actual=f"{package.name} {package.version} {package.build}",
                about=(package.name,),
                remedy=_or(f"let the constraint allow {package.version}"),
            )

    def _unused(self) -> None:
        if self.untraceable:
            return
        for package in self.conda:
            if package.name not in self.visited:
                self._entry(
                    "lock-unused",
                    f"{package.name} is locked, but nothing needs it.",
                    package,
                    actual=package.dist if package.version else package.name,
                    remedy=_or(f"add {package.name} to the dependencies again"),
                )

    def _unwanted_sources(self) -> None:
        for package in self.conda:
            if (
                package.is_source
                and package.name in self.visited
                and package.name not in self.wanted_sources
            ):
                self._entry(
                    "lock-source-kind",
                    f"{package.name} is locked as a source package, but only asked for as a "
                    "binary one.",
                    package,
                    expected="binary package",
                    actual=f"source package in {package.location}",
                    remedy=_or(f'write {package.name} = {{ path = "{package.location}" }}')
                    if "://" not in package.location
                    else None,
                )

    def _constrained(self) -> None:
        for package in self.conda:
            for text in package.constrains:
                other = self.facts.get(spec_name(text))
                if other is None or satisfies(other, text):
                    continue
                self._entry(
                    "lock-constrains",
                    f"{package.name} cannot be together with {other.name} {other.version}: it "
                    f"constrains {text}.",
                    package,
                    field="constrains",
                    expected=text,
                    actual=f"{other.name} {other.version}",
                    about=(other.name,),
                    layers=("lock", "lock"),
                    remedy=f"Run `pixi update {package.name} {other.name}`",
                )

    def _add(
        self,
        rule: str,
        message: str,
        need: Need,
        package: LockedPackage | None,
        *,
        field: str = "depends",
        about: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        in_manifest = need.spec is not None
        position = need.spec.position if need.spec is not None else None
        problem = Problem(
            message=message,
            environment=self.place.environment,
            platform=self.place.platform.name,
            package=need.asker or need.name,
            version=self._version(need.asker or need.name),
            field=field,
            file=str(position.file) if position else self.subject.lock_file,
            line=position.line if position else self.subject.line_of(package),
            layers=("manifest", "lock") if in_manifest else ("lock", "lock"),
            about=about,
            **more,
        )
        self.problems.append((rule, problem))

    def _version(self, name: str) -> str | None:
        facts: PackageFacts | None = self.facts.get(name)
        return facts.version if facts else None

    def _entry(
        self, rule: str, message: str, package: LockedPackage, field: str = "package", **more: Any
    ) -> None:
        problem = Problem(
            message=message,
            environment=self.place.environment,
            platform=self.place.platform.name,
            package=package.name,
            version=package.version,
            field=field,
            file=self.subject.lock_file,
            line=self.subject.line_of(package),
            **more,
        )
        self.problems.append((rule, problem))


def _as_asked(facts: PackageFacts, spec: Spec | None) -> str:
    """Name, version and build, and what else a spec asks of a package."""
    parts = [part for part in (facts.name, facts.version, facts.build) if part]
    for key in ("build_number", "license", "license_family", "flags", "track_features", "sha256",
                "md5"):  # fmt: skip
        if spec is not None and getattr(spec, key) is not None:
            value = getattr(facts, key)
            shown = ", ".join(value) if isinstance(value, tuple) else value
            parts.append(f"{key}={'nothing' if shown in (None, '') else shown}")
    return " ".join(parts)


def _allowing(facts: PackageFacts, spec: Spec | None) -> str:
    """The edit of a requirement that a locked package would meet."""
    if spec is not None and satisfies(facts, f"{spec.name} {spec.version or '*'}"):
        return f'ask for its version alone, as in {facts.name} = "{spec.version or "*"}"'
    return f'allow {facts.version} again, as in {facts.name} = "=={facts.version}"'


def _or(otherwise: str) -> str:
    return f"Run `pixi lock`, or {otherwise}"


def problems_of(subject: Subject, rule: str) -> Iterable[Problem]:
    """The problems that one rule reports."""
    return (problem for name, problem in closure_problems(subject) if name == rule)
