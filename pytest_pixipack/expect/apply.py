"""Compares layers with expectations, and findings with those that are known."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pytest_pixipack.expect.model import (
    Expectations,
    ExpectedPackage,
    ForbiddenPackage,
    KnownFinding,
    applies,
)
from pytest_pixipack.expect.wheel_versions import wheel_fits
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.verify.findings import Finding
from pytest_pixipack.verify.report import Report

if TYPE_CHECKING:
    from rattler import MatchSpec

# Stands for a build string that is not known; it cannot be empty (CEP 26).
_NO_BUILD = "_"


@dataclass(frozen=True, slots=True)
class Layer:
    """The packages of one layer on one platform.

    `name` is `lock`, `artifact`, `pack` or `prefix`; `subdir` the platform that it is for; where
    `whole`, what is not among `packages` is missing (a single artifact is not whole). `wheels` are
    the PyPI packages, of which only name and version are known. `files` finds the paths of packages
    of which it is not known yet which they have.
    """

    name: str
    subdir: str
    packages: Sequence[PackageFacts]
    whole: bool = True
    environment: str | None = None
    file: str | None = None
    wheels: Sequence[PackageFacts] = ()
    files: Callable[[PackageFacts], Iterable[str] | None] = lambda facts: facts.files

    def named(self, name: str) -> list[PackageFacts]:
        """The packages of a name; wheels only where no conda package has it."""
        found = [facts for facts in self.packages if facts.name == name.lower()]
        return found or [facts for facts in self.wheels if facts.name == canonical(name)]


def with_expectations(
    report: Report,
    expectations: Expectations,
    layers: Iterable[Layer],
    *,
    today: datetime.date | None = None,
) -> Report:
    """The report with what the expectations add.

    Findings that are known become notes with their reason, as long as they have not expired
    (the day of `expires` still counts; `today` is by default the date in UTC). A known finding that
    nothing found any more is a finding of the rule `expect-known`, and so is one that has expired.
    Of rules that did not run, and of other platforms and environments, it is not known.
    """
    layers = list(layers)
    day = today or datetime.datetime.now(datetime.timezone.utc).date()
    found = [*report.findings, *expected_findings(expectations, layers)]
    used: set[int] = set()
    shown = [_as_known(finding, expectations.known, used, day) for finding in found]
    rules = ("expect-package", "expect-forbidden", "expect-known")
    # A report that does not say what was checked is of everything.
    checked = {*report.checked, *rules} if report.checked else None
    looked = [
        (checked is None or entry.rule in checked) and _is_about(entry, layers)
        for entry in expectations.known
    ]
    shown += _stale(expectations, used, day, looked)
    return replace(Report.of(shown, (*report.checked, *rules)), strict=report.strict)


def expected_findings(expectations: Expectations, layers: Iterable[Layer]) -> Iterator[Finding]:
    """What is not as expected, layer by layer."""
    file = str(expectations.file)
    for layer in layers:
        for expected in expectations.packages:
            if applies(expected.platform, layer.subdir):
                yield from _expected(expected, layer, file)
        for forbidden in expectations.forbidden:
            if applies(forbidden.platform, layer.subdir):
                yield from _forbidden(forbidden, layer, file)


def _expected(expected: ExpectedPackage, layer: Layer, file: str) -> Iterator[Finding]:
    found = layer.named(expected.name)
    if not found and layer.whole:
        yield _finding(
            layer,
            file,
            expected.line,
            rule="expect-package",
            message=f"{expected.name} is expected in the {layer.name}, but is not there.",
            package=expected.name,
            expected=expected.version or "*",
            remedy="Add it, or correct the expectation.",
        )
    for facts in found:
        for field, wanted, actual in _differing(expected, facts, layer):
            yield _finding(
                layer,
                file,
                expected.line,
                rule="expect-package",
                message=f"{facts.name}: its {field} in the {layer.name} is not as expected.",
                package=facts.name,
                version=facts.version,
                field=field,
                expected=wanted,
                actual=actual,
                remedy="Correct the package, or the expectation.",
            )


def _differing(
    expected: ExpectedPackage, facts: PackageFacts, layer: Layer
) -> Iterator[tuple[str, Any, Any]]:
    """Field, what is expected, and what is there, for each that does not fit.

    What a layer does not know (the build of a partial source record, the files in a lock, all but
    the version of a wheel) is not held against it.
    """
    from pytest_pixipack.matchers import IsBuildString, IsSpec, IsVersion

    if expected.version and facts.version:
        fits = (
            wheel_fits(facts.version, expected.version)
            if facts in layer.wheels
            else facts.version == IsVersion(expected.version)
        )
        if not fits:
            yield "version", expected.version, facts.version
    if expected.build and facts.build and facts.build != IsBuildString(expected.build):
        yield "build", expected.build, facts.build
    if expected.build_number not in (None, facts.build_number) and facts.build_number is not None:
        yield "build number", expected.build_number, facts.build_number
    if expected.subdir and facts.subdir and facts.subdir != expected.subdir:
        yield "subdir", expected.subdir, facts.subdir
    if facts in layer.wheels:
        return
    lacking = [spec for spec in expected.depends if not _among(IsSpec(spec), facts.depends)]
    if lacking and facts.version is not None:
        yield "depends", lacking, list(facts.depends)
    paths = layer.files(facts) if expected.files else None
    if paths is not None:
        paths = list(paths)
        absent = [each for each in expected.files if not _matches(each, paths)]
        if absent:
            yield "files", absent, None


def _among(matcher: Any, specs: Iterable[str]) -> bool:
    return any(spec == matcher for spec in specs)


def _matches(pattern: str, paths: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for path in paths)


def _forbidden(forbidden: ForbiddenPackage, layer: Layer, file: str) -> Iterator[Finding]:
    from rattler import MatchSpec

    spec = MatchSpec(forbidden.spec)
    found = [facts for facts in layer.packages if _satisfies(facts, spec)]
    found += [facts for facts in layer.wheels if _is_wheel(facts, spec)]
    for facts in found:
        yield _finding(
            layer,
            file,
            forbidden.line,
            rule="expect-forbidden",
            message=f"{facts.name} is in the {layer.name}; {forbidden.spec} is forbidden.",
            package=facts.name,
            version=facts.version,
            expected=f"no {forbidden.spec}",
            actual=facts.dist if facts.build else f"{facts.name} {facts.version or ''}".strip(),
            remedy="Find out what needs it: another package depends on it, or the manifest.",
        )


def _satisfies(facts: PackageFacts, spec: MatchSpec) -> bool:
    """Whether a package is one that a spec means; a package without a version is, by its name."""
    name = spec.name.normalized if spec.name is not None else None
    if name != facts.name:
        return False
    if facts.version is None:
        return True
    from rattler import PackageRecord
    from rattler.exceptions import InvalidVersionError
    from rattler.package import BuildString

    try:
        record = PackageRecord(
            name=facts.name,
            version=facts.version,
            build=BuildString(facts.build or _NO_BUILD),
            build_number=facts.build_number or 0,
            subdir=facts.subdir or "noarch",
            arch=None,
            platform=None,
        )
    except InvalidVersionError:  # of a damaged record
        return spec.version is None
    return bool(spec.matches(record))


def _is_wheel(facts: PackageFacts, spec: MatchSpec) -> bool:
    """Whether a spec means a wheel; one that asks for a build means none."""
    name = spec.name.normalized if spec.name is not None else ""
    if facts.name != canonical(name) or spec.build is not None or spec.build_number is not None:
        return False
    return facts.version is None or spec.version is None or wheel_fits(facts.version, spec.version)


def canonical(name: str) -> str:
    """The name of a PyPI package as it is compared."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _finding(layer: Layer, file: str, line: int, **fields: Any) -> Finding:
    return Finding(
        severity="error",
        layers=("expectation", layer.name),
        environment=layer.environment,
        platform=layer.subdir,
        file=file,
        line=line,
        **fields,
    )


