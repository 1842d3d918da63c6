"""Rules about packs: against the lock, against artifacts, and against themselves."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.model import TOOL_VERSION
from pytest_pixipack.verify.pack_inside import packages_inside
from pytest_pixipack.verify.records import entries
from pytest_pixipack.verify.rules import Problem, problem_of
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheels_inside import wheels_inside

# The first pixi-pack that reads locks of a version (its pull request 306), and the first that packs
# packages which are built from source (its pull request 244).
_READS: Mapping[int, tuple[int, ...]] = {7: (0, 7, 7)}
_BUILDS = (0, 7, 10)
_METADATA = frozenset({"version", "pixi-pack-version", "platform"})
_KNOWN_FILES = re.compile(
    r"channel/[^/]+/(repodata\.json|[^/]+\.(conda|tar\.bz2))|pypi/[^/]+\.whl|environment\.yml"
    r"|pixi-pack\.json"
)
_KNOWN_DIRECTORIES = re.compile(r"channel(/[^/]+)?|pypi")


def check_platform(subject: Subject) -> Iterator[Problem]:
    """The pack and all its packages are for the platform."""
    pack = pack_of(subject)
    every = tuple(facts.name for facts in pack.records)
    about = (*every, *(wheel.facts.name for wheel in wheels_inside(subject)))
    if pack.platform != subject.subdir:
        yield problem(
            subject,
            f"The pack is for {pack.platform}, not for {subject.subdir}.",
            field="platform",
            expected=subject.subdir,
            actual=pack.platform,
            about=about,
        )
        return
    native = {facts.subdir for facts in pack.records} - {"noarch"}
    if len(native) == 1 and pack.platform not in native:
        (subdir,) = native
        yield problem(
            subject,
            f"The pack says that it is for {pack.platform}, but its packages are for {subdir}.",
            field="platform",
            expected=subdir,
            actual=pack.platform,
            about=about,
        )
        return
    for facts in pack.records:
        if facts.subdir not in (pack.platform, "noarch"):
            yield problem(
                subject,
                f"{facts.name} in the pack is for {facts.subdir}, not for {pack.platform}.",
                facts,
                field="subdir",
                expected=pack.platform,
                actual=facts.subdir,
            )


def check_version(subject: Subject) -> Iterator[Problem]:
    """The pack says which pixi-pack made it, and in which format."""
    pack = pack_of(subject)
    if pack.format_version != "1":
        yield problem(
            subject,
            f"The pack has the format {pack.format_version}; 1 is known.",
            field="version",
            expected="1",
            actual=pack.format_version,
        )
    elif pack.tool_version is None:
        yield problem(
            subject,
            "The pack does not say which pixi-pack made it.",
            field="pixi-pack-version",
            expected="a version",
            severity="warning",
        )
    elif re.fullmatch(r"\d+\.\d+\.\d+([-+.].+)?", pack.tool_version) is None:
        yield problem(
            subject,
            f"The pack says that pixi-pack {pack.tool_version} made it, which is no version.",
            field="pixi-pack-version",
            expected="a version",
            actual=pack.tool_version,
            severity="warning",
        )
    elif _numbers(pack.tool_version) > _numbers(TOOL_VERSION):
        yield problem(
            subject,
            f"pixi-pack {pack.tool_version} made the pack; what is known is the format of "
            f"{TOOL_VERSION}.",
            field="pixi-pack-version",
            expected=f"<={TOOL_VERSION}",
            actual=pack.tool_version,
            severity="note",
        )
    for key in sorted(set(pack.metadata) - _METADATA):
        yield problem(
            subject,
            f"pixi-pack.json says what no known pixi-pack writes: {key}.",
            field=key,
            actual=pack.metadata[key],
            severity="warning",
        )


def check_stale_tool(subject: Subject) -> Iterator[Problem]:
    """The pixi-pack that made the pack could read the lock."""
    pack = pack_of(subject)
    assert subject.lock is not None
    needed = _READS.get(subject.lock.version)
    found = _numbers(pack.tool_version)
    sources = sorted(name for name, each in subject.locked.items() if each.is_source)
    if found and sources and found < _BUILDS and not (needed and found < needed):
        minimum = ".".join(map(str, _BUILDS))
        yield problem(
            subject,
            f"pixi-pack {pack.tool_version} cannot pack what is built from source "
            f"({', '.join(sources)}); another one made the pack.",
            field="pixi-pack-version",
            expected=f">={minimum}",
            actual=pack.tool_version,
            cause="tool-version",
        )
    if needed and found and found < needed:
        minimum = ".".join(map(str, needed))
        yield problem(
            subject,
            f"pixi-pack {pack.tool_version} cannot read a lock of version {subject.lock.version}; "
            "the pack was made from another one.",
            field="pixi-pack-version",
            expected=f">={minimum}",
            actual=pack.tool_version,
            cause="tool-version",
        )


def _numbers(version: str | None) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version or "")
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def check_missing(subject: Subject) -> Iterator[Problem]:
    """Every locked package is in the pack, and every file that its repodata names."""
    pack = pack_of(subject)
    known = {facts.name for facts in pack.records}
    members = {member.name for member in pack.members}
    files = {posixpath.basename(name) for name in members}
    for name, locked in sorted(subject.locked.items()):
        if name not in known and not _unlisted(subject, name, files):
            yield problem(
                subject,
                f"{name} is locked, but not in the pack.",
                PackageFacts(name=name, version=_version(subject, name)),
                field="package",
                expected=locked.file_name or name,
                actual=None,
                cause="file-removed",
                layers=("lock", "pack"),
            )
    for name, artifact in sorted(subject.built.items()):
        if name not in known and name not in subject.locked and subject.lock is None:
            yield problem(
                subject,
                f"{name} was built, but is not in the pack.",
                artifact.facts,
                field="package",
                expected=artifact.path.name,
                actual=None,
                layers=("artifact", "pack"),
            )
    for entry in entries(pack):
        if entry.member not in members:
            yield problem(
                subject,
                f"The pack's repodata names {entry.file_name}, which is not in the pack.",
                entry.facts,
                field="file",
                expected=entry.member,
                actual=None,
                cause="file-removed",
                layers=("pack", "pack"),
            )


def _unlisted(subject: Subject, name: str, files: set[str]) -> bool:
    """Whether the pack has the package's file, but its repodata does not name it."""
    artifact = subject.built.get(name)
    locked = subject.locked.get(name)
    wanted = {artifact.path.name if artifact else None, locked.file_name if locked else None}
    return bool((wanted - {None}) & files)


