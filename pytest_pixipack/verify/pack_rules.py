"""Rules about packs: against the lock, against artifacts, and against themselves."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.records import artifact_record, locked_record
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import compare_specs, satisfies, spec_name
from pytest_pixipack.verify.subject import Subject

_SPEC_LISTS = ("depends", "constrains")
_DIGESTS = ("sha256", "md5", "size")
# The first pixi-pack that reads locks of a version (its pull request 306).
_READS: Mapping[int, tuple[int, ...]] = {7: (0, 7, 7)}
_KNOWN_MEMBERS = re.compile(
    r"(channel(/[^/]+(/(repodata\.json|[^/]+\.(conda|tar\.bz2)))?)?"
    r"|pypi(/[^/]+\.whl)?|environment\.yml|pixi-pack\.json)"
)


def check_platform(subject: Subject) -> Iterator[Problem]:
    """The pack and all its packages are for the platform."""
    pack = _pack(subject)
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
    pack = _pack(subject)
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


def check_stale_tool(subject: Subject) -> Iterator[Problem]:
    """The pixi-pack that made the pack could read the lock."""
    pack = _pack(subject)
    assert subject.lock is not None
    needed = _READS.get(subject.lock.version)
    found = _numbers(pack.tool_version)
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
    pack = _pack(subject)
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
    present = {posixpath.basename(member.name) for member in _pack(subject).members}
    return bool((wanted - {None}) & present)


def check_extra(subject: Subject) -> Iterator[Problem]:
    """The pack has no conda package that the lock has not."""
    for facts in _pack(subject).records:
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


def check_digest(subject: Subject) -> Iterator[Problem]:
    """Each file of the pack has the digest of the lock or of what was built, else of repodata."""
    pack = _pack(subject)
    for entry in entries(pack):
        facts, member = entry.facts, pack.member(entry.member)
        if member is None:
            continue
        layer, expected = expected_digests(subject, facts)
        for field, found in (("sha256", member.sha256), ("size", member.size)):
            wanted = expected.get(field)
            if wanted is not None and wanted != found:
                yield problem(
                    subject,
                    f"The {field} of {facts.file_name} in the pack is another one.",
                    facts,
                    field=field,
                    expected=wanted,
                    actual=found,
                    cause="content",
                    layers=(layer, "pack"),
                )
                break


def expected_digests(subject: Subject, facts: PackageFacts) -> tuple[str, dict[str, Any]]:
    """The layer that knows how the file of a package has to be, and what it says."""
    locked, artifact = subject.locked.get(facts.name), subject.built.get(facts.name)
    if locked is not None and locked.sha256 is not None and locked.file_name == facts.file_name:
        return "lock", {field: getattr(locked.facts, field) for field in _DIGESTS}
    if artifact is not None and artifact.path.name == facts.file_name:
        return "artifact", {field: getattr(artifact.facts, field) for field in _DIGESTS}
    return "pack", {field: getattr(facts, field) for field in _DIGESTS}


def check_repodata(subject: Subject) -> Iterator[Problem]:
    """repodata.json says of each package what lock or artifact say, and names every file."""
    pack = _pack(subject)
    yield from _unnamed_files(subject, pack)
    for entry in entries(pack):
        if _is_second(subject, pack, entry):
            continue
        layer, expected = expected_record(subject, entry.facts)
        for field, wanted, found in differing(expected, entry.record, COMPARED):
            yield problem(
                subject,
                f"repodata.json says of {entry.facts.name} another {field}.",
                entry.facts,
                field=field,
                expected=wanted,
                actual=found,
                cause="dependency-change" if field in _SPEC_LISTS else None,
                layers=(layer, "pack"),
            )
    for subdir, content in sorted(pack.repodata.items()):
        info = content.get("info")
        named = info.get("subdir") if isinstance(info, dict) else None
        if named is not None and named != subdir:
            yield problem(
                subject,
                f"The repodata.json of {subdir} says that it is that of {named}.",
                field="info.subdir",
                expected=subdir,
                actual=named,
                layers=("pack", "pack"),
            )


def _is_second(subject: Subject, pack: Pack, entry: Entry) -> bool:
    """Whether there is another package of the name, and that one is the locked or built one."""
    locked, artifact = subject.locked.get(entry.facts.name), subject.built.get(entry.facts.name)
    wanted = {locked.file_name if locked else None, artifact.path.name if artifact else None}
    names = {e.file_name for e in entries(pack) if e.facts.name == entry.facts.name}
    return bool(names & wanted) and entry.file_name not in wanted


def _unnamed_files(subject: Subject, pack: Pack) -> Iterator[Problem]:
    named = {entry.member for entry in entries(pack)}
    by_file = {a.path.name: a.facts.name for a in subject.artifacts}
    by_file |= {p.file_name: name for name, p in subject.locked.items() if p.file_name}
    for member in pack.members:
        parts = member.name.split("/")
        if len(parts) != 3 or parts[0] != "channel" or member.name in named:
            continue
        if parts[2].endswith((".conda", ".tar.bz2")):
            name = by_file.get(parts[2]) or parts[2].rsplit("-", 2)[0]
            yield problem(
                subject,
                f"The pack holds {parts[2]}, which its repodata.json does not name.",
                PackageFacts(name=name),
                field="packages",
                expected=parts[2],
                actual=None,
                layers=("pack", "pack"),
            )


def expected_record(subject: Subject, facts: PackageFacts) -> tuple[str, dict[str, Any]]:
    """The layer that knows the record of a package, and the record as pixi-pack writes it."""
    locked, artifact = subject.locked.get(facts.name), subject.built.get(facts.name)
    if locked is not None and locked.kind == "binary":
        try:
            return "lock", locked_record(locked.facts)
        except InvalidInput:
            return "lock", {}
    if artifact is not None:
        own = artifact.facts
        record = artifact_record(
            artifact.index,
            sha256=own.sha256 or "",
            md5=own.md5 or "",
            size=own.size or 0,
            run_exports=own.run_exports,
        )
        return "artifact", record
    if locked is not None and locked.is_source:
        known = {"depends": list(locked.depends), "constrains": list(locked.constrains)}
        return "lock", known
    return "pack", {}


# What is installed depends on these; the rest of a record is for display.
COMPARED = (
    "name", "version", "build", "build_number", "subdir", "noarch", "depends", "constrains",
    "extra_depends", "track_features", "features", "license", "license_family", "sha256", "md5",
    "size", "timestamp", "python_site_packages_path",
)  # fmt: skip


def differing(
    expected: Mapping[str, Any], record: Mapping[str, Any], fields: tuple[str, ...]
) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record differs; lists of specs by meaning.

    What `expected` does not hold at all is only compared where it holds a whole record.
    """
    found_differences = list(_differences(expected, record, fields))
    explained = any(field not in _CARRIER for field, _, _ in found_differences)
    for field, wanted, found in found_differences:
        if not (explained and field in _CARRIER):
            yield field, wanted, found