def _as_known(
    finding: Finding, known: Sequence[KnownFinding], used: set[int], today: datetime.date
) -> Finding:
    fitting = [number for number, entry in enumerate(known) if _is(entry, finding)]
    used.update(fitting)
    for entry in (known[number] for number in fitting):
        if entry.expires is None or today <= entry.expires:
            until = f" until {entry.expires}" if entry.expires else ""
            message = f"{finding.message} Known{until}: {entry.reason}"
            return replace(finding, severity="note", message=message)
    return finding


def _is(entry: KnownFinding, finding: Finding) -> bool:
    return (
        entry.rule == finding.rule
        and entry.package in (None, finding.package)
        and entry.environment in (None, finding.environment)
        and (entry.platform is None or applies(entry.platform, finding.platform or ""))
    )


def _is_about(entry: KnownFinding, layers: Sequence[Layer]) -> bool:
    """Whether a known finding is of a platform and an environment that were looked at."""
    platforms = {layer.subdir for layer in layers}
    environments = {layer.environment for layer in layers}
    return not layers or (
        any(applies(entry.platform, platform) for platform in platforms)
        and (entry.environment is None or entry.environment in environments)
    )


def _stale(
    expectations: Expectations, used: set[int], today: datetime.date, looked: Sequence[bool]
) -> Iterator[Finding]:
    for number, entry in enumerate(expectations.known):
        what = f"{entry.rule} of {entry.package}" if entry.package else entry.rule
        expired = entry.expires is not None and today > entry.expires
        if number not in used and not (looked[number] or expired):
            continue
        if number not in used and looked[number]:
            message = f"The known finding {what} is gone: nothing is found any more."
            remedy = "Remove it from the expectations."
        elif expired:
            message = f"The known finding {what} has expired on {entry.expires}: {entry.reason}"
            remedy = "Mend what it is about, or set another date."
        else:
            continue
        yield Finding(
            rule="expect-known",
            severity="error",
            layers=("expectation",),
            message=message,
            platform=entry.platform,
            package=entry.package,
            file=str(expectations.file),
            line=entry.line,
            remedy=remedy,
        )