def check_extra(subject: Subject) -> Iterator[Problem]:
    """The pack has no conda package that the lock has not."""
    pack = pack_of(subject)
    pins = pack.environment_yml.dependencies if pack.environment_yml is not None else ()
    listed = {pin.partition("=")[0] for pin in pins}
    for facts in pack.records:
        if facts.name in subject.locked:
            continue
        injected = facts.name in listed
        yield problem(
            subject,
            f"{facts.name} is in the pack, but not in the lock"
            f"{'; it may have been injected' if injected else ', nor in environment.yml'}.",
            facts,
            field="package",
            expected=None,
            actual=facts.file_name,
            severity="warning" if injected else "error",
            layers=("lock", "pack"),
        )


def check_members(subject: Subject) -> Iterator[Problem]:
    """The pack has no members that pixi-pack does not write, and nothing unsafe in packages."""
    pack = pack_of(subject)
    for member in pack.members:
        known = _KNOWN_DIRECTORIES if member.kind == "directory" else _KNOWN_FILES
        if not known.fullmatch(member.name):
            yield problem(
                subject,
                f"The pack has the member {member.name}, which does not belong there.",
                field="members",
                actual=member.name,
                cause="file-added",
                severity="warning",
                layers=("pack", "pack"),
            )
    names = {entry.member: entry.facts for entry in entries(pack)}
    refused = [
        (PurePosixPath(member).name, names.get(member), inside.problem.message)
        for member, inside in packages_inside(subject).items()
        if inside.is_unsafe and inside.problem is not None
    ]
    refused += [
        (wheel.file_name, wheel.facts, wheel.problem or "")
        for wheel in wheels_inside(subject)
        if wheel.is_unsafe
    ]
    for file_name, facts, reason in refused:
        yield problem(
            subject,
            f"{file_name} in the pack is unsafe: {reason}",
            facts,
            field="members",
            actual=file_name,
            layers=("pack", "pack"),
        )


def pack_of(subject: Subject) -> Pack:
    """The pack, where one was given."""
    assert subject.pack is not None
    return subject.pack


def _version(subject: Subject, name: str) -> str | None:
    artifact = subject.built.get(name)
    locked = subject.locked.get(name)
    return artifact.facts.version if artifact else locked.version if locked else None


def problem(
    subject: Subject, message: str, facts: PackageFacts | None = None, **more: Any
) -> Problem:
    """A problem with the pack."""
    return problem_of(subject, pack_of(subject).path, message, facts, **more)
