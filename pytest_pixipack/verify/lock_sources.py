"""Rules about locked source packages: the record against its manifest, or its backend's answer.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/source_record.rs. Without an
answer of the backend only that is checked which a backend cannot change: what a manifest declares
has to be in the record, but a record may hold more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pytest_pixipack.errors import BackendError, PixipackError
from pytest_pixipack.facts import RUN_EXPORT_KINDS
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.manifest import Manifest, Package
from pytest_pixipack.verify.locations import (
    describe_spec,
    locations_agree,
    resolved_location,
    same_build_source,
    same_place,
)
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.resolved import (
    directory_of,
    inline_package,
    matching_output,
    outputs_of,
    resolved_facts,
    source_manifest,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.source_expectation import (
    Expectation,
    Requirement,
    build_source,
    from_manifest,
    from_output,
    locked_text,
    output_text,
)
from pytest_pixipack.verify.specs import SpecDifference, compare_texts, satisfies
from pytest_pixipack.verify.subject import Place, Subject

# Older locks do not say what source packages were built with; pixi works it out again.
_FIRST_WITH_BUILD_PACKAGES = 7


def source_problems(subject: Subject, rule: str) -> Iterable[Problem]:
    """The problems with source records that one rule reports."""
    if rule == "lock-backend" and not subject.notes:
        return ()
    found = subject.once("sources", lambda: tuple(_all(subject)))
    return (problem for name, problem in found if name == rule)


def _all(subject: Subject) -> Iterator[tuple[str, Problem]]:
    assert subject.lock is not None
    for place in places(subject):
        yield from _unasked_dev(subject, place)
        packages = subject.lock.environments[place.environment].packages
        if place.locked is None:
            continue
        for package in packages.get(place.locked.name, ()):
            if not package.is_source:
                continue
            record = _Record(subject, place, package)
            if directory_of(subject, package) is not None:
                yield from record.check()
            else:
                yield from record.check_pinned()


def _unasked_dev(subject: Subject, place: Place) -> Iterator[tuple[str, Problem]]:
    """Packages under development whose backends were not asked."""
    from pytest_pixipack.verify.dev import unasked

    for spec in unasked(subject, place):
        yield (
            "lock-backend",
            Problem(
                message=f"What the build backend adds to the dependencies of {spec.name} was not "
                "compared: it was not asked.",
                environment=place.environment,
                platform=place.platform.name,
                package=spec.name,
                file=str(spec.position.file),
                line=spec.position.line,
            ),
        )


class _Record:
    """One source record in one place."""

    def __init__(self, subject: Subject, place: Place, package: LockedPackage) -> None:
        self.subject = subject
        self.place = place
        self.package = package

    def check(self) -> Iterator[tuple[str, Problem]]:
        directory = directory_of(self.subject, self.package)
        assert directory is not None
        if not directory.is_dir():
            yield self._problem(
                "lock-source-location",
                f"The source of {self.package.name} is locked in {self.package.location}, where "
                "there is no directory.",
                field="location",
                expected="a source package",
                actual=f"no directory {self.package.location}",
            )
            return
        inline = inline_package(self.subject, self.place, self.package.name)
        manifest = source_manifest(self.subject, self.package)
        try:
            if inline is not None:
                yield from self._against_package(inline)
                yield self._unasked("its definition stands in the workspace's manifest")
            elif outputs_of(self.subject, self.place, self.package) is not None:
                if isinstance(manifest, Manifest):
                    yield from self._build_source(manifest.need_package())
                yield from self._against_backend()
            elif isinstance(manifest, PixipackError):
                yield self._unreadable(manifest)
            elif manifest is not None:
                yield from self._against_manifest(manifest)
                yield self._unasked(f"{manifest.need_package().build.backend.name} was not asked")
            else:
                yield self._unasked("its manifest is not pixi's")
        except BackendError as error:
            yield self._unreadable(error)

    def check_pinned(self) -> Iterator[tuple[str, Problem]]:
        """A record whose sources are pinned: nothing but the lock itself can have changed.

        pixi computes the identifier again (verify_immutable_record_identity).
        """
        if self.package.is_partial:
            yield self._unasked("its sources are not here")
            return
        if inline_package(self.subject, self.place, self.package.name) is not None:
            yield self._unasked("its definition stands in the workspace's manifest")
            return
        expected = self._identifier()
        if expected is None or expected == self.package.identifier_hash:
            return
        yield self._problem(
            "lock-source-metadata",
            f"The record of {self.package.name} was edited: its identifier does not follow from it "
            "any more.",
            field="identifier",
            expected=expected,
            actual=self.package.identifier_hash,
        )

    def _identifier(self) -> str | None:
        """The identifier that follows from the record; None where it cannot be told."""
        from pytest_pixipack.lock.identifier import source_identifier

        package, lock = self.package, self.subject.lock
        assert lock is not None
        source = package.source.source if package.source else None
        known = package.location.startswith("git+") and (source is None or "path" in source)
        if not known or lock.version < _FIRST_WITH_BUILD_PACKAGES:
            return None
        return source_identifier(
            package.facts,
            package.location,
            source=source,
            source_depends=package.source.source_depends if package.source else None,
            build_packages=[lock.package(each) for each in package.build_packages],
            host_packages=[lock.package(each) for each in package.host_packages],
        )

    def _against_backend(self) -> Iterator[tuple[str, Problem]]:
        output = matching_output(self.subject, self.place, self.package)
        if output is None:
            offered = outputs_of(self.subject, self.place, self.package) or ()
            yield self._problem(
                "lock-source-metadata",
                f"No output of the package in {self.package.location} is the one that is locked.",
                field="variants" if any(o.name == self.package.name for o in offered) else "name",
                expected=[output_text(o.name, o.variant) for o in offered],
                actual=[output_text(self.package.name, self.package.variants)],
            )
            return
        build, host = self._packages("build"), self._packages("host")
        assert self.subject.lock is not None
        # Without build and host packages it is not known which run exports there were.
        exact = self.subject.lock.version >= _FIRST_WITH_BUILD_PACKAGES
        yield from self._compare(from_output(output, build, host), exact=exact)

    def _against_manifest(self, manifest: Manifest) -> Iterator[tuple[str, Problem]]:
        package = manifest.need_package()
        yield from self._against_package(package)

    def _against_package(self, package: Package) -> Iterator[tuple[str, Problem]]:
        if package.name is not None and package.name.lower() != self.package.name:
            yield self._problem(
                "lock-source-metadata",
                f"The package in {self.package.location} is called {package.name}.",
                field="name",
                expected=package.name,
                actual=self.package.name,
                file=str(package.position.file),
                line=package.position.line,
            )
            return
        yield from self._build_source(package)
        expected = from_manifest(package, self.place.platform.subdir, self.package.variants)
        yield from self._compare(expected, exact=False)

    def _build_source(self, package: Package) -> Iterator[tuple[str, Problem]]:
        wanted = build_source(package)
        locked = self.package.source.source if self.package.source is not None else None
        if same_build_source(wanted, locked):
            return
        beside = "beside the manifest"
        yield self._problem(
            "lock-source-location",
            f"The files that {self.package.name} is built from are locked at another place.",
            field="source",
            expected=describe_spec(wanted) if wanted is not None else beside,
            actual=describe_spec(locked) if locked is not None else beside,
            file=str(package.build.position.file),
            line=package.build.position.line,
        )

    def _compare(self, expected: Expectation, exact: bool) -> Iterator[tuple[str, Problem]]:
        yield from self._moved(expected)
        broken = False
        for environment in ("build", "host"):
            for problem in self._unmet(expected, environment):
                broken = True
                yield problem
        exports = self.package.run_exports
        lists: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
            ("depends", expected.depends, self.package.depends),
            ("constrains", expected.constrains, self.package.constrains),
        ]
        extras = self.package.facts.extra_depends
        for group in sorted({*extras, *expected.extra_depends}):
            wanted = expected.extra_depends.get(group, ())
            lists.append((f"extra_depends.{group}", wanted, extras.get(group, ())))
        for kind in RUN_EXPORT_KINDS:
            wanted = getattr(expected.run_exports, kind)
            found = getattr(exports, kind) if exports is not None else ()
            lists.append((f"run_exports.{kind}", wanted, found))
        for field, wanted, found in lists:
            difference = compare_texts(wanted, found)
            # Run exports of an environment that has to be solved again say nothing.
            if broken and field in ("depends", "constrains"):
                continue
            if difference.missing or (exact and difference.extra):
                yield self._metadata(field, difference, exact)

    def _moved(self, expected: Expectation) -> Iterator[tuple[str, Problem]]:
        """Run dependencies whose source is named at another place now, which pixi does not see."""
        locked = self.package.source.source_depends if self.package.source is not None else {}
        for name, wanted in expected.sources.items():
            if name not in locked or same_place(wanted, locked[name]):
                continue
            base = self.package.location
            yield self._problem(
                "lock-source-location",
                f"{self.package.name} names another source for {name} than it was locked with; "
                "pixi 0.77 does not notice.",
                field="source_depends",
                expected=f"{name} from {resolved_location(wanted, base)}",
                actual=f"{name} from {resolved_location(locked[name], base)}",
                severity="warning",
                remedy="Remove pixi.lock and run `pixi lock`, or name the old place again",
            )

    def _metadata(self, field: str, difference: SpecDifference, exact: bool) -> tuple[str, Problem]:
        who = "backend" if exact else "manifest"
        return self._problem(
            "lock-source-metadata",
            f"What the {who} of {self.package.name} says of {field} is not what is locked.",
            field=field,
            expected=list(difference.missing),
            actual=list(difference.extra) if exact else self._of_same_name(difference),
            cause="dependency-change",
            evidence=f"the {who} says something else than when it was locked",
            remedy=self._restore(difference),
        )

    def _restore(self, difference: SpecDifference) -> str | None:
        """The edit of the package's manifest that would make it what is locked."""
        manifest = source_manifest(self.subject, self.package)
        file = manifest.path.name if isinstance(manifest, Manifest) else "its manifest"
        if self.package.location != ".":
            file = f"{self.package.location}/{file}"
        edits = []
        if gone := self._of_same_name(difference) or list(difference.extra):
            edits.append(f"declare {', '.join(map(self._declared, gone))}")
        elif difference.missing:
            edits.append(f"remove {', '.join(difference.missing)}")
        return f"Run `pixi lock`, or {edits[0]} in {file}" if edits else None

    def _declared(self, text: str) -> str:
        """A run dependency of the lock, as a manifest has to say it."""
        sources = self.package.source.source_depends if self.package.source is not None else {}
        place = sources.get(text)
        if place is None or "path" not in place:
            return text
        return f'{text} = {{ path = "{place["path"]}" }}'

    def _of_same_name(self, difference: SpecDifference) -> list[str]:
        from pytest_pixipack.verify.specs import spec_name

        names = {spec_name(text) for text in difference.missing}
        return [text for text in difference.extra if spec_name(text) in names]

    def _unmet(self, expected: Expectation, environment: str) -> Iterator[tuple[str, Problem]]:
        assert self.subject.lock is not None
        if self.subject.lock.version < _FIRST_WITH_BUILD_PACKAGES:
            return
        locked = self._packages(environment)
        for needed in getattr(expected, environment):
            if any(self._meets(needed, package) for package in locked):
                continue
            yield self._problem(
                "lock-build-environment",
                f"{self.package.name} needs {needed.text} in its {environment} environment, which "
                "no locked package satisfies.",
                field=f"{environment}_packages",
                expected=self._described(needed),
                actual=[locked_text(package) for package in locked],
                remedy=self._lower_case(needed),
            )

    def _meets(self, needed: Requirement, package: LockedPackage) -> bool:
        """Whether a locked package is what was asked for (pixi, LockedConda).

        Of a package that is built from a path neither version nor build are looked at.
        """
        if needed.name != package.name:
            return False
        if needed.source is not None:
            base = self.package.location
            return package.is_source and locations_agree(
                needed.source, base, package.location, build=True
            )
        return package.is_partial or satisfies(package.facts, needed.text)

    def _described(self, needed: Requirement) -> str:
        if needed.source is None:
            return needed.text.replace(needed.name.lower(), needed.name, 1)
        return f"{needed.text} from {resolved_location(needed.source, self.package.location)}"

    def _lower_case(self, needed: Requirement) -> str | None:
        # pixi 0.77 compares the name as it is written with the locked one, which is normalised.
        lower = needed.name.lower()
        if needed.name == lower:
            return None
        return f"Write {lower} for {needed.name}: pixi accepts no lock with capitals here"

    def _packages(self, kind: str) -> tuple[LockedPackage, ...]:
        assert self.subject.lock is not None
        identifiers = getattr(self.package, f"{kind}_packages")
        return tuple(self.subject.lock.package(identifier) for identifier in identifiers)

    def _unasked(self, why: str) -> tuple[str, Problem]:
        return self._problem(
            "lock-backend",
            f"What the build backend adds to the dependencies of {self.package.name} was not "
            f"compared: {why}.",
            line=None,
        )

    def _unreadable(self, error: PixipackError) -> tuple[str, Problem]:
        return self._problem(
            "lock-source-metadata",
            f"What {self.package.name} is now cannot be told: {error.message}",
            file=error.file,
            line=error.line,
            # pixi cannot read it either, so that there is nothing to lock before it is mended.
            remedy=error.remedy or ("Correct it" if error.file else None),
        )

    def _problem(self, rule: str, message: str, **more: Any) -> tuple[str, Problem]:
        place: dict[str, Any] = {
            "file": self.subject.lock_file,
            "line": self.subject.line_of(self.package),
        }
        problem = Problem(
            message=message,
            environment=self.place.environment,
            platform=self.place.platform.name,
            package=self.package.name,
            version=resolved_facts(self.subject, self.place, self.package).version,
            **{**place, **more},
        )
        return rule, problem