# What changes with whatever else changes in a package.
_CARRIER = ("sha256", "md5", "size", "timestamp")


def _differences(
    expected: Mapping[str, Any], record: Mapping[str, Any], fields: tuple[str, ...]
) -> Iterator[tuple[str, Any, Any]]:
    whole = "name" in expected
    for field in fields:
        if field not in expected and not (whole and field in record):
            continue
        wanted, found = expected.get(field), record.get(field)
        if field in _SPEC_LISTS:
            difference = compare_specs(wanted or (), found or ())
            if difference:
                yield field, list(difference.missing), list(difference.extra)
        elif (wanted or None) != (found or None):
            yield field, wanted, found


def check_environment_yml(subject: Subject) -> Iterator[Problem]:
    """environment.yml lists what repodata.json lists, and the pack's own channel."""
    pack = _pack(subject)
    found = pack.environment_yml
    if found is None:
        yield problem(
            subject,
            "The pack has no environment.yml.",
            field="environment.yml",
            expected="environment.yml",
            cause="file-removed",
            layers=("pack", "pack"),
        )
        return
    if found.channels != ("./channel", "nodefaults"):
        yield problem(
            subject,
            "environment.yml names other channels than the pack's own.",
            field="channels",
            expected=["./channel", "nodefaults"],
            actual=list(found.channels),
            layers=("pack", "pack"),
        )
    listed = {facts.name: _pin(facts) for facts in pack.records}
    wanted = {_pin(facts) for facts in pack.records}
    named = set(found.dependencies)
    by_name: dict[str, tuple[list[str], list[str]]] = {}
    for pin in sorted(wanted - named):
        by_name.setdefault(pin.partition("=")[0], ([], []))[0].append(pin)
    for pin in sorted(named - wanted):
        by_name.setdefault(pin.partition("=")[0], ([], []))[1].append(pin)
    for name, (missing, extra) in by_name.items():
        yield problem(
            subject,
            f"environment.yml and repodata.json disagree about {name}.",
            PackageFacts(name=name),
            field="environment.yml",
            expected=missing,
            actual=extra,
            cause=_cause(missing, extra, name in listed),
            layers=("pack", "pack"),
        )


