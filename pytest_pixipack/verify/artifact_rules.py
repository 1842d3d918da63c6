"""Rules about artifacts: against their entry in the lock, and against themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import RUN_EXPORT_KINDS
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.platforms import family
from pytest_pixipack.verify.resolved import expected_facts, source_manifest
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import SpecDifference, compare_specs, spec_name
from pytest_pixipack.verify.subject import Subject

_IDENTITY = ("version", "build", "build_number", "subdir", "noarch")
_DIGESTS = ("sha256", "md5", "size")
# Nothing was substituted between two underscores, or a template was left as it is.
_EMPTY_PART = re.compile(r"__|^_|_$|\{\{|\}\}|\$\{|^None|_None")
_MILLISECONDS_FROM = 10**11  # 1973 as milliseconds, the year 5138 as seconds
_DAY = 86_400_000
_VIRTUAL = {"__win": "win", "__linux": "linux", "__osx": "osx", "__glibc": "linux"}


def check_identity(subject: Subject) -> Iterator[Problem]:
    """Name, version, build and subdir are those of the lock and of the file's name."""
    for artifact in subject.artifacts:
        facts = artifact.facts
        stem = f"{facts.name}-{facts.version}-{facts.build}"
        if artifact.path.name not in (f"{stem}.conda", f"{stem}.tar.bz2"):
            yield problem(
                subject,
                artifact,
                f"The file is called {artifact.path.name}, but holds {stem}.",
                field="file name",
                expected=stem,
                actual=artifact.path.name,
                layers=("artifact", "artifact"),
            )
            continue
        if subject.lock is None:
            continue
        locked = subject.buildable.get(facts.name)
        if locked is None:
            yield problem(
                subject,
                artifact,
                f"The lock has no package {facts.name} for {subject.platform}.",
                field="name",
                actual=facts.name,
                severity="warning",
                layers=("lock", "artifact"),
            )
            continue
        expected = expected_facts(subject, locked)
        for field in _IDENTITY:
            wanted, found = getattr(expected, field), getattr(facts, field)
            if wanted is not None and wanted != found:
                yield problem(
                    subject,
                    artifact,
                    f"The {field} of {facts.name} is {found}, not {wanted}.",
                    field=field,
                    expected=wanted,
                    actual=found,
                    layers=("lock" if getattr(locked.facts, field) else "manifest", "artifact"),
                    cause="version-change" if field == "version" else None,
                )


def check_platform(subject: Subject) -> Iterator[Problem]:
    """An artifact is for the platform, and no dependency leaked from another one."""
    for artifact in subject.artifacts:
        facts = artifact.facts
        if subject.lock is not None and facts.subdir not in (subject.subdir, "noarch", None):
            yield problem(
                subject,
                artifact,
                f"{facts.name} was built for {facts.subdir}, not for {subject.subdir}.",
                field="subdir",
                expected=subject.subdir,
                actual=facts.subdir,
            )
            continue
        for text, origin in _leaked(subject, artifact):
            yield problem(
                subject,
                artifact,
                f"{facts.name} depends on {text}, which is meant for {origin}.",
                field="depends",
                expected=None,
                actual=[text],
                cause="dependency-change",
                evidence=f"{text} belongs to {origin}",
            )


def _leaked(subject: Subject, artifact: Artifact) -> Iterator[tuple[str, str]]:
    facts = artifact.facts
    if facts.subdir not in (None, "noarch"):
        for text in facts.depends:
            system = _VIRTUAL.get(spec_name(text))
            if system is not None and system != family(facts.subdir or ""):
                yield text, system
    locked = subject.buildable.get(facts.name)
    if subject.lock is None or locked is None or not locked.is_source:
        return
    difference = compare_specs(locked.depends, facts.depends)
    for environment in subject.lock.environments.values():
        for name, packages in sorted(environment.packages.items()):
            for other in packages:
                if other.name != facts.name or other.identifier == locked.identifier:
                    continue
                foreign = compare_specs(other.depends, locked.depends).missing
                for text in difference.extra:
                    if text in foreign:
                        yield text, name
                difference = SpecDifference(
                    difference.missing, tuple(t for t in difference.extra if t not in foreign)
                )


