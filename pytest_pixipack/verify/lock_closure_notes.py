"""The problems of one environment on one platform, in the words of their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.location import to_url
from pytest_pixipack.manifest import Spec
from pytest_pixipack.verify.locations import (
    describe_spec,
    file_address,
    locations_agree,
    resolved_location,
)
from pytest_pixipack.verify.lock_needs import Need
from pytest_pixipack.verify.resolved import resolved_facts
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import satisfies, spec_name
from pytest_pixipack.verify.subject import Place, Subject


class Notes:
    """What is wrong in one place; `problems` has each with the name of its rule.

    `conda` are the conda packages of the place, `known` the same by name, `facts` what is known of
    them when backends have answered.
    """

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
        self.problems: list[tuple[str, Problem]] = []

    def missing(self, need: Need, actual: str | None) -> None:
        """A requirement that no locked package meets; `actual` is a virtual package of its name."""
        by = f"{need.asker} depends on" if need.asker else "The manifest asks for"
        locked = f"{actual} is assumed" if actual else "no such package is locked"
        self.add(
            "lock-depends" if need.asker else "lock-spec",
            f"{by} {need.text}, but {locked}.",
            need,
            self.known.get(need.asker) if need.asker else None,
            expected=need.text,
            actual=actual,
            about=(need.name,),
            remedy=None if need.asker else or_lock(self._without(need.name)),
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

    def unsatisfied(self, need: Need, package: LockedPackage) -> None:
        """A requirement that the locked package of its name does not meet."""
        facts = self.facts[package.name]
        by = f"{need.asker} depends on" if need.asker else "The manifest asks for"
        self.add(
            "lock-depends" if need.asker else "lock-spec",
            f"{by} {need.text}, but {facts.name} {facts.version} is locked.",
            need,
            self.known.get(need.asker) if need.asker else package,
            expected=need.text,
            actual=_as_asked(facts, need.spec),
            about=(need.name,),
            remedy=None if need.asker else or_lock(_allowing(facts, need.spec)),
        )

    def kind(self, need: Need, package: LockedPackage) -> None:
        """A source package that is locked as a binary one."""
        self.add(
            "lock-source-kind",
            f"{package.name} has to be built from source, but a binary package is locked.",
            need,
            package,
            expected=f"source package in {describe_spec(need.source or {})}",
            actual="binary package",
            about=(package.name,),
            remedy=or_lock(f'write {package.name} = "*", without the place of its source'),
        )

    def is_file(self, need: Need, package: LockedPackage) -> bool:
        """Whether a requirement that names one file of a package is met by it."""
        spec = need.spec
        if spec is None or spec.kind not in ("path", "url"):
            return True
        wanted = file_address(spec, self.manifest.root)
        digests = {"sha256": package.facts.sha256, "md5": package.facts.md5}
        for key, found in {"url": to_url(package.location), **digests}.items():
            asked = wanted if key == "url" else getattr(spec, key)
            if asked is not None and asked != found:
                self.add(
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

    def location(self, need: Need, package: LockedPackage) -> None:
        """A source package that is locked at another place."""
        if not locations_agree(need.source or {}, need.base, package.location):
            self.add(
                "lock-source-location",
                f"The source of {package.name} is locked at another place.",
                need,
                package,
                expected=resolved_location(need.source or {}, need.base),
                actual=package.location,
                about=(package.name,),
                remedy=or_lock(f"name {package.location} again")
                if self._is_there(package)
                else None,
            )

    def _is_there(self, package: LockedPackage) -> bool:
        return "://" in package.location or (self.manifest.root / package.location).exists()

    def duplicates(self) -> None:
        """Packages that are locked twice."""
        seen: set[str] = set()
        for package in self.conda:
            if package.name in seen:
                self.entry(
                    "lock-duplicate",
                    f"{package.name} is locked twice for {self.place.platform.name}.",
                    package,
                    actual=package.identifier,
                )
            seen.add(package.name)

    def constraints(self) -> None:
        """Packages that the manifest's constraints do not allow."""
        for spec in self.manifest.constraints(self.place.environment, self.place.platform):
            package = self.known.get(spec.name)
            text = replace(spec, channel=None, subdir=None).match_spec()
            if package is None or package.is_source or satisfies(self.facts[spec.name], text):
                continue
            need = Need(text, None, spec)
            self.add(
                "lock-spec",
                f"The manifest constrains {text}, but {package.name} {package.version} is locked.",
                need,
                package,
                field="constraints",
                expected=text,
                actual=f"{package.name} {package.version} {package.build}",
                about=(package.name,),
                remedy=or_lock(f"let the constraint allow {package.version}"),
            )

    def constrained(self) -> None:
        """Packages that constrain each other."""
        for package in self.conda:
            for text in package.constrains:
                other = self.facts.get(spec_name(text))
                if other is None or satisfies(other, text):
                    continue
                self.entry(
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

    def add(
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
        """Notes what is wrong with a requirement; `package` is the entry that it is about."""
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

    def entry(
        self, rule: str, message: str, package: LockedPackage, field: str = "package", **more: Any
    ) -> None:
        """Notes what is wrong with an entry of the lock."""
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


def or_lock(otherwise: str) -> str:
    """A remedy with another way than locking again."""
    return f"Run `pixi lock`, or {otherwise}"