def _cause(missing: list[str], extra: list[str], listed: bool) -> str | None:
    if missing and extra:
        return "version-change"
    return None if listed else "file-added"


def _pin(facts: PackageFacts) -> str:
    return f"{facts.name}={facts.version}={facts.build}"


def check_closure(subject: Subject) -> Iterator[Problem]:
    """Everything that a package of the pack depends on is in the pack, once."""
    pack = _pack(subject)
    by_name: dict[str, list[PackageFacts]] = {}
    for facts in pack.records:
        by_name.setdefault(facts.name, []).append(facts)
    for name, same in sorted(by_name.items()):
        if len(same) > 1:
            yield problem(
                subject,
                f"The pack has {len(same)} packages with the name {name}.",
                same[0],
                field="package",
                expected="one package",
                actual=[facts.dist for facts in same],
                layers=("pack", "pack"),
            )
    for facts in pack.records:
        for text in facts.depends:
            name = spec_name(text)
            others = by_name.get(name, [])
            if name.startswith("__") or any(satisfies(other, text) for other in others):
                continue
            yield problem(
                subject,
                f"{facts.name} depends on {text}, which nothing in the pack satisfies.",
                facts,
                field="depends",
                expected=text,
                actual=[other.dist for other in others],
                about=(name,),
                layers=("pack", "pack"),
            )
        for text in facts.constrains:
            for other in by_name.get(spec_name(text), []):
                if not satisfies(other, text):
                    yield problem(
                        subject,
                        f"{facts.name} cannot be together with {other.dist}.",
                        facts,
                        field="constrains",
                        expected=text,
                        actual=other.dist,
                        about=(other.name,),
                        layers=("pack", "pack"),
                    )


def check_members(subject: Subject) -> Iterator[Problem]:
    """The pack has no members that pixi-pack does not write."""
    pack = _pack(subject)
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
    pack = _pack(subject)
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


def _pack(subject: Subject) -> Pack:
    assert subject.pack is not None
    return subject.pack


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a repodata.json: where its file has to be, its record, and the facts."""

    directory: str
    file_name: str
    record: Mapping[str, Any]
    facts: PackageFacts

    @property
    def member(self) -> str:
        """The name of the package's file in the pack."""
        return f"channel/{self.directory}/{self.file_name}"


def entries(pack: Pack) -> Iterator[Entry]:
    """All entries of the pack's repodata, in the order of subdir and file name."""
    for directory, content in sorted(pack.repodata.items()):
        for key in ("packages", "packages.conda"):
            for file_name, record in sorted((content.get(key) or {}).items()):
                facts = PackageFacts.from_index(
                    record, file_name=file_name, subdir=record.get("subdir") or directory
                )
                yield Entry(directory, file_name, record, facts)


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
        "file": str(_pack(subject).path),
    }
    return Problem(message=message, **{**values, **more})