def check_depends(subject: Subject) -> Iterator[Problem]:
    """A built package depends on what its lock entry says."""
    for artifact, locked in _pairs(subject):
        difference = compare_specs(locked.depends, artifact.facts.depends)
        if difference:
            yield _changed(subject, artifact, locked, "depends", difference)


def check_constrains(subject: Subject) -> Iterator[Problem]:
    """A built package constrains what its lock entry says."""
    for artifact, locked in _pairs(subject):
        difference = compare_specs(locked.constrains, artifact.facts.constrains)
        if difference:
            yield _changed(subject, artifact, locked, "constrains", difference)


def check_run_exports(subject: Subject) -> Iterator[Problem]:
    """A built package exports what its lock entry says."""
    for artifact, locked in _pairs(subject):
        for kind in RUN_EXPORT_KINDS:
            wanted = getattr(locked.run_exports, kind, ())
            found = getattr(artifact.facts.run_exports, kind, ())
            difference = compare_specs(wanted, found)
            if difference:
                yield _changed(subject, artifact, locked, f"run_exports.{kind}", difference)
        groups = {*locked.facts.extra_depends, *artifact.facts.extra_depends}
        for group in sorted(groups):
            difference = compare_specs(
                locked.facts.extra_depends.get(group, ()),
                artifact.facts.extra_depends.get(group, ()),
            )
            if difference:
                yield _changed(subject, artifact, locked, f"extra_depends.{group}", difference)


def _pairs(subject: Subject) -> Iterator[tuple[Artifact, LockedPackage]]:
    """Built artifacts with their lock entries. A channel's package is another matter: its entry
    comes from repodata, which may have been patched."""
    for artifact in subject.artifacts:
        locked = subject.buildable.get(artifact.facts.name)
        if locked is not None and locked.is_source:
            yield artifact, locked


def _changed(
    subject: Subject,
    artifact: Artifact,
    locked: LockedPackage,
    field: str,
    difference: SpecDifference,
) -> Problem:
    more: dict[str, Any] = {"file": subject.lock_file, "line": subject.line_of(locked)}
    more |= _moved_bound(subject, locked, difference)
    return problem(
        subject,
        artifact,
        f"The {field} of {artifact.facts.name} are not those of the lock.",
        field=field,
        expected=list(difference.missing),
        actual=list(difference.extra),
        cause="dependency-change",
        layers=("lock", "artifact"),
        **more,
    )


def _moved_bound(
    subject: Subject, locked: LockedPackage, difference: SpecDifference
) -> dict[str, Any]:
    """Where a bound moved that came in by a run export: which host package it came from."""
    assert subject.lock is not None
    moved = {spec_name(t) for t in difference.missing} & {spec_name(t) for t in difference.extra}
    for identifier in (*locked.host_packages, *locked.build_packages):
        host = subject.lock.package(identifier)
        exported = [
            text
            for kind in RUN_EXPORT_KINDS
            for text in getattr(host.run_exports, kind, ())
            if spec_name(text) in moved and text in difference.missing
        ]
        if not exported:
            continue
        found: dict[str, Any] = {
            "evidence": f"the locked bound is the run export of host package {host.name}"
            f" {host.version or ''}".rstrip()
            + ", it moved",
            "remedy": f"`pixi lock`, or pin {host.name} in [package.host-dependencies]",
        }
        return found | _host_line(subject, locked, host.name)
    return {}


def _host_line(subject: Subject, locked: LockedPackage, name: str) -> dict[str, Any]:
    manifest = source_manifest(subject, locked)
    package = getattr(manifest, "package", None)
    for table in package.tables.values() if package is not None else ():
        if name in table.host:
            position = table.host[name].position
            return {"file": str(position.file), "line": position.line}
    return {}


