"""repodata.json in a pack: against lock and builds, against the packages, and by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.model import TOOL_VERSION
from pytest_pixipack.pack.records import RECORD_FIELDS
from pytest_pixipack.verify.pack_content import check_closure
from pytest_pixipack.verify.pack_inside import package_members, packages_inside
from pytest_pixipack.verify.pack_packages import Contradiction, contradictions
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import (
    COMPARED,
    LEGACY,
    Entry,
    cause_of,
    differing,
    entries,
    expected_record,
    layer_of,
    listed_twice,
    may_be_patched,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_OWN = ("pack", "pack")
# What pixi-pack writes, and `removed`, which rattler writes where it is not empty.
_ALWAYS = frozenset({"info", "packages", "packages.conda", "repodata_version"})
_TOP = _ALWAYS | {"removed"}
_INFO = frozenset({"subdir"})
_VERSIONS = (1, 2)
# What every record says, whatever lock it came from, as far as the others say it.
_DIGESTS = ("sha256", "md5", "size")


def check_repodata(subject: Subject) -> Iterator[Problem]:
    """repodata.json says of each package what lock, builds and the package say, and names each."""
    pack = pack_of(subject)
    yield from _unnamed_files(subject, pack)
    for entry in listed_twice(pack):
        yield problem(
            subject,
            f"repodata.json lists {entry.file_name} twice: also under `packages`.",
            entry.facts,
            field="packages",
            expected="one entry",
            actual=["packages.conda", "packages"],
            about=_names_in(subject, entry),
            layers=_OWN,
        )
    second, by_file = _second(subject, pack), _names_by_file(subject)
    for entry in entries(pack):
        if entry.member in second:
            continue
        if (name := by_file.get(entry.file_name)) not in (None, entry.facts.name):
            yield _called(subject, entry, name or "")
            continue
        told = list(_unlike_others(subject, pack, entry))
        fields = {each.field for each in told}
        told += (each for each in _unlike_package(subject, entry) if each.field not in fields)
        told = told or list(_by_itself(subject, pack, entry))
        yield from told
        # Of a record that no installer can read, no single field is told.
        if "record" not in (fields := {each.field for each in told}):
            yield from (each for each in _patched(subject, entry) if each.field not in fields)
    for subdir, content in sorted(pack.repodata.items()):
        yield from _top(subject, pack, subdir, content)


def _called(subject: Subject, entry: Entry, name: str) -> Problem:
    return problem(
        subject,
        f"repodata.json calls {name} by another name.",
        PackageFacts(name=name),
        field="name",
        expected=name,
        actual=entry.facts.name,
        about=(entry.facts.name,),
        layers=_OWN,
    )


def _unlike_others(subject: Subject, pack: Pack, entry: Entry) -> Iterator[Problem]:
    """Where the record is not what lock or builds say."""
    layer, expected = expected_record(subject, entry.facts)
    fields = tuple(
        field
        for field in _fields(pack, entry)
        if not (layer == "artifact" and may_be_patched(subject, entry.facts, field))
    )
    for field, wanted, found in differing(expected, entry.record, fields):
        yield problem(
            subject,
            f"repodata.json says of {entry.facts.name} another {field}.",
            entry.facts,
            field=field,
            expected=wanted,
            actual=found,
            cause=cause_of(field),
            layers=(layer_of(subject, entry.facts.name, layer, field), "pack"),
        )


def _contradictions(subject: Subject, entry: Entry) -> Iterator[Contradiction]:
    inside = packages_inside(subject).get(entry.member)
    return iter(()) if inside is None else contradictions(entry, inside)


def _patched(subject: Subject, entry: Entry) -> Iterator[Problem]:
    """Where the record says otherwise than the package what a channel may have patched.

    The lock knows whether it was; where it is given, that and builds are what it is compared with.
    """
    built = entry.facts.name in subject.built
    if entry.facts.name in subject.locked or (built and subject.lock is not None):
        return
    unmet = subject.once(
        "unmet dependencies",
        lambda: {(each.package, each.field) for each in check_closure(subject)},
    )
    for each in _contradictions(subject, entry):
        # What it asks for and is not there, is an error of its own.
        if each.wrong == "patched" and (entry.facts.name, each.field) not in unmet:
            yield problem(
                subject,
                f"repodata.json says another {each.field} than {entry.file_name} itself. "
                "A channel may patch its repodata.",
                PackageFacts(name=entry.facts.name, version=entry.facts.version),
                field=each.field,
                expected=each.packed,
                actual=each.recorded,
                cause=cause_of(each.field),
                severity="note",
                layers=_OWN,
            )


def _unlike_package(subject: Subject, entry: Entry) -> Iterator[Problem]:
    """Where the package and the name of its file both say another thing than the record."""
    for each in _contradictions(subject, entry):
        if each.wrong != "record":
            continue
        if each.field == "name":
            yield _called(subject, entry, str(each.packed))
        else:
            yield problem(
                subject,
                f"repodata.json says another {each.field} than {entry.file_name} itself.",
                entry.facts,
                field=each.field,
                expected=each.packed,
                actual=each.recorded,
                cause=cause_of(each.field),
                layers=_OWN,
            )


def _by_itself(subject: Subject, pack: Pack, entry: Entry) -> Iterator[Problem]:
    """What is wrong with a record that nothing else speaks against."""
    facts = entry.facts
    inside = packages_inside(subject).get(entry.member)
    if inside is None or inside.problem is not None:
        return
    if entry.stem != facts.dist:
        yield problem(
            subject,
            f"repodata.json says that {entry.file_name} is {facts.dist}.",
            facts,
            field="file name",
            expected=facts.dist,
            actual=entry.file_name,
            layers=_OWN,
        )
        return
    if reason := _unusable(subject, pack).get(entry.member):
        yield problem(
            subject,
            f"repodata.json says of {facts.name} what no installer can read: {reason}",
            facts,
            field="record",
            layers=_OWN,
        )
        return
    for field in _lost(subject, pack).get(entry.member, ()):
        yield problem(
            subject,
            f"repodata.json does not say the {field} of {facts.name}, though that of all others.",
            facts,
            field=field,
            expected=field,
            severity="warning",
            layers=_OWN,
        )
    for field in sorted(set(entry.record) - set(RECORD_FIELDS)):
        if pack.tool_version == TOOL_VERSION:
            yield problem(
                subject,
                f"repodata.json says of {facts.name} what pixi-pack does not write: {field}.",
                facts,
                field=field,
                actual=entry.record[field],
                severity="warning",
                layers=_OWN,
            )


def _lost(subject: Subject, pack: Pack) -> Mapping[str, Sequence[str]]:
    """Digests and sizes that a record lacks and all others have, by the member.

    That a record has none of them is said elsewhere.
    """

    def find() -> Mapping[str, Sequence[str]]:
        listed = list(entries(pack))
        found: dict[str, list[str]] = {}
        for field in _DIGESTS:
            lacking = [each for each in listed if each.record.get(field) is None]
            some = any(lacking[0].record.get(other) for other in _DIGESTS) if lacking else False
            if len(lacking) == 1 and len(listed) > 2 and some:
                found.setdefault(lacking[0].member, []).append(field)
        return found

    return subject.once("digests that records lack", find)


def _unusable(subject: Subject, pack: Pack) -> Mapping[str, str]:
    """Why rattler, which installs packs, cannot read a record, by the member."""
    return subject.once("records that rattler cannot read", lambda: dict(_unreadable(pack)))


def _unreadable(pack: Pack) -> Iterator[tuple[str, str]]:
    listed = list(entries(pack))
    try:
        with scratch_directory() as scratch:
            file = scratch / "repodata.json"
            # All together, and one by one only where one of them is refused.
            if _refused(file, listed) is None:
                return
            for entry in listed:
                if reason := _refused(file, [entry]):
                    yield entry.member, reason
    except OSError as error:
        raise Infrastructure(
            f"The records of the pack cannot be read: {error.strerror or error}.",
            file=error.filename or pack.path,
        ) from None


def _refused(file: Path, listed: Sequence[Entry]) -> str | None:
    from rattler import Channel, RepoData

    from pytest_pixipack.prefix.extracted import rattler_errors

    # By numbers, because two subdirs can have files of one name.
    records = {f"{number}/{e.file_name}": dict(e.record) for number, e in enumerate(listed)}
    file.write_text(json.dumps({"packages.conda": records}), encoding="utf-8")
    try:
        with rattler_errors("It is refused", None):
            found = RepoData.from_path(file).into_repo_data(Channel("file:///pack"))
    except InvalidInput as error:
        return error.message.removeprefix("It is refused: ")
    return None if len(found) == len(listed) else "it is not the record of a conda package."


def _fields(pack: Pack, entry: Entry) -> tuple[str, ...]:
    """The fields to compare: of a pack in the format that we write, each one.

    Other releases of pixi-pack write records with more fields, or with fewer.
    """
    if pack.tool_version != TOOL_VERSION:
        return COMPARED
    others = {*entry.record, *(set(RECORD_FIELDS) - set(LEGACY))} - set(COMPARED)
    return (*COMPARED, *sorted(others))


def _names_by_file(subject: Subject) -> Mapping[str, str]:
    """The names of the packages whose files lock or builds know."""

    def find() -> Mapping[str, str]:
        found = {a.path.name: a.facts.name for a in subject.artifacts}
        return found | {p.file_name: name for name, p in subject.locked.items() if p.file_name}

    return subject.once("names by file", find)


def _second(subject: Subject, pack: Pack) -> frozenset[str]:
    """Members that are beside the locked or built package of their name."""
    together: dict[str, list[Entry]] = {}
    for entry in entries(pack):
        together.setdefault(entry.facts.name, []).append(entry)
    found = set()
    for name, same in together.items():
        locked, artifact = subject.locked.get(name), subject.built.get(name)
        wanted = {locked.file_name if locked else None, artifact.path.name if artifact else None}
        if any(each.file_name in wanted for each in same):
            found |= {each.member for each in same if each.file_name not in wanted}
    return frozenset(found)


def _names_in(subject: Subject, entry: Entry) -> tuple[str, ...]:
    return (_name_of(subject, entry.member),)


def _unnamed_files(subject: Subject, pack: Pack) -> Iterator[Problem]:
    """Files that no record is about; where none of a directory is named, that is one thing."""
    named = {entry.member for entry in entries(pack)}
    directories: dict[str, list[str]] = {}
    for member in package_members(pack):
        directories.setdefault(member.name.split("/")[1], []).append(member.name)
    for directory, members in directories.items():
        unnamed = [member for member in members if member not in named]
        if directory in pack.repodata and (len(unnamed) < len(members) or len(unnamed) == 1):
            for name in unnamed:
                file = PurePosixPath(name).name
                yield problem(
                    subject,
                    f"The pack holds {file}, which its repodata.json does not name.",
                    PackageFacts(name=_name_of(subject, name)),
                    field="packages",
                    expected=file,
                    actual=None,
                    layers=_OWN,
                )
        elif unnamed:
            yield problem(
                subject,
                f"The repodata.json of {directory} names none of its {len(members)} packages."
                if directory in pack.repodata
                else f"The pack has no repodata.json of {directory}.",
                field="packages.conda" if directory in pack.repodata else "repodata.json",
                expected=[PurePosixPath(member).name for member in members],
                actual=None,
                about=tuple(_name_of(subject, member) for member in unnamed),
                layers=_OWN,
            )


def _name_of(subject: Subject, member: str) -> str:
    """The name of the package in a file, by lock or builds, itself, or the name of the file."""
    file = PurePosixPath(member).name
    inside = packages_inside(subject).get(member)
    own = inside.index.get("name") if inside is not None else None
    return _names_by_file(subject).get(file) or own or file.rsplit("-", 2)[0]


def _top(
    subject: Subject, pack: Pack, subdir: str, content: Mapping[str, Any]
) -> Iterator[Problem]:
    """What repodata.json says besides of packages."""

    def told(message: str, field: str, **more: Any) -> Problem:
        return problem(subject, message, field=field, layers=_OWN, **more)

    where, exact = f"The repodata.json of {subdir}", pack.tool_version == TOOL_VERSION
    here = tuple(e.facts.name for e in entries(pack) if e.directory == subdir)
    info, version = content.get("info"), content.get("repodata_version")
    if "info" in content and not isinstance(info, dict):
        yield told(f"{where} has no object `info`.", "info", expected={"subdir": subdir})
    elif isinstance(info, dict):
        named = info.get("subdir")
        if named != subdir and (named is not None or exact):
            yield told(
                f"{where} says that it is that of {named}.",
                "info.subdir", expected=subdir, actual=named, about=here,
            )  # fmt: skip
        for key in sorted(set(info) - _INFO):
            # With a `base_url`, packages are fetched from there (conda CEP 15).
            elsewhere = key == "base_url"
            yield told(
                f"{where} says that packages are elsewhere: {info[key]}."
                if elsewhere
                else f"{where} says what pixi-pack does not write: info.{key}.",
                f"info.{key}", actual=info[key], severity="error" if elsewhere else "warning",
            )  # fmt: skip
    if "repodata_version" in content and (version not in _VERSIONS or isinstance(version, bool)):
        yield told(
            f"{where} has the version {version}; 1 and 2 are known.",
            "repodata_version", expected=2, actual=version,
        )  # fmt: skip
    for key in sorted(_ALWAYS - set(content)) if exact and here else ():
        yield told(
            f"{where} has no `{key}`, which pixi-pack writes.", key,
            expected=key, severity="warning",
        )  # fmt: skip
    for key in sorted(set(content) - _TOP):
        yield told(
            f"{where} says what pixi-pack does not write: {key}.", key,
            actual=content[key], severity="warning",
        )  # fmt: skip
