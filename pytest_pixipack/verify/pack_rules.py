"""Rules about packs: against the lock, against artifacts, and against themselves."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.model import TOOL_VERSION
from pytest_pixipack.verify.records import entries
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# The first pixi-pack that reads locks of a version (its pull request 306), and the first that packs
# packages which are built from source (its pull request 244).
_READS: Mapping[int, tuple[int, ...]] = {7: (0, 7, 7)}
_BUILDS = (0, 7, 10)
_METADATA = frozenset({"version", "pixi-pack-version", "platform"})
_KNOWN_MEMBERS = re.compile(
    r"(channel(/[^/]+(/(repodata\.json|[^/]+\.(conda|tar\.bz2)))?)?"
    r"|pypi(/[^/]+\.whl)?|environment\.yml|pixi-pack\.json)"
)


def check_platform(subject: Subject) -> Iterator[Problem]:
    """The pack and all its packages are for the platform."""
    pack = pack_of(subject)
    if pack.platform != subject.subdir:
        yield problem(
            subject,
            f"The pack is for {pack.platform}, not for {subject.subdir}.",
            field="platform",
            expected=subject.subdir,
            actual=pack.platform,
            about=tuple(facts.name for facts in pack.records),
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
    for name, locked in sorted(subject.locked.items()):
        if name not in known and not _unlisted(subject, name):
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
        if pack.member(entry.member) is None:
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


def _unlisted(subject: Subject, name: str) -> bool:
    """Whether the pack has the package's file, but its repodata does not name it."""
    artifact = subject.built.get(name)
    locked = subject.locked.get(name)
    wanted = {artifact.path.name if artifact else None, locked.file_name if locked else None}
    present = {posixpath.basename(member.name) for member in pack_of(subject).members}
    return bool((wanted - {None}) & present)


def check_extra(subject: Subject) -> Iterator[Problem]:
    """The pack has no conda package that the lock has not."""
    for facts in pack_of(subject).records:
        if facts.name not in subject.locked:
            yield problem(
                subject,
                f"{facts.name} is in the pack, but not in the lock; it may have been injected.",
                facts,
                field="package",
                expected=None,
                actual=facts.file_name,
                layers=("lock", "pack"),
            )


def check_members(subject: Subject) -> Iterator[Problem]:
    """The pack has no members that pixi-pack does not write."""
    pack = pack_of(subject)
    for member in pack.members:
        if not _KNOWN_MEMBERS.fullmatch(member.name):
            yield problem(
                subject,
                f"The pack has the member {member.name}, which does not belong there.",
                field="members",
                actual=member.name,
                cause="file-added",
                severity="warning",
                layers=("pack", "pack"),
            )


def check_wheels(subject: Subject) -> Iterator[Problem]:
    """The pack has a wheel for every locked PyPI package, and no other one."""
    pack = pack_of(subject)
    found = {_normalised(wheel.split("-")[0]): wheel for wheel in pack.wheels}
    locked = {_normalised(p.name): p for p in subject.packages or () if p.kind == "pypi"}
    for name, package in sorted(locked.items()):
        if name not in found:
            yield problem(
                subject,
                f"{package.name} is locked as a PyPI package, but its wheel is not in the pack.",
                package.facts,
                field="wheel",
                expected=package.file_name or package.name,
                cause="file-removed",
                layers=("lock", "pack"),
            )
            continue
        member = pack.member(f"pypi/{found[name]}")
        same_file = package.file_name == found[name]
        if member and same_file and package.sha256 not in (None, member.sha256):
            yield problem(
                subject,
                f"The wheel {found[name]} in the pack is another one than the locked one.",
                package.facts,
                field="sha256",
                expected=package.sha256,
                actual=member.sha256,
                cause="content",
                layers=("lock", "pack"),
            )
    for name in sorted(set(found) - set(locked)):
        yield problem(
            subject,
            f"The wheel {found[name]} is in the pack, but not in the lock.",
            PackageFacts(name=name),
            field="wheel",
            actual=found[name],
            severity="warning",
            layers=("lock", "pack"),
        )


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


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
    values: dict[str, Any] = {
        "environment": subject.environment if subject.lock is not None else None,
        "platform": subject.platform,
        "package": facts.name if facts else None,
        "version": facts.version if facts else None,
        "file": str(pack_of(subject).path),
    }
    return Problem(message=message, **{**values, **more})