def check_digest(subject: Subject) -> Iterator[Problem]:
    """A channel's package has the digests and the size that the lock says."""
    for artifact in subject.artifacts:
        locked = subject.buildable.get(artifact.facts.name)
        if locked is None or locked.kind != "binary":
            continue
        for field in _DIGESTS:
            wanted, found = getattr(locked.facts, field), getattr(artifact.facts, field)
            if wanted is not None and wanted != found:
                yield problem(
                    subject,
                    artifact,
                    f"The {field} of {artifact.path.name} is not that of the lock.",
                    field=field,
                    expected=wanted,
                    actual=found,
                    cause="content",
                    layers=("lock", "artifact"),
                )
                break


def check_timestamp(subject: Subject) -> Iterator[Problem]:
    """The timestamp is in milliseconds and not in the future."""
    for artifact in subject.artifacts:
        timestamp = artifact.facts.timestamp
        if timestamp is None:
            yield problem(
                subject,
                artifact,
                f"{artifact.path.name} has no timestamp.",
                field="timestamp",
                severity="note",
            )
        elif 0 < timestamp < _MILLISECONDS_FROM:
            yield problem(
                subject,
                artifact,
                f"The timestamp of {artifact.path.name} is in seconds.",
                field="timestamp",
                expected=timestamp * 1000,
                actual=timestamp,
                cause="timestamp",
            )
        elif timestamp > int(time.time() * 1000) + _DAY:
            yield problem(
                subject,
                artifact,
                f"The timestamp of {artifact.path.name} is in the future.",
                field="timestamp",
                expected="a time before now",
                actual=timestamp,
                cause="timestamp",
            )


def check_build_string(subject: Subject) -> Iterator[Problem]:
    """Nothing is missing in the build string."""
    for artifact in subject.artifacts:
        build = artifact.facts.build or ""
        if not build or _EMPTY_PART.search(build):
            yield problem(
                subject,
                artifact,
                f"The build string {build!r} of {artifact.facts.name} has an empty part.",
                field="build",
                expected="no empty part",
                actual=build,
                cause="build-string",
            )


def check_noarch(subject: Subject) -> Iterator[Problem]:
    """A noarch package says so everywhere."""
    for artifact in subject.artifacts:
        facts = artifact.facts
        if (facts.subdir == "noarch") != (facts.noarch is not None):
            yield problem(
                subject,
                artifact,
                f"{facts.name} has the subdir {facts.subdir}, but is {facts.noarch or 'not'}"
                f"{'' if facts.noarch else ' noarch'}.",
                field="noarch",
                expected="noarch" if facts.subdir == "noarch" else None,
                actual=facts.noarch,
            )
        elif facts.noarch == "python" and "python" not in map(spec_name, facts.depends):
            yield problem(
                subject,
                artifact,
                f"{facts.name} is noarch python, but does not depend on python.",
                field="depends",
                expected="python",
                actual=list(facts.depends),
            )
        else:
            linked = artifact.link.get("noarch")
            kind = linked.get("type") if isinstance(linked, dict) else None
            if kind is not None and kind != facts.noarch:
                yield problem(
                    subject,
                    artifact,
                    f"index.json and link.json of {facts.name} disagree about noarch.",
                    field="noarch",
                    expected=facts.noarch,
                    actual=kind,
                )


def problem(subject: Subject, artifact: Artifact, message: str, **more: Any) -> Problem:
    """A problem with an artifact."""
    values: dict[str, Any] = {
        "environment": subject.environment if subject.lock is not None else None,
        "platform": subject.platform,
        "package": artifact.facts.name,
        "version": artifact.facts.version,
        "file": str(artifact.path),
    }
    return Problem(message=message, **{**values, **more})
